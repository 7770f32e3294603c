"""A tokenizer's chat template as training needs it: the tokens of a dialogue, and where the reply begins in them.

A dialogue is always rendered and tokenised as a whole, as the tokenizer does it for a chat: no token is made that
inference would not make, and a template that rewrites what went before is followed. The loss begins where the rendering
of the prompt, with what opens a reply, and that of prompt and reply part (as in TRL 1.16). Loads no model.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

from jinja2 import TemplateError

from i2a.errors import UsageError
from i2a.text import one_line

Message = dict[str, str]


class Tokens(NamedTuple):
    """`ids`: prompt, reply, and what the template closes a reply with. `ids[start:]` carry the loss; `start` >= 1."""

    ids: list[int]
    start: int


class Fitted(NamedTuple):
    """A prompt as far as it fits, its tokens with each reply, and how many of its oldest turns were dropped."""

    prompt: list[Message]
    tokens: tuple[Tokens, ...]
    dropped: int


class ChatTemplate:
    """What a tokenizer makes of messages. Raises `UsageError` with the reason for a template that cannot work.

    A prompt ends with a message of the user. `stop_id` is the token that ends a reply: generation must stop at it, and
    it need not be the tokenizer's EOS. `notes` say what is done with messages that the template has no place for.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._moves_system = self._drops_opening = False
        self._opening = 0
        self.stop_id = self._check()
        self.notes = self._settle_on_the_unusual()

    @property
    def pad_id(self) -> int:
        """What fills up a batch. Mask it by length, not by value: it can be the token that ends a reply."""
        pad = self._tokenizer.pad_token_id
        return self.stop_id if pad is None else int(pad)

    def tokens(self, prompt: Sequence[Message], reply: str) -> Tokens:
        """Raises `UsageError` if the template cannot render these messages."""
        return self._tokens(prompt, (reply,))[0]

    def pair(self, prompt: Sequence[Message], chosen: str, rejected: str) -> tuple[Tokens, Tokens]:
        """Both replies with the same start, the earlier of the two, as TRL takes it. Raises as `tokens` does."""
        one, other = self._tokens(prompt, (chosen, rejected))
        return one, other

    def fit(self, prompt: Sequence[Message], replies: Sequence[str], max_length: int | None) -> Fitted | None:
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

    def _tokens(self, prompt: Sequence[Message], replies: Sequence[str]) -> tuple[Tokens, ...]:
        known = self._known(prompt)
        before = self._ids(known, opens_reply=True)
        whole = [self._ids([*known, _says("assistant", reply)]) for reply in replies]
        start = min(_common(before, ids) for ids in whole)
        if start < len(before) - self._opening:
            raise UsageError(f"the chat template of {self._name} {REWRITES}")
        return tuple(Tokens(ids, start) for ids in whole)

    def _known(self, prompt: Sequence[Message]) -> list[Message]:
        """The prompt in messages that the template has a place for."""
        messages = list(prompt)
        if self._moves_system and messages[0]["role"] == "system":
            system, user = messages.pop(0), next(i for i, m in enumerate(messages) if m["role"] == "user")
            messages[user] = _says("user", f"{system['content']}\n\n{messages[user]['content']}")
        if self._drops_opening:
            opening = 1 if messages[0]["role"] == "system" else 0
            while messages[opening]["role"] == "assistant":
                del messages[opening]
        return messages

    def _ids(self, messages: Sequence[Message], *, opens_reply: bool = False) -> list[int]:
        try:
            ids = self._tokenizer.apply_chat_template(messages, add_generation_prompt=opens_reply, return_dict=False)
        except (TemplateError, TypeError, KeyError, ValueError) as error:
            roles = ", ".join(message["role"] for message in messages)
            reason = one_line(str(error)) or type(error).__name__
            raise UsageError(f"the chat template of {self._name} refuses messages of {roles}: {reason}") from None
        return list(ids)

    @property
    def _name(self) -> str:
        return str(getattr(self._tokenizer, "name_or_path", "")) or "the tokenizer"

    # Whether the template can work. Probes are words that no template has by itself.

    def _check(self) -> int:
        """The token that ends a reply; also finds what stands between a user's words and the reply."""
        if not getattr(self._tokenizer, "chat_template", None):
            raise UsageError(
                f"{self._name} has no chat template; take a chat model (often named -Instruct or -Chat), "
                "or put one beside its tokenizer as chat_template.jinja"
            )
        before, again = (self._ids([*PROBE[:-1], _says("user", words)], opens_reply=True) for words in ENDS)
        self._opening = _common(before[::-1], again[::-1])
        one, other = (self._ids([*PROBE, _says("assistant", words)]) for words in ENDS)
        if silent := self._unheard(one, [*PROBE, _says("assistant", ENDS[0])]):
            raise self._refusal(f"it ignores what the {silent} says")
        bos = self._tokenizer.bos_token_id
        if bos is not None and one[:2] == [bos, bos]:
            raise self._refusal("it begins with the BOS token twice")
        self._tokens(PROBE, ENDS)
        return self._end_of_reply(one[len(one) - _common(one[::-1], other[::-1]) :])

    def _end_of_reply(self, closing: list[int]) -> int:
        """The token that ends a reply, of those that `closing` has after it."""
        text = self._tokenizer.decode(closing)
        if not text.strip():
            raise self._refusal("a reply ends without any token at which generation would stop")
        stop = next(place for place, id in enumerate(closing) if self._tokenizer.decode([id]).strip())
        added = {id for id, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        special = added | set(self._tokenizer.all_special_ids)
        if closing[stop] not in special:
            raise self._refusal(f"a reply ends with {text!r}, which is no special token, so generation would not stop")
        if any(id not in special and self._tokenizer.decode([id]).strip() for id in closing[stop:]):
            more = self._tokenizer.decode(closing[stop + 1 :]).strip()
            raise self._refusal(f"it writes {more!r} after the end of a reply, though nobody asks for another one")
        return closing[stop]

    def _unheard(self, ids: list[int], messages: Sequence[Message]) -> str | None:
        """The role of a message whose words are not in `ids`."""
        text = self._tokenizer.decode(ids)
        return next((message["role"] for message in messages if message["content"] not in text), None)

    def _settle_on_the_unusual(self) -> tuple[str, ...]:
        """Find out what to do with a system message, and with an assistant that speaks first."""
        notes = []
        self._moves_system = not self._has_place_for(_says("system", "Verdigris"))
        if self._moves_system:
            notes.append(
                "a system message is put before the user's first message: the chat template has no place for it"
            )
        self._drops_opening = not self._has_place_for(_says("assistant", "Verdigris"))
        if self._drops_opening:
            notes.append("what the assistant says before the user is left out: the chat template has no place for it")
        return tuple(notes)

    def _has_place_for(self, first: Message) -> bool:
        try:
            tokens = self.tokens([first, *PROBE], ENDS[0])
        except UsageError:
            return False
        return self._unheard(tokens.ids, [first]) is None

    def _refusal(self, reason: str) -> UsageError:
        return UsageError(f"the chat template of {self._name} cannot be trained with: {reason}")


REWRITES = "cannot be trained with: once there is a reply, it renders the messages before it differently"


def _says(role: str, content: str) -> Message:
    return {"role": role, "content": content}


ENDS = ("Saffron", "Pewter")  # no common end
PROBE = [_says("user", "Quartz"), _says("assistant", "Walnut"), _says("user", "Heron")]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids the two begin with alike."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
