"""A tokenizer's chat template: the tokens of a prompt, of a prompt with its reply, and where the reply begins and ends.

Training and inference use the same object, so a model is prompted with the tokens that it was trained on. A dialogue is
always rendered and tokenized as a whole, and a template that rewrites earlier messages is followed. The loss starts
where the prompt with the opening of a reply and the prompt with the reply begin to differ (as in TRL 1.16). Text of
messages never becomes a special token, and a template that writes the date is given a fixed one. Loads no model.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple, Self

from jinja2 import TemplateError

from i2a.errors import BadRequest, UsageError
from i2a.text import one_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TemplateMessage = Mapping[str, str]  # `role` and `content`


class Tokens(NamedTuple):
    """`ids`: prompt, reply, and what the template closes a reply with. `ids[start:]` carry the loss; `start` >= 1."""

    ids: list[int]
    start: int


class Fitted(NamedTuple):
    """A prompt as far as it fits, its tokens with each reply, and how many of its oldest turns were dropped."""

    prompt: list[TemplateMessage]
    tokens: tuple[Tokens, ...]
    dropped: int


class ChatTemplate:
    """Renders messages to tokens. Raises `UsageError` for a tokenizer without a template that renders a dialogue.

    `moves_system`: a system message is merged into the first user message, because the template has no place for it or
    shows it elsewhere once there is a reply. `drops_opening`: the assistant's messages before the user's first are left
    out. `stop_id`: the special token that ends a reply, if any; it need not be the tokenizer's EOS. `untrainable`: why
    the template cannot be trained with, if it cannot. `warnings`: how its limits are handled, in sentences. `today`:
    the date, as YYYY-MM-DD, for a template that writes it.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", name: str = "", today: str | None = None) -> None:
        self.tokenizer = tokenizer
        self.today = today or date.today().isoformat()
        self._name = name or str(getattr(tokenizer, "name_or_path", "")) or "the tokenizer"
        if not getattr(tokenizer, "chat_template", None):
            raise UsageError(
                f"{self._name} has no chat template; take a chat model (often named -Instruct or -Chat), "
                "or put one beside its tokenizer as chat_template.jinja"
            )
        self.moves_system = self.drops_opening = False
        self._control = re.compile("(?!)")
        before, again = (self._render([*PROBE[:-1], _says("user", words)], opens_reply=True) for words in ENDS)
        self._opening = _common(before[::-1], again[::-1])  # tokens between the user's words and the reply
        added = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._special = added | set(tokenizer.all_special_ids)
        self._find_control_tokens()
        self.stop_id: int | None = None
        self.untrainable: str | None = None
        self._try_replies()
        self.moves_system = not self._has_place_for(_says("system", "Verdigris"))
        self.drops_opening = not self._has_place_for(_says("assistant", "Verdigris"))
        self.warnings = self._warnings()

    @classmethod
    def for_training(cls, tokenizer: "PreTrainedTokenizerBase", name: str = "", today: str | None = None) -> Self:
        """Raises `UsageError` with the reason for a template that cannot be trained with, too."""
        template = cls(tokenizer, name, today)
        if template.untrainable:
            raise UsageError(template.untrainable)
        return template

    @property
    def dated(self) -> bool:
        """Whether it writes the date."""
        return bool(DATE.search(self.tokenizer.get_chat_template()))

    @property
    def pad_id(self) -> int | None:
        """What fills up a batch. Mask it by length, not by value: it can be the token that ends a reply."""
        pad = self.tokenizer.pad_token_id
        return self.stop_id if pad is None else int(pad)

    # Inference: prompts and replies.

    def prompt(
        self, messages: Sequence[TemplateMessage], *, thinking: bool | None = None, today: str | None = None
    ) -> list[int]:
        """The tokens of `messages` and of what opens a reply. Raises `BadRequest` if the template refuses them.

        `thinking` is passed to the template as `enable_thinking`, unless it is None. `today`: another date.
        """
        options = {} if thinking is None else {"enable_thinking": thinking}
        try:
            return self._render(self._adapted(messages), opens_reply=True, today=today, **options)
        except UsageError as error:
            raise BadRequest(str(error)) from None

    def replies(self, messages: Iterable[TemplateMessage]) -> list[list[int]]:
        """The tokens of each message of the assistant in `messages`."""
        replies = [message["content"] for message in messages if message["role"] == "assistant"]
        return [self.tokenizer.encode(reply, add_special_tokens=False, split_special_tokens=True) for reply in replies]

    def text(self, ids: Sequence[int]) -> str:
        """The text of `ids`, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    # Training. A prompt ends with a message of the user.

    def tokens(self, prompt: Sequence[TemplateMessage], reply: str) -> Tokens:
        """Raises `UsageError` if the template cannot render these messages."""
        return self._tokens(prompt, (reply,))[0]

    def pair(self, prompt: Sequence[TemplateMessage], chosen: str, rejected: str) -> tuple[Tokens, Tokens]:
        """Both replies with the same start, the earlier of the two, as TRL takes it. Raises as `tokens` does."""
        one, other = self._tokens(prompt, (chosen, rejected))
        return one, other

    def fit(self, prompt: Sequence[TemplateMessage], replies: Sequence[str], max_length: int | None) -> Fitted | None:
        """`prompt` less as few of its oldest turns as let every reply to it fit into `max_length` tokens.

        A turn is a user message and what follows up to the next one; a leading system message stays. None: not even
        the last turn fits. Raises as `tokens` does.
        """
        head = [message for message in prompt[:1] if message["role"] == "system"]
        turns = [place for place, message in enumerate(prompt) if message["role"] == "user"]

        def less(dropped: int) -> Fitted | None:
            rest = [*head, *prompt[turns[dropped] :]] if dropped else list(prompt)
            tokens = self._tokens(rest, replies)
            fits = max_length is None or max(len(ids) for ids, _ in tokens) <= max_length
            return Fitted(rest, tokens, dropped) if fits else None

        if whole := less(0):
            return whole
        counts = range(1, len(turns))  # each turn dropped makes it shorter
        found = bisect_left(counts, True, key=lambda dropped: less(dropped) is not None)
        return less(counts[found]) if found < len(counts) else None

    def _tokens(self, prompt: Sequence[TemplateMessage], replies: Sequence[str]) -> tuple[Tokens, ...]:
        messages = self._adapted(prompt)
        before = self._render(messages, opens_reply=True)
        whole = [self._render([*messages, _says("assistant", reply)]) for reply in replies]
        start = min(_common(before, ids) for ids in whole)
        if start < len(before) - self._opening:
            raise self._refusal("once there is a reply, it renders the messages before it differently")
        return tuple(Tokens(ids, start) for ids in whole)

    # Rendering, the same for training and inference.

    def _adapted(self, messages: Sequence[TemplateMessage]) -> list[TemplateMessage]:
        """The messages in a form that the template has a place for."""
        adapted = list(messages)
        users = [place for place, message in enumerate(adapted) if message["role"] == "user"]
        if self.moves_system and users and adapted[0]["role"] == "system":
            first = users[0]
            adapted[first] = _says("user", f"{adapted[0]['content']}\n\n{adapted[first]['content']}")
            del adapted[0]
        if self.drops_opening and users:
            opening = 1 if adapted[0]["role"] == "system" else 0
            while adapted[opening]["role"] == "assistant":
                del adapted[opening]
        return adapted

    def _render(
        self,
        messages: Sequence[TemplateMessage],
        *,
        opens_reply: bool = False,
        today: str | None = None,
        **options: bool,
    ) -> list[int]:
        """Raises `UsageError` if the template refuses the messages."""
        try:
            ids = self.tokenizer.apply_chat_template(
                list(messages),
                chat_template=_with_date(self.tokenizer.get_chat_template(), today or self.today),
                add_generation_prompt=opens_reply,
                return_dict=False,
                sanitize_control_tokens=self._has_control_tokens(messages),  # slow, so only where it is needed
                **options,
            )
        except (TemplateError, TypeError, KeyError, ValueError) as error:
            roles = ", ".join(message["role"] for message in messages)
            reason = one_line(str(error)) or type(error).__name__
            raise UsageError(f"the chat template of {self._name} refuses messages of {roles}: {reason}") from None
        return list(ids)

    def _find_control_tokens(self) -> None:
        """Special tokens, and other added tokens with which the template marks who speaks: in the text of a message
        they are ordinary text. Tags of thoughts are not among them: a reply may have some."""
        tokenizer = self.tokenizer
        with suppress(UsageError):
            if tokenizer.chat_control_tokens is None:
                written = set(self._render(PROBE)) & set(tokenizer.added_tokens_decoder)
                tokenizer.chat_control_tokens = sorted(tokenizer.added_tokens_decoder[id].content for id in written)
        self._control = re.compile(
            "|".join(
                re.escape(token.content)
                for token in tokenizer.added_tokens_decoder.values()
                if token.special or token.content in (tokenizer.chat_control_tokens or ())
            )
            or "(?!)"
        )

    def _has_control_tokens(self, messages: Sequence[TemplateMessage]) -> bool:
        return any(self._control.search(message["content"]) for message in messages)

    # Probing what the template can do, with words that no template contains.

    def _try_replies(self) -> None:
        """Find the token that ends a reply, and whether the template can be trained with."""
        try:
            one, other = (self._render([*PROBE, _says("assistant", words)]) for words in ENDS)
            closing = one[len(one) - _common(one[::-1], other[::-1]) :]
            self.stop_id = next((id for id in closing if id in self._special), None)
            self._check_roles(one)
            bos = self.tokenizer.bos_token_id
            if bos is not None and one[:2] == [bos, bos]:
                raise self._refusal("it begins with the BOS token twice")
            self._tokens(PROBE, ENDS)
            self._check_closing(closing)
        except UsageError as error:
            self.untrainable = str(error)

    def _check_roles(self, ids: list[int]) -> None:
        text = self.tokenizer.decode(ids)
        for message in (*PROBE, _says("assistant", ENDS[0])):
            if message["content"] not in text:
                raise self._refusal(f"it leaves out messages of the {message['role']}")

    def _check_closing(self, closing: list[int]) -> None:
        """Refuse to train if generation would not stop after a reply. `closing`: the tokens after its words."""
        text = self.tokenizer.decode(closing)
        if not text.strip():
            raise self._refusal("a reply ends without any token at which generation would stop")
        stop = next(place for place, id in enumerate(closing) if self.tokenizer.decode([id]).strip())
        if closing[stop] not in self._special:
            raise self._refusal(f"a reply ends with {text!r}, which is no special token, so generation would not stop")
        if any(id not in self._special and self.tokenizer.decode([id]).strip() for id in closing[stop:]):
            more = self.tokenizer.decode(closing[stop + 1 :]).strip()
            raise self._refusal(f"it writes {more!r} after the end of a reply")

    def _has_place_for(self, first: TemplateMessage) -> bool:
        """Whether the template shows this message before the user's first, also once there is a reply."""
        prompt = [first, *PROBE]
        try:
            shown = [self._render(prompt, opens_reply=True)]
            if self.untrainable is None:
                shown.append(self.tokens(prompt, ENDS[0]).ids)
        except UsageError:
            return False
        return all(first["content"] in self.tokenizer.decode(ids) for ids in shown)

    def _warnings(self) -> tuple[str, ...]:
        found = []
        if self.moves_system:
            found.append("the system message is merged into the first user message: the template has no place for it")
        if own := self._own_system():
            found.append(f"the chat template gives a dialogue without a system message one of its own: {own!r:.120}")
        if self.drops_opening:
            found.append("messages before the user's first are left out: the template has no place for them")
        if self.dated:
            found.append(f"the chat template writes the date, which stays {self.today} for the whole run")
        if opening := self._unlearnt_opening():
            found.append(f"generation opens a reply with {opening!r}, which the replies trained on do not begin with")
        return tuple(found)

    def _own_system(self) -> str:
        """What stands in the place of a system message where there is none; mostly nothing. A server that uses the
        template writes it too, so it stays as it is."""
        if self.moves_system:
            return ""
        without = self._render(PROBE)
        given = self._render([_says("system", ENDS[0]), *PROBE])
        start = _common(without, given)
        end = min(_common(without[::-1], given[::-1]), min(len(without), len(given)) - start)
        own, theirs = (self.tokenizer.decode(ids[start : len(ids) - end]).strip() for ids in (without, given))
        return str(own) if theirs == ENDS[0] else ""

    def _unlearnt_opening(self) -> str:
        """What opens a reply in a prompt, but does not stand before a reply that is there; mostly nothing."""
        if self.untrainable:
            return ""
        before, whole = self._render(PROBE, opens_reply=True), self.tokens(PROBE, ENDS[0]).ids
        if self.tokenizer.decode(whole).startswith(self.tokenizer.decode(before)):
            return ""
        return str(self.tokenizer.decode(before[_common(before, whole) :]))

    def _refusal(self, reason: str) -> UsageError:
        return UsageError(f"the chat template of {self._name} cannot be trained with: {reason}")


def _with_date(template: str, today: str) -> str:
    """`template` with the date that it asks for, in each form that it asks for it, written into it."""
    if not DATE.search(template):
        return template
    moment = datetime.fromisoformat(today)
    formats = sorted({found["format"] for found in DATE.finditer(template) if found["format"]})
    cases = "".join(
        f"{{%- elif format == {json.dumps(format)} -%}}{{{{ {json.dumps(moment.strftime(format))} }}}}"
        for format in formats
    )
    date = f"{{%- if false -%}}{cases}{{%- else -%}}{{{{ {json.dumps(today)} }}}}{{%- endif -%}}"
    # What is printed, if only nothing, keeps a line end after it.
    return f"{{%- macro strftime_now(format) -%}}{date}{{%- endmacro -%}}{{{{ '' }}}}{template}"


def _says(role: str, content: str) -> TemplateMessage:
    return {"role": role, "content": content}


DATE = re.compile(r"""strftime_now\s*\((\s*(?P<quote>['"])(?P<format>.*?)(?P=quote))?""")
ENDS = ("Saffron", "Pewter")  # no common end
PROBE = [_says("user", "Quartz"), _says("assistant", "Walnut"), _says("user", "Heron")]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids the two begin with alike."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
