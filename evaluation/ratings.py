"""Ratings of replies by people: the file that `--ratings` takes and `i2a view --rate` writes, one line an answer."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from evaluation.scores import Protocol
from i2a import jsonl
from i2a.errors import UsageError
from i2a.validation import problem

HUMAN = "human"


class ReplyKey(NamedTuple):
    """Which reply a score is for."""

    candidate: str
    case: str
    turn: int


class StoredRating(BaseModel):
    """A human rating: an object of JSONL, or a row of CSV with these columns. Other keys are ignored.

    A reply that was `skipped`, for the reason that stands there, has no score. `revised`: it takes the place of what
    this rater said of the reply before.
    """

    candidate: str
    case: str
    turn: int = Field(ge=1)
    score: int | None = None
    rater: str | None = None
    comment: str = ""
    skipped: str | None = None
    revised: bool = False

    @model_validator(mode="after")
    def _is_rated_or_skipped(self) -> Self:
        if self.score is None and self.skipped is None:
            raise PydanticCustomError("score", "score: Field required, or skipped with the reason")
        return self

    @property
    def reply(self) -> ReplyKey:
        return ReplyKey(self.candidate, self.case, self.turn)

    @property
    def by(self) -> str:
        return human(self.rater)


def human(name: str | None) -> str:
    """The name of a person as a rater, which no judge can have."""
    return f"{HUMAN}:{name}" if name else HUMAN


def is_human(rater: str) -> bool:
    return rater == HUMAN or rater.startswith(f"{HUMAN}:")


def mean_ratings(file: Path, protocol: Protocol) -> dict[ReplyKey, float]:
    """What people gave each reply in a file, on average, in units of a level. Raises `UsageError`."""
    given: dict[ReplyKey, list[int]] = defaultdict(list)
    for rated in read_ratings(file, protocol).values():
        for reply, score in rated.items():
            given[reply].append(score)
    return {reply: protocol.unit * fmean(scores) for reply, scores in given.items()}


def read_ratings(file: Path, protocol: Protocol) -> dict[str, dict[ReplyKey, int]]:
    """The ratings in a file, by rater, without skipped replies.

    Raises `UsageError`, with file and line, for a line that is not a rating, a score that the protocol does not have,
    and a second rating of a reply by one rater that does not say that it is `revised`.
    """
    ratings: dict[str, dict[ReplyKey, int]] = defaultdict(dict)
    for number, row in _csv_rows(file) if file.suffix.lower() == ".csv" else jsonl.read(file, must_exist=True):
        where = f"{file}:{number}"
        try:
            rating = StoredRating.model_validate(row)
        except ValidationError as error:
            raise UsageError(f"{where}: not a rating: {problem(error)}") from None
        if rating.score is None:
            if rating.revised:
                ratings[rating.by].pop(rating.reply, None)
            continue
        if not protocol.has(rating.score):
            scale = f"{protocol.lowest} to {protocol.highest}"
            raise UsageError(f"{where}: {rating.score} is no score of the protocol {protocol.name!r}, {scale}")
        if rating.reply in ratings[rating.by] and not rating.revised:
            raise UsageError(f"{where}: {rating.by} rates this reply a second time")
        ratings[rating.by][rating.reply] = rating.score
    return ratings


def _csv_rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The line number and the cells of each row; empty cells are left out. Raises `UsageError`."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                yield reader.line_num, {key: value for key, value in row.items() if value != ""}
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; give a CSV or JSONL file of ratings") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from None
