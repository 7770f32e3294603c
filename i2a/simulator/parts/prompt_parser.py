"""From chat messages to a task: which role is asked, what it may see. Knows the tags of the prompts, no role names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from i2a.models.model import Message
from i2a.simulator.language.text import fold, shorten

_LONGEST = 3000  # characters of a message
_BLOCK = re.compile(r"<([a-z][a-z0-9_]*)>\n?(.*?)\n?</\1>", re.S)
_LINE = re.compile(r"^([A-Z][\w-]{0,30}):(?: |$)", re.M)
_ASKS = re.compile(r"\bask (?:\w+ ){0,4}questions?\b", re.I)
_LOOKS_LIKE_OPENER = re.compile(r"^\s*\(.*\)\s*$", re.S)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The messages, oldest first, as (speaker, text); `user` is the person, whatever chat role it has in the prompt."""

    lines: tuple[tuple[Literal["user", "assistant"], str], ...]

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(text for speaker, text in self.lines if speaker == "user")

    @property
    def assistants(self) -> tuple[str, ...]:
        return tuple(text for speaker, text in self.lines if speaker == "assistant")

    @property
    def used(self) -> str:
        """The assistant's messages in lower case: what not to repeat."""
        return " ".join(self.assistants).lower()

    @property
    def last(self) -> str:
        """The person's last message, empty when there is none."""
        return next((text for speaker, text in reversed(self.lines) if speaker == "user"), "")


@dataclass(frozen=True, slots=True)
class PromptTask:
    """What the messages ask for. `system`, `request`: the tagged blocks of the system prompt and of the last message.

    `probing`: whether the instructions are to ask questions, as a tutor or an interviewer does.
    """

    role: Literal["user", "inducer", "judge", "rater", "chooser", "responder", "form"]
    system: Mapping[str, str]
    request: Mapping[str, str]
    dialogue: Dialogue
    probing: bool = False


def read(messages: Sequence[Message], *, form: bool = False) -> PromptTask:
    """The task of a prompt. `form` says that an answer of some other structure is wanted than the known ones."""
    system = blocks("\n".join(message.content for message in messages if message.role == "system"))
    # A request that is repeated because the answer had the wrong form stands before that answer.
    requests = [message.content for message in messages if message.role == "user"]
    request = blocks(
        next((text for text in reversed(requests) if "<dialogue>" in text), requests[-1] if requests else "")
    )
    quoted = transcript(request["dialogue"]) if "dialogue" in request else None
    if form:
        return PromptTask("form", system, request, quoted or _chat(messages, person="user"))
    if "reply_1" in request and "reply_2" in request:
        return PromptTask("judge", system, request, quoted or Dialogue(()))
    if "reply_a" in request and quoted is not None:
        return PromptTask("chooser", system, request, quoted)
    if "reply" in request and quoted is not None:
        return PromptTask("rater", system, request, quoted)
    if quoted is not None and ("profile" in system or "personality" in system):
        return PromptTask("inducer", system, request, quoted)
    if "known" not in system and ("profile" in system or "personality" in system or _is_opened(messages, system)):
        return PromptTask("user", system, request, _chat(messages, person="assistant"))
    probing = any(message.role == "system" and _ASKS.search(message.content) for message in messages)
    return PromptTask("responder", system, request, quoted or _chat(messages, person="user"), probing)


@lru_cache(maxsize=4096)
def blocks(text: str) -> Mapping[str, str]:
    """The tagged blocks of a prompt, outermost first; a tag that occurs twice keeps its first content."""
    found: dict[str, str] = {}
    for tag, content in _BLOCK.findall(text):
        found.setdefault(tag, content.strip())
    return found


@lru_cache(maxsize=4096)
def transcript(text: str) -> Dialogue:
    """`Speaker: ...` lines as a dialogue. The person is the User, or in a chat without one whoever spoke first."""
    marks = list(_LINE.finditer(text))
    speakers = [mark[1] for mark in marks]
    person = "User" if "User" in speakers or not speakers else speakers[0]
    ends = [mark.start() for mark in marks[1:]] + [len(text)] * bool(marks)
    return Dialogue(
        tuple(
            ("user" if mark[1] == person else "assistant", shorten(fold(text[mark.end() : end]), _LONGEST))
            for mark, end in zip(marks, ends, strict=True)
        )
    )


def _is_opened(messages: Sequence[Message], system: Mapping[str, str]) -> bool:
    first = next((message for message in messages if message.role != "system"), None)
    return bool(system) and first is not None and first.role == "user" and bool(_LOOKS_LIKE_OPENER.match(first.content))


def _chat(messages: Sequence[Message], *, person: Literal["user", "assistant"]) -> Dialogue:
    """The chat itself. When the person answers (as assistant), the prompt's opening message is not part of it."""
    talk = [message for message in messages if message.role != "system"]
    if person == "assistant" and talk and talk[0].role == "user":
        talk = (
            talk[1:]
            if len(talk) == 1 or talk[1].role == "assistant" or _LOOKS_LIKE_OPENER.match(talk[0].content)
            else talk
        )
    return Dialogue(
        tuple(
            ("user" if message.role == person else "assistant", shorten(fold(message.content), _LONGEST))
            for message in talk
        )
    )
