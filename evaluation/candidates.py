"""Candidates: what is evaluated. A model string, with or without a wrapper that says what the model is told.

A plain candidate gets the dialogue and nothing else: no system message, no persona.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from agents.prompt import Prompt
from agents.responders import PreferredResponder, describe
from agents.role import Role
from i2a.errors import UsageError
from i2a.models.model import Model
from i2a.models.spec import ModelSpec
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference

NAME = re.compile(r"(?P<name>[\w.+-][\w .+-]*)=(?P<model>.+)")


class Plain(Role):
    """A model as anybody would talk to it. A reply that is cut is what it says, and is judged."""

    prompt = Prompt("")
    keeps_cut = True
    chat_role = "assistant"


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
    """Is shown the history of another person before each message: what it gains by knowing this one goes away."""


WRAPPERS: dict[str, type[Plain]] = {
    "plain": Plain,
    "reminder": Reminded,
    "brief": Brief,
    "oracle": Oracle,
    "shuffled": Shuffled,
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
        return {"wrapper": self.wrapper, "model": str(self.model), "prompt": self.role.prompt.fingerprint}

    def play(self, model: Model, persona: Persona) -> Plain:
        """The candidate as it talks to `persona`, of whom only an oracle is told."""
        if self.wrapper != "oracle":
            return self.role("candidate", model)
        whole = Inference(reason="", profile=[persona.profile], personality=[persona.personality])
        return self.role("candidate", model, known=describe(whole))


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
