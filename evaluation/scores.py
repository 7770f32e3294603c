"""Scores of replies, the lines of `scores.jsonl`, read and written one at a time; and the protocols, their scales."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from i2a import jsonl
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.jsonl import JsonMapping, JsonObject
from i2a.validation import problem


@dataclass(frozen=True, slots=True)
class Protocol:
    """A scale. A score is an integer from `lowest` to `highest`; a level is the mean score times `unit`.

    The `label` follows the name in tables and plots, as numbers of two protocols cannot be compared. Raises
    `ValueError` for a scale of fewer than two scores.
    """

    name: str
    label: str
    lowest: int
    highest: int
    unit: float = 1.0

    def __post_init__(self) -> None:
        if self.lowest >= self.highest:
            raise ValueError(f"protocol {self.name}: {self.lowest} to {self.highest} is no scale")

    @classmethod
    def stored(cls, name: str, scale: JsonMapping | None) -> Self:
        """The protocol of a stored evaluation; version 0.1 wrote no scale. Raises `UsageError`."""
        if scale is None:
            if name not in SHIPPED:
                raise UsageError(f"the protocol {name!r} has no scale; known are: {', '.join(SHIPPED)}")
            scale = SHIPPED[name].scale
        try:
            return cls(name, **scale)
        except (TypeError, ValueError):
            raise UsageError(f"the protocol {name!r} has a scale of another form: {dict(scale)}") from None

    @property
    def scale(self) -> JsonObject:
        """As JSON values, without the name."""
        return {"label": self.label, "lowest": self.lowest, "highest": self.highest, "unit": self.unit}

    def has(self, score: int) -> bool:
        return self.lowest <= score <= self.highest

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest level."""
        return self.lowest * self.unit, self.highest * self.unit


ALOE = Protocol("aloe", "score 1-5", 1, 5)
STRICT = Protocol("strict", "pass or fail, in percent", 0, 1, 100.0)
SHIPPED = {protocol.name: protocol for protocol in (ALOE, STRICT)}


class OtherScore(NamedTuple):
    """What a judge gives a reply that is told of another persona than the one that holds there."""

    score: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """The score by `judge` of the `reply` of `candidate` to the user's `message` at `turn` (from 1) of a case.

    `score` is None if the reply is unscored; `reason` then says why. `other`: only where the person changes.
    """

    candidate: str
    case: str
    profile: str
    personality: str
    turn: int
    judge: str
    score: int | None
    reason: str
    message: str
    reply: str
    other: OtherScore | None = None

    def as_json(self) -> JsonObject:
        found = asdict(self)
        if self.other is None:
            del found["other"]
        else:
            found["other"] = self.other._asdict()
        return found


class StoredScore(BaseModel):
    """A line of `scores.jsonl`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    candidate: str
    case: str
    profile: str
    personality: str
    turn: int = Field(ge=1)
    judge: str
    score: int | None
    reason: str
    message: str
    reply: str
    other: OtherScore | None = None


def dump(score: Score) -> str:
    """One line of JSON, without the newline. Equal scores give equal bytes."""
    return json.dumps(score.as_json(), ensure_ascii=False, separators=(",", ":"))


def load(line: str | bytes) -> Score:
    """The score in `line`. Raises `UsageError`."""
    try:
        return Score(**dict(StoredScore.model_validate_json(line)))
    except ValidationError as error:
        raise UsageError(f"not a score: {problem(error)}") from None


def write(file: Path, scores: Iterable[Score]) -> int:
    """Write `scores` to `file` as a whole, one line each; returns how many. Raises `UsageError` if it cannot."""
    count = 0
    try:
        with atomic_write(file) as lines:
            for score in scores:
                lines.write(dump(score).encode() + b"\n")
                count += 1
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from None
    return count


def read(file: Path) -> Iterator[Score]:
    """The scores in `file`, one at a time, less a torn last line. Raises `UsageError` with file and line."""
    return jsonl.parse(file, load, must_exist=True)
