"""Items: a dialogue up to a message of its user, and four replies to it, one of which was written for this person.

A file of items is JSON Lines: a header that says who wrote them, then a dialogue with its items on each line.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from i2a import jsonl
from i2a.digests import digest
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.jsonl import JsonObject
from i2a.trees.persona import Persona
from i2a.validation import problem

FILE = "items.jsonl"

OptionKind = Literal["fits", "facts", "manner", "generic"]
OPTIONS: tuple[OptionKind, ...] = get_args(OptionKind)
WRONG = {"facts": "wrong facts", "manner": "wrong manner", "generic": "generic"}


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ChoiceItem(_Stored):
    """Four replies to the user's message at `turn` (from 1), by what they are.

    fits      written with what the chat had shown of this person
    facts     this person's manner, and a fact of `facts_of`: another person, or this one where it does not belong
    manner    this person's facts, and the manner that suits `manner_of`
    generic   written with no hint
    """

    turn: int = Field(ge=1)
    options: dict[OptionKind, str]
    facts_of: str
    manner_of: str

    @model_validator(mode="after")
    def _has_four_different_options(self) -> Self:
        if len(set(self.options.values())) < len(OPTIONS) or set(self.options) != set(OPTIONS):
            raise ValueError(f"an item has four different replies: {', '.join(OPTIONS)}")
        return self


class ChoiceDialogue(_Stored):
    """A dialogue and its items. `messages` are those of the user and the assistant in turn, the user's first.

    `profile` and `personality` are the ids of the halves of the persona; `case` is that of the dialogue.
    """

    case: str
    profile: str
    personality: str
    messages: list[str] = Field(min_length=1)
    items: list[ChoiceItem] = Field(min_length=1)

    @model_validator(mode="after")
    def _reaches_its_items(self) -> Self:
        if any(2 * item.turn - 1 > len(self.messages) for item in self.items):
            raise ValueError("an item stands at a turn that the dialogue does not have")
        if len({item.turn for item in self.items}) < len(self.items):
            raise ValueError("two items stand at one turn")
        return self

    def until(self, turn: int) -> list[str]:
        """The messages up to the user's at this turn."""
        return self.messages[: 2 * turn - 1]


class ItemsHeader(_Stored):
    """Where items come from.

    command    what made them, as it was typed, less the folder it wrote to
    writer     model and prompt fingerprint of each role that wrote
    simulated  whether rules wrote, and no language model
    change     the turn at which each person takes on another personality, if they do
    """

    format: Literal["i2a.choice-items/1"] = "i2a.choice-items/1"
    command: str
    writer: dict[str, dict[str, str]]
    simulated: bool
    provenance: str
    fingerprint: str
    profiles: dict[str, str]
    personalities: dict[str, str]
    change: int | None = None


@dataclass(frozen=True, slots=True)
class ItemSet:
    """All items of a file."""

    header: ItemsHeader
    dialogues: tuple[ChoiceDialogue, ...]

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """The items of a file or of the folder of a build; None: those that come with i2a. Raises `UsageError`."""
        file = SHIPPED if path is None else path / FILE if path.is_dir() else path
        lines = [text for _, _, text in jsonl.lines(file, must_exist=True)]
        if not lines:
            raise UsageError(f"{file}: no items in it")
        try:
            header = ItemsHeader.model_validate_json(lines[0])
            dialogues = tuple(ChoiceDialogue.model_validate_json(line) for line in lines[1:])
        except ValidationError as error:
            raise UsageError(
                f"{file}: not a file of items, which `i2a benchmark build` makes: {problem(error)}"
            ) from None
        if fingerprint(dialogues) != header.fingerprint:
            raise UsageError(f"{file}: its items are not those that were built: a line was changed, added or lost")
        return cls(header, dialogues)

    def write(self, file: Path) -> None:
        """Raises `UsageError` if it cannot."""
        try:
            with atomic_write(file) as target:
                for line in (self.header, *self.dialogues):
                    stored = line.model_dump(exclude={"change"} if self.header.change is None else None)
                    target.write(jsonl.dumps(stored).encode() + b"\n")
        except OSError as error:
            raise UsageError(f"{file}: cannot be written: {error.strerror}") from None

    def persona(self, dialogue: ChoiceDialogue) -> Persona:
        """Whose dialogue it is."""
        profile, personality = dialogue.profile, dialogue.personality
        known = self.header.profiles, self.header.personalities
        return Persona("", known[0][profile], known[1][personality], profile, personality)

    @property
    def turns(self) -> int:
        """The last turn at which an item stands."""
        return max(item.turn for dialogue in self.dialogues for item in dialogue.items)

    @property
    def described(self) -> JsonObject:
        """The items as they stand in a result."""
        return {
            "provenance": self.header.provenance,
            "writer": self.header.writer,
            "simulated": self.header.simulated,
            "dialogues": len(self.dialogues),
            "items": sum(len(dialogue.items) for dialogue in self.dialogues),
            "profiles": len({dialogue.profile for dialogue in self.dialogues}),
            "personalities": len({dialogue.personality for dialogue in self.dialogues}),
            "fingerprint": fingerprint(self.dialogues),
            **({} if self.header.change is None else {"change": self.header.change}),
        }


SHIPPED = Path(str(files("i2a.personas") / "benchmark" / "choice.jsonl"))


def fingerprint(dialogues: Iterable[ChoiceDialogue]) -> str:
    """16 hex digits of all items, in order."""
    return digest(json.dumps([dialogue.model_dump() for dialogue in dialogues]))
