"""Whether those who score agree: judges with each other, and with people whose ratings come from a file.

Krippendorff's alpha (ordinal) over many, Cohen's kappa (quadratic weights) and the share of equal scores for every two.
Where nothing varies no coefficient is defined, and none is given.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import krippendorff
import numpy as np
from pydantic import BaseModel, Field, ValidationError
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from sklearn.metrics import cohen_kappa_score

from evaluation.scores import Protocol, Score
from i2a import jsonl
from i2a.errors import UsageError
from i2a.report.tables import number
from i2a.text import one_line
from i2a.validation import problem

HUMAN = "human"


class ReplyKey(NamedTuple):
    """Which reply a score is for."""

    candidate: str
    case: str
    turn: int


Scored = Mapping[ReplyKey, int]


class StoredRating(BaseModel):
    """A human rating: an object of JSONL, or a row of CSV under these heads. Whatever else it holds is ignored."""

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
        """The rater, under a name that no judge has."""
        return f"{HUMAN}:{self.rater}" if self.rater else HUMAN


@dataclass(frozen=True, slots=True)
class Pair:
    """Two raters over the `replies` that both scored. None: undefined."""

    first: str
    second: str
    replies: int
    equal: float | None
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha of several raters over the `replies` that two of them scored at least. None: undefined."""

    among: str
    raters: int
    replies: int
    alpha: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """`alphas`: among the judges, the people, and all. `unmatched`: ratings of replies that no judge scored."""

    raters: tuple[str, ...]
    alphas: tuple[Alpha, ...]
    pairs: tuple[Pair, ...]
    unmatched: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def table(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for i, head in enumerate(("agreement of", "and", "replies", "equal", "kappa")):
            table.add_column(Text(head), justify="left" if i < 2 else "right", overflow="fold")
        for pair in self.pairs:
            equal = "-" if pair.equal is None else f"{pair.equal:.1%}"
            names = [Text(one_line(name)) for name in (pair.first, pair.second)]
            table.add_row(*names, f"{pair.replies:,}", equal, number(pair.kappa, 3))
        lines = ["- kappa: Cohen's, quadratic weights; alpha: Krippendorff's, ordinal"]
        for each in self.alphas:
            lines.append(f"- alpha of {each.raters} {each.among} on {each.replies:,} replies: {number(each.alpha, 3)}")
        if None in [*(each.alpha for each in self.alphas), *(pair.kappa for pair in self.pairs)]:
            lines.append('- "-": undefined, for nothing was scored by two, or all of it alike')
        if self.unmatched:
            lines.append(f"- {self.unmatched:,} human ratings are of replies that no judge scored; left out")
        return Group(table, *(Text(line, "dim") for line in lines))


def agreement(scores: Iterable[Score], protocol: Protocol, ratings: Path | None = None) -> Agreement | None:
    """How far the judges in `scores` agree with each other and with the people in `ratings`; None for one rater alone.

    Raises `UsageError` with file and line for what is not a rating, no score of the protocol, or a second rating of a
    reply by one rater; and if no rating in the file is of a reply that was scored.
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


def _pair(first: str, second: str, raters: Mapping[str, Scored], protocol: Protocol) -> Pair:
    one, other = raters[first], raters[second]
    both = [(one[reply], other[reply]) for reply in one if reply in other]
    if not both:
        return Pair(first, second, 0, None, None)
    a, b = zip(*both, strict=True)
    equal = sum(x == y for x, y in both) / len(both)
    if len({*a, *b}) == 1:  # 0/0: chance alone makes them agree
        return Pair(first, second, len(both), equal, None)
    # The weights go by the place of a score in `labels`: all that the protocol has, not those that occur.
    labels = range(protocol.lowest, protocol.highest + 1)
    kappa = cohen_kappa_score(a, b, labels=list(labels), weights="quadratic")
    return Pair(first, second, len(both), equal, float(kappa))


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
        if not protocol.lowest <= rating.score <= protocol.highest:
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
