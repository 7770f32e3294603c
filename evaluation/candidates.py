"""Candidates: what is evaluated. A model string, with or without a wrapper that says what the model is told.

A plain candidate gets the dialogue and nothing else: no system message, no persona.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from agents.prompt import Prompt
from agents.responders import PreferredResponder, describe
from agents.role import Role
from i2a.errors import UsageError
from i2a.models.model import Model
from i2a.models.spec import ModelSpec
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, Node

CANDIDATE = "candidate"
NAME = re.compile(r"(?P<name>[\w.+-][\w .+-]*)=(?P<model>.+)")


class Plain(Role):
    """A model as anybody would talk to it."""

    prompt = Prompt("")
    chat_role = "assistant"
    definition: ClassVar[str] = ""  # what `shown` shows it: results under another definition are not compared

    def shown(self, message: Node, strange: Sequence[str]) -> Node:
        """What it answers in place of the user's `message`, whose path is the dialogue so far.

        `strange`: the messages of another person, for a control that needs them.
        """
        return message


class Reminded(Plain):
    """Is told to adapt to the person."""

    prompt = Prompt.beside(__file__, "reminder.txt")


class Brief(Plain):
    """Is told to be brief: what a candidate gains by learnt brevity alone shows here."""

    prompt = Prompt.beside(__file__, "brief.txt")


class Oracle(Plain):
    """Is told the whole persona, the ceiling. Values: `known`."""

    prompt = PreferredResponder.prompt


class Shuffled(Plain):
    """Sees another person's messages where this one's earlier messages stood, and its own replies as they were.

    Takes away what this person has said, but for the last message. Leaves its own replies to them, so that it can see
    what not to repeat; what these took up of the person can still be read there, so it is a ceiling for what is left.
    """

    definition = "another person's earlier messages, its own replies"

    def shown(self, message: Node, strange: Sequence[str]) -> Node:
        """The donor's first message stands in place of this person's first, and so on; turns beyond the donor's are
        left out, the earliest first."""
        replies = [node.content for node in message.path if node.speaker != message.speaker]
        here: Node | None = None
        for said, reply in zip(strange, replies[-len(strange) :] if strange else [], strict=False):
            here = Node(Node(here, message.speaker, said), CANDIDATE, reply)
        return Node(here, message.speaker, message.content)


class Last(Plain):
    """Sees the last message alone.

    Takes away all that this person has said before, and its own replies as well: what it then repeats, it repeats
    unknowingly, and a judge that sees the dialogue marks it down for that too. A floor for what is left.
    """

    definition = "the last message"

    def shown(self, message: Node, strange: Sequence[str]) -> Node:
        return Node(None, message.speaker, message.content)


WRAPPERS: dict[str, type[Plain]] = {
    "plain": Plain,
    "reminder": Reminded,
    "brief": Brief,
    "oracle": Oracle,
    "shuffled": Shuffled,
    "last": Last,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model, what it is told (a key of `WRAPPERS`), and the name under which its numbers stand."""

    name: str
    wrapper: str
    model: ModelSpec

    @classmethod
    def parse(cls, text: str) -> Self:
        """`[NAME=][WRAPPER:]MODEL`. Raises `UsageError`."""
        named = NAME.fullmatch(text)
        name, what = (named["name"].strip(), named["model"]) if named else (text, text)
        wrapper, colon, rest = what.partition(":")
        wrapper, model = (wrapper, rest) if colon and wrapper in WRAPPERS else ("plain", what)
        spec = ModelSpec.parse(model)
        if (spec.kind, spec.name) == ("offline", "oracle"):  # plays it from the prompt that tells it the persona
            if wrapper not in ("plain", "oracle"):
                raise UsageError(f"{text!r}: offline:oracle is told the persona, and nothing else")
            wrapper = "oracle"
        if re.search(r'["\\\x00-\x1f]', name):
            raise UsageError(f"{text!r}: such a name cannot be written in a file; write NAME=MODEL")
        return cls(name, wrapper, spec)

    @property
    def role(self) -> type[Plain]:
        return WRAPPERS[self.wrapper]

    @property
    def identity(self) -> dict[str, Any]:
        told = {"wrapper": self.wrapper, "model": str(self.model), "prompt": self.role.prompt.fingerprint}
        return told | ({"definition": self.role.definition} if self.role.definition else {})

    def play(self, model: Model, persona: Persona) -> Plain:
        """The candidate as it talks to `persona`, of whom only an oracle is told."""
        if self.wrapper != "oracle":
            return self.role(CANDIDATE, model)
        whole = Inference(reason="", profile=[persona.profile], personality=[persona.personality])
        return self.role(CANDIDATE, model, known=describe(whole))


def parse_all(texts: Iterable[str]) -> list[Candidate]:
    """Raises `UsageError` if there is none, or a name stands for two."""
    found: dict[str, Candidate] = {}
    for text in texts:
        candidate = Candidate.parse(text)
        if candidate.name in found:
            raise UsageError(f"two candidates are called {candidate.name!r}; give each a name: NAME=MODEL")
        found[candidate.name] = candidate
    if not found:
        raise UsageError("name at least one candidate, e.g. `i2a evaluate offline oracle:offline --out runs/eval`")
    return list(found.values())
