"""Agreement of the judges with each other, and with people whose ratings come from a file.

Krippendorff's alpha (ordinal) over several raters; Cohen's kappa (quadratic weights) and the share of equal scores for
every pair, and who gave which score. A coefficient is undefined where all scores are equal. Intervals: percentiles of
a bootstrap over cases, as the replies of a dialogue are alike. Knows no table.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.bootstrap import LEVEL, Floats
from evaluation.ratings import ReplyKey, read_ratings
from evaluation.scores import Protocol, Score
from i2a.errors import UsageError
from i2a.jsonl import JsonObject

Scored = Mapping[Any, int]  # by what was rated: a `ReplyKey`, or another key with a `case`
FEWEST, RESAMPLES = 5, 2000  # cases without which there is no interval


@dataclass(frozen=True, slots=True)
class RaterPair:
    """Two raters on the `replies` that both scored. None: undefined. `interval`: of `kappa`.

    `confusion`: row i, column j: how many replies the first gave the i-th score of the protocol, the second the j-th.
    """

    first: str
    second: str
    replies: int
    equal: float | None
    kappa: float | None
    interval: tuple[float, float] | None = None
    confusion: tuple[tuple[int, ...], ...] = ()
    equal_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha of several raters on the `replies` that at least two of them scored. None: undefined."""

    among: str
    raters: int
    replies: int
    alpha: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """`alphas`: among the judges, the people, and all. `unmatched`: ratings of replies that no judge scored.
    `scores`: those of the protocol; of choices between two replies, -1, 0 and 1: the first, neither, the second."""

    raters: tuple[str, ...]
    alphas: tuple[Alpha, ...]
    pairs: tuple[RaterPair, ...]
    unmatched: int
    scores: tuple[int, ...] = ()

    @property
    def of_choices(self) -> bool:
        return self.scores[:1] == (-1,)

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
    stored = read_ratings(ratings, protocol) if ratings else {}
    people = {name: {reply: rated[reply] for reply in rated if reply in known} for name, rated in stored.items()}
    if ratings and not any(people.values()):
        raise UsageError(f"{ratings}: no rating is of a reply that was scored here; check candidate, case and turn")
    return agreement_of(judges, people, protocol, sum(len(stored[name]) - len(people[name]) for name in stored))


def agreement_of(
    judges: Mapping[str, Scored], people: Mapping[str, Scored], protocol: Protocol, unmatched: int = 0
) -> Agreement | None:
    """Of raters by name; None for a single one. `unmatched`: what people rated and is not among it."""
    everybody = {**judges, **people}
    if len(everybody) < 2:
        return None
    groups = {"judges": judges, "people": people, "judges and people": everybody if judges and people else {}}
    return Agreement(
        raters=tuple(everybody),
        alphas=tuple(
            _alpha(among, list(group.values()), protocol) for among, group in groups.items() if len(group) > 1
        ),
        pairs=tuple(_pair(one, other, everybody, protocol) for one, other in combinations(everybody, 2)),
        unmatched=unmatched,
        scores=tuple(range(protocol.lowest, protocol.highest + 1)),
    )


def _pair(first: str, second: str, raters: Mapping[str, Scored], protocol: Protocol) -> RaterPair:
    one, other = raters[first], raters[second]
    both = [reply for reply in one if reply in other]
    if not both:
        return RaterPair(first, second, 0, None, None)
    a, b = [one[reply] for reply in both], [other[reply] for reply in both]
    # The weights go by the place of a score in `levels`: all that the protocol has, not those that occur.
    levels = protocol.highest - protocol.lowest + 1
    tables = np.zeros((len(both), levels, levels))
    tables[range(len(both)), np.array(a) - protocol.lowest, np.array(b) - protocol.lowest] = 1
    table = tables.sum(axis=0)
    drawn = _resampled(tables, [reply.case for reply in both])
    return RaterPair(
        first,
        second,
        len(both),
        float(np.trace(table)) / len(both),
        _defined(kappas(table)),
        _interval(kappas(drawn)),
        tuple(tuple(int(count) for count in row) for row in table),
        _interval(np.trace(drawn, axis1=1, axis2=2) / drawn.sum(axis=(1, 2))),
    )


def _alpha(among: str, raters: Sequence[Scored], protocol: Protocol) -> Alpha:
    times = Counter(reply for rated in raters for reply in rated)
    units = [reply for reply, count in times.items() if count > 1]
    levels = protocol.highest - protocol.lowest + 1
    pairs = np.zeros((len(units), levels, levels))
    for place, reply in enumerate(units):
        counts = np.zeros(levels)
        for rated in raters:
            if reply in rated:
                counts[rated[reply] - protocol.lowest] += 1
        pairs[place] = (np.outer(counts, counts) - np.diag(counts)) / (counts.sum() - 1)
    alpha = _defined(alphas(pairs.sum(axis=0)))
    return Alpha(
        among, len(raters), len(units), alpha, _interval(alphas(_resampled(pairs, [reply.case for reply in units])))
    )


def kappas(tables: Floats) -> Floats:
    """Cohen's kappa with quadratic weights of each table (..., levels, levels), NaN where chance alone agrees."""
    levels = np.arange(tables.shape[-1])
    weights = (levels[:, None] - levels) ** 2
    total = tables.sum(axis=(-2, -1))
    expected = tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = 1 - total * (weights * tables).sum(axis=(-2, -1)) / (weights * expected).sum(axis=(-2, -1))
    return np.asarray(np.where(np.isfinite(found), found, np.nan))


def alphas(coincidences: Floats) -> Floats:
    """Krippendorff's ordinal alpha of each matrix of coincidences (..., levels, levels), NaN where nothing varies.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011).
    """
    counts = coincidences.sum(axis=-1)
    below = np.cumsum(counts, axis=-1) - counts / 2
    distance = (below[..., :, None] - below[..., None, :]) ** 2
    expected = counts[..., :, None] * counts[..., None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (coincidences * distance).sum(axis=(-2, -1))
        found = 1 - (counts.sum(axis=-1) - 1) * observed / (expected * distance).sum(axis=(-2, -1))
    return np.asarray(np.where(np.isfinite(found), found, np.nan))


def _resampled(tables: Floats, cases: Sequence[str]) -> Floats:
    """The sums of `tables` (replies, levels, levels) over cases drawn anew, (resamples, levels, levels)."""
    _, place = np.unique(np.array(cases, dtype=object).astype(str), return_inverse=True)
    number = int(place.max()) + 1 if len(place) else 0
    if number < FEWEST:
        return np.full((1, *tables.shape[1:]), np.nan)
    by_case = np.zeros((number, *tables.shape[1:]))
    np.add.at(by_case, place, tables)
    drawn = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
    return np.tensordot(drawn.astype(np.float64), by_case, axes=1)


def _interval(draws: Floats) -> tuple[float, float] | None:
    """The middle of the draws; None without any, and where one in twenty is undefined."""
    found = draws[np.isfinite(draws)]
    if len(found) < LEVEL * len(draws) or len(found) < 2:
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _defined(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
