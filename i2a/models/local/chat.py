"""A tokenizer's chat template as inference needs it: the tokens of a prompt, and those at which a reply ends.

Where a template has no place for them, a system message goes before the words of the first user message, and what the
assistant says before the user is left out; training does the same. Loads no model.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from jinja2 import TemplateError

from i2a.errors import BadRequest, UsageError
from i2a.text import one_line

Message = Mapping[str, str]
USER, REPLY = {"role": "user", "content": "Quartz"}, {"role": "assistant", "content": "Walnut"}
NO_COMMON_END = ("Saffron", "Pewter")


class Chat:
    """Raises `UsageError` if the tokenizer has no template, or one that cannot render a dialogue."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.tokenizer, self._name = tokenizer, name
        if not getattr(tokenizer, "chat_template", None):
            raise UsageError(
                f"{name} has no chat template; take a chat model (often named -Instruct or -Chat), "
                "or put one beside its tokenizer as chat_template.jinja"
            )
        try:
            self._render([USER, REPLY, USER])
        except BadRequest as error:
            raise UsageError(str(error)) from None
        self.moves_system = not self._has_place_for({"role": "system", "content": "Verdigris"})
        self.drops_opening = not self._has_place_for({"role": "assistant", "content": "Verdigris"})

    def prompt(self, messages: Sequence[Message], *, thinking: bool | None = None) -> list[int]:
        """The tokens of `messages` and of what opens a reply. Raises `BadRequest` if the template refuses them.

        `thinking`: told to the template as `enable_thinking`, unless it is None.
        """
        told = {} if thinking is None else {"enable_thinking": thinking}
        return self._render(self._known(messages), **told)

    def replies(self, messages: Iterable[Message]) -> list[list[int]]:
        """The tokens of each thing that the assistant says in `messages`."""
        said = [message["content"] for message in messages if message["role"] == "assistant"]
        return [self.tokenizer.encode(words, add_special_tokens=False) for words in said]

    def text(self, ids: Sequence[int]) -> str:
        """What `ids` say, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def closing(self) -> int | None:
        """The special token that the template closes a reply with, if it does; it need not be the tokenizer's EOS."""
        special = {id for id, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        special |= set(self.tokenizer.all_special_ids)
        replies = ({"role": "assistant", "content": words} for words in NO_COMMON_END)
        one, other = (self._ids([USER, reply], add_generation_prompt=False)[::-1] for reply in replies)
        alike = list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
        return next((id for id, _ in reversed(alike) if id in special), None)

    def _known(self, messages: Sequence[Message]) -> list[Message]:
        """The messages in a form that the template has a place for."""
        known = list(messages)
        users = [place for place, message in enumerate(known) if message["role"] == "user"]
        if self.moves_system and users and known[0]["role"] == "system":
            first = users[0]
            known[first] = {"role": "user", "content": f"{known[0]['content']}\n\n{known[first]['content']}"}
            del known[0]
        if self.drops_opening and users:
            opening = 1 if known[0]["role"] == "system" else 0
            while known[opening]["role"] == "assistant":
                del known[opening]
        return known

    def _has_place_for(self, first: Message) -> bool:
        try:
            ids = self._render([first, USER, REPLY, USER])
        except BadRequest:
            return False
        return first["content"] in self.tokenizer.decode(ids)

    def _render(self, messages: Sequence[Message], **told: bool) -> list[int]:
        try:
            return self._ids(messages, add_generation_prompt=True, **told)
        except (TemplateError, TypeError, KeyError, ValueError) as error:
            roles = ", ".join(message["role"] for message in messages)
            reason = one_line(str(error)) or type(error).__name__
            raise BadRequest(f"the chat template of {self._name} refuses messages of {roles}: {reason}") from None

    def _ids(self, messages: Sequence[Message], **told: bool) -> list[int]:
        return list(self.tokenizer.apply_chat_template(list(messages), return_dict=False, **told))
