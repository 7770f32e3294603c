"""Agreement of the judges with each other, and with people whose ratings come from a file.

Krippendorff's alpha (ordinal) over several raters; Cohen's kappa (quadratic weights) and the share of equal scores for
every pair. A coefficient is undefined where all scores are equal. Knows no table.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import krippendorff
import numpy as np
from pydantic import BaseModel, Field, ValidationError
from sklearn.metrics import cohen_kappa_score

from evaluation.scores import Protocol, Score
from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.validation import problem

HUMAN = "human"


class ReplyKey(NamedTuple):
    """Which reply a score is for."""

    candidate: str
    case: str
    turn: int


Scored = Mapping[ReplyKey, int]


class StoredRating(BaseModel):
    """A human rating: an object of JSONL, or a row of CSV with these columns. Other keys are ignored."""

    candidate: str
    case: str
    turn: int = Field(ge=1)
    score: int
    rater: str | None = None

    @property
    def reply(self) -> ReplyKey:
        return ReplyKey(self.candidate, self.case, self.turn)

    @property
    def by(self) -> str:
        """The name of the rater, which no judge can have."""
        return f"{HUMAN}:{self.rater}" if self.rater else HUMAN


@dataclass(frozen=True, slots=True)
class RaterPair:
    """Two raters on the `replies` that both scored. None: undefined."""

    first: str
    second: str
    replies: int
    equal: float | None
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha of several raters on the `replies` that at least two of them scored. None: undefined."""

    among: str
    raters: int
    replies: int
    alpha: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """`alphas`: among the judges, the people, and all. `unmatched`: ratings of replies that no judge scored."""

    raters: tuple[str, ...]
    alphas: tuple[Alpha, ...]
    pairs: tuple[RaterPair, ...]
    unmatched: int

    def as_json(self) -> JsonObject:
        return asdict(self)


def agreement(scores: Iterable[Score], protocol: Protocol, ratings: Path | None = None) -> Agreement | None:
    """How far the judges in `scores` agree with each other and with the people in `ratings`; None for a single rater.

    Raises `UsageError`, with file and line, for a line that is not a rating, a score that the protocol does not have,
    and a second rating of a reply by one rater; also if no rating is of a reply that was scored.
    """
    judges: dict[str, dict[ReplyKey, int]] = defaultdict(dict)
    for score in scores:
        if score.score is not None:
            judges[score.judge][ReplyKey(score.candidate, score.case, score.turn)] = score.score
    known = set().union(*judges.values())
    stored = _read(ratings, protocol) if ratings else {}
    people = {name: {reply: rated[reply] for reply in rated if reply in known} for name, rated in stored.items()}
    if ratings and not any(people.values()):
        raise UsageError(f"{ratings}: no rating is of a reply that was scored here; check candidate, case and turn")
    everybody = {**judges, **people}
    if len(everybody) < 2:
        return None
    groups = {"judges": judges, "people": people, "judges and people": everybody if judges and people else {}}
    return Agreement(
        raters=tuple(everybody),
        alphas=tuple(_alpha(among, list(group.values())) for among, group in groups.items() if len(group) > 1),
        pairs=tuple(_pair(one, other, everybody, protocol) for one, other in combinations(everybody, 2)),
        unmatched=sum(len(stored[name]) - len(people[name]) for name in stored),
    )


def _pair(first: str, second: str, raters: Mapping[str, Scored], protocol: Protocol) -> RaterPair:
    one, other = raters[first], raters[second]
    both = [(one[reply], other[reply]) for reply in one if reply in other]
    if not both:
        return RaterPair(first, second, 0, None, None)
    a, b = zip(*both, strict=True)
    equal = sum(x == y for x, y in both) / len(both)
    if len({*a, *b}) == 1:  # 0/0: chance alone makes them agree
        return RaterPair(first, second, len(both), equal, None)
    # The weights go by the place of a score in `labels`: all that the protocol has, not those that occur.
    labels = range(protocol.lowest, protocol.highest + 1)
    kappa = cohen_kappa_score(a, b, labels=list(labels), weights="quadratic")
    return RaterPair(first, second, len(both), equal, float(kappa))


def _alpha(among: str, raters: Sequence[Scored]) -> Alpha:
    times = Counter(reply for rated in raters for reply in rated)
    units = [reply for reply, count in times.items() if count > 1]
    data = np.array([[rated.get(reply, np.nan) for reply in units] for rated in raters], dtype=np.float64)
    varies = len(np.unique(data[~np.isnan(data)])) > 1
    alpha = float(krippendorff.alpha(data, level_of_measurement="ordinal")) if varies else None
    return Alpha(among, len(raters), len(units), alpha)


def _read(file: Path, protocol: Protocol) -> dict[str, dict[ReplyKey, int]]:
    """The ratings in a file, by rater. Raises `UsageError`."""
    ratings: dict[str, dict[ReplyKey, int]] = defaultdict(dict)
    for number, row in _csv_rows(file) if file.suffix.lower() == ".csv" else jsonl.read(file, must_exist=True):
        where = f"{file}:{number}"
        try:
            rating = StoredRating.model_validate(row)
        except ValidationError as error:
            raise UsageError(f"{where}: not a rating: {problem(error)}") from None
        if not protocol.has(rating.score):
            scale = f"{protocol.lowest} to {protocol.highest}"
            raise UsageError(f"{where}: {rating.score} is no score of the protocol {protocol.name!r}, {scale}")
        if rating.reply in ratings[rating.by]:
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
