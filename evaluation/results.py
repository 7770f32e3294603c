"""AL(k), its measures and their intervals by the scores of one judge: for each candidate, and against the baseline.

Knows arrays of levels (cases, K) and the bootstrap; no scores, files or conditions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np

from evaluation.bootstrap import Bootstrap, Estimate, Floats, Interval, estimates, level_curves
from evaluation.metrics import MEASURES, Measures, measures
from i2a.jsonl import JsonObject

NAMES = Measures._fields
SHAPE = [measure.shape for measure in MEASURES]
METHOD = (
    "bootstrap, profiles and personalities drawn independently: expanded percentiles; for r2, n_ir and n_r2 the "
    "estimate +- t standard errors"
)


class Counts(NamedTuple):
    """The cases of a candidate that a judge saw, and the replies of each turn that it gave no score."""

    cases: int
    unscored: tuple[int, ...]


class Estimates(NamedTuple):
    """Numbers with their intervals. `relative` is empty for a single candidate."""

    al: tuple[Estimate, ...]
    measures: dict[str, Estimate]
    relative: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """A candidate by the scores of one judge. Counts are per turn; `missing`: turns of its `cases` without a line."""

    candidate: str
    al: tuple[Estimate, ...]
    measures: Mapping[str, Estimate]
    cases: int
    scored: tuple[int, ...]
    unscored: tuple[int, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(self.cases - a - b for a, b in zip(self.scored, self.unscored, strict=True))

    def as_json(self) -> JsonObject:
        return {
            "al": [level.value for level in self.al],
            **{name: self.measures[name].value for name in NAMES},
            "intervals": {
                "al": [level.interval for level in self.al],
                **{name: self.measures[name].interval for name in NAMES},
            },
            "undefined_resamples": {name: self.measures[name].undefined for name in NAMES},
            "counts": {
                "cases": self.cases,
                "scored": self.scored,
                "unscored": self.unscored,
                "missing": self.missing,
            },
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """A candidate minus the baseline, over the `replies` (case and turn) for which both have a score.

    `relative`: the difference as a share of the baseline's number; undefined unless the interval of that is above 0.
    """

    candidate: str
    baseline: str
    replies: int
    al: tuple[Estimate, ...]
    measures: Mapping[str, Estimate]
    relative: Mapping[str, Estimate]

    def as_json(self) -> JsonObject:
        return {
            "baseline": self.baseline,
            "replies": self.replies,
            "al": [asdict(level) for level in self.al],
            **{name: asdict(self.measures[name]) for name in NAMES},
            "relative_improvement": {name: asdict(self.relative[name]) for name in NAMES},
        }


@dataclass(frozen=True, slots=True)
class JudgeResults:
    """All candidates by the scores of one judge, in their order; the differences without the baseline."""

    judge: str
    candidates: tuple[CandidateResult, ...]
    differences: tuple[Difference, ...]

    def difference(self, candidate: str) -> Difference | None:
        return next((found for found in self.differences if found.candidate == candidate), None)

    def as_json(self) -> JsonObject:
        return {
            "candidates": {result.candidate: result.as_json() for result in self.candidates},
            "differences": {difference.candidate: difference.as_json() for difference in self.differences},
        }


def judge_results(
    judge: str, bootstrap: Bootstrap, levels: Mapping[str, Floats], counts: Mapping[str, Counts], baseline: str
) -> JudgeResults:
    """`levels`: of each candidate, (cases of the bootstrap, K), NaN where there is no score."""
    results = dict[str, CandidateResult]()
    for name, own in levels.items():
        al, found, _ = _measured(bootstrap, own)
        scored = tuple(int(count) for count in np.isfinite(own).sum(axis=0))
        count = counts[name]
        results[name] = CandidateResult(name, al, _bounded(found, 0.0), count.cases, scored, count.unscored)
    against = [_difference(bootstrap, name, levels, results[baseline]) for name in levels if name != baseline]
    return JudgeResults(judge, tuple(results.values()), tuple(against))


def _difference(bootstrap: Bootstrap, name: str, levels: Mapping[str, Floats], baseline: CandidateResult) -> Difference:
    both = np.isfinite(levels[name]) & np.isfinite(levels[baseline.candidate])
    pair = [np.where(both, levels[which], np.nan) for which in (name, baseline.candidate)]
    al, found, relative = _measured(bootstrap, *pair)
    for measure, base in baseline.measures.items():
        if base.interval is None or base.interval.low <= 0:
            relative[measure] = Estimate(None, None)
    return Difference(name, baseline.candidate, int(both.sum()), al, _bounded(found, -1.0), relative)


def _measured(bootstrap: Bootstrap, *levels: Floats) -> Estimates:
    """For one array of levels; for two, the first minus the second, and that as a share of the second."""
    turns = levels[0].shape[1]
    rows = np.asarray(np.isfinite(levels[0]).any(axis=1))
    if rows.any():
        there = [each[rows] for each in levels]
        draws = bootstrap.only(rows).draws(there, _statistic)
        found = estimates(_statistic(level_curves(there)), draws, shape=[False] * turns + SHAPE * len(levels))
    else:
        found = [Estimate(None, None, 1.0)] * (turns + len(NAMES) * len(levels))
    own = turns + len(NAMES)
    return Estimates(
        tuple(found[:turns]),
        dict(zip(NAMES, found[turns:own], strict=True)),
        dict(zip(NAMES, found[own:], strict=True)) if len(levels) > 1 else {},
    )


def _statistic(curves: Sequence[Floats]) -> Floats:
    """AL(1..K) and the measures; for two curves the differences, and those of the measures as a share of the second."""
    first, *others = (np.concatenate([al, np.stack(measures(al), -1)], axis=-1) for al in curves)
    if not others:
        return first
    (second,) = others
    base = second[..., curves[0].shape[-1] :]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(base > 0, (first - second)[..., curves[0].shape[-1] :] / base, np.nan)
    return np.concatenate([first - second, relative], axis=-1)


def _bounded(found: Mapping[str, Estimate], lowest: float) -> dict[str, Estimate]:
    """`found` with the intervals of R2 cut at `lowest` and 1: R2 is a share, and a difference of shares is above -1."""

    def bounded(name: str, estimate: Estimate) -> Estimate:
        if name not in ("r2", "n_r2") or estimate.interval is None:
            return estimate
        low, high = estimate.interval
        return replace(estimate, interval=Interval(max(low, lowest), min(high, 1.0)))

    return {name: bounded(name, estimate) for name, estimate in found.items()}
