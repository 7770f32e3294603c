"""AL(k), its measures and their intervals by the scores of one judge: for each candidate, and against the baseline.

Knows arrays of levels (cases, K) and the bootstrap; no scores, files or conditions.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np

from evaluation.bootstrap import (
    LEVEL,
    Bootstrap,
    Draws,
    Estimate,
    Floats,
    Interval,
    estimates,
    level_curves,
    withheld,
)
from evaluation.course import UNBOUNDED, CourseResult
from evaluation.metrics import MEASURES, Measures, measures
from evaluation.shape import n_ir_interval, r2_interval
from i2a.jsonl import JsonObject

NAMES = Measures._fields
SHAPE = [measure.name for measure in MEASURES if measure.shape]
TESTED = ("avg", "ir")  # the differences that are compared with 0; that of N-IR has no verdict of its own
METHOD = (
    "bootstrap clustered by profile and by personality: the estimate +- t standard errors, degrees of freedom from the "
    "half with fewer levels; r2 from the intervals of the line and, by the noncentral F, of the deviations from it"
)


class Counts(NamedTuple):
    """The cases of a candidate that a judge saw, and the replies of each turn that it gave no score."""

    cases: int
    unscored: tuple[int, ...]


class Estimates(NamedTuple):
    """Numbers with their intervals. `relative` is empty for a single candidate. `curves`: the draws of AL(1..K)."""

    al: tuple[Estimate, ...]
    measures: dict[str, Estimate]
    relative: dict[str, Estimate]
    curves: Draws | None


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
            "reasons": {name: self.measures[name].reason for name in NAMES if self.measures[name].reason},
            "undefined_resamples": {name: self.measures[name].undefined for name in NAMES},
            "counts": {
                "cases": self.cases,
                "scored": self.scored,
                "unscored": self.unscored,
                "missing": self.missing,
            },
        }


@dataclass(frozen=True, slots=True)
class Significance:
    """The two-sided `p` of a difference, and `holm`, what it is after Holm's correction for the whole family."""

    p: float
    holm: float

    @property
    def survives(self) -> bool:
        return self.holm <= 1 - LEVEL


@dataclass(frozen=True, slots=True)
class Difference:
    """A candidate minus the baseline, over the `replies` (case and turn) for which both have a score.

    `relative`: the difference as a share of the baseline's number; undefined unless the interval of that is above 0.
    Differences in shape are withheld unless both curves are clearly sloped. `tests`: those of `TESTED` that have a p.
    """

    candidate: str
    baseline: str
    replies: int
    al: tuple[Estimate, ...]
    measures: Mapping[str, Estimate]
    relative: Mapping[str, Estimate]
    tests: Mapping[str, Significance]

    def survives(self, measure: str) -> bool:
        """Whether this difference is clear of 0 after Holm's correction."""
        return measure in self.tests and self.tests[measure].survives

    def as_json(self) -> JsonObject:
        return {
            "baseline": self.baseline,
            "replies": self.replies,
            "al": [level.as_json() for level in self.al],
            **{name: self.measures[name].as_json() for name in NAMES},
            "relative_improvement": {name: self.relative[name].as_json() for name in NAMES},
            "tests": {name: asdict(test) | {"survives": test.survives} for name, test in self.tests.items()},
        }


@dataclass(frozen=True, slots=True)
class JudgeResults:
    """All candidates by the scores of one judge, in their order; the differences without the baseline.

    `best_control`: the control with the highest AVG, None without any. `over_control`: the differences of the others to
    it, no part of the family that is corrected. `course`: what is measured beside, see `evaluation.course`.
    """

    judge: str
    candidates: tuple[CandidateResult, ...]
    differences: tuple[Difference, ...]
    best_control: str | None = None
    over_control: tuple[Difference, ...] = ()
    course: tuple[CourseResult, ...] = ()

    def difference(self, candidate: str) -> Difference | None:
        return next((found for found in self.differences if found.candidate == candidate), None)

    def gain_over_control(self, candidate: str) -> Difference | None:
        return next((found for found in self.over_control if found.candidate == candidate), None)

    @property
    def comparisons(self) -> int:
        """The size of the family that Holm's correction is for: AVG and IR of all candidates by this judge."""
        return sum(len(difference.tests) for difference in self.differences)

    def as_json(self) -> JsonObject:
        return {
            "candidates": {result.candidate: result.as_json() for result in self.candidates},
            "differences": {difference.candidate: difference.as_json() for difference in self.differences},
            "comparisons": {
                "count": self.comparisons,
                "correction": "Holm",
                "survive": [[d.candidate, name] for d in self.differences for name in d.tests if d.survives(name)],
            },
            "best_control": (
                {"candidate": self.best_control, "gains": {d.candidate: _gain(d) for d in self.over_control}}
                if self.best_control is not None
                else None
            ),
            **({"course": {found.candidate: found.as_json() for found in self.course}} if self.course else {}),
        }


def judge_results(
    judge: str,
    bootstrap: Bootstrap,
    levels: Mapping[str, Floats],
    counts: Mapping[str, Counts],
    baseline: str,
    scale: Interval = UNBOUNDED,
    controls: Collection[str] = (),
) -> JudgeResults:
    """`levels`: of each candidate, (cases of the bootstrap, K), NaN where there is no score; on a `scale` that no
    interval leaves. `controls`: which of them are controls."""
    results = dict[str, CandidateResult]()
    for name, own in levels.items():
        found = _measured(bootstrap, own)
        scored = tuple(int(count) for count in np.isfinite(own).sum(axis=0))
        al = tuple(level.within(scale) for level in found.al)
        known = _with_shape(level_curves([own])[0], found) | {"avg": found.measures["avg"].within(scale)}
        results[name] = CandidateResult(name, al, known, counts[name].cases, scored, counts[name].unscored)
    against = [_difference(bootstrap, name, levels, results, baseline, scale) for name in levels if name != baseline]
    best = max((name for name in results if name in controls), key=lambda name: _avg(results[name]), default=None)
    if best is None or results[best].measures["avg"].value is None:
        return JudgeResults(judge, tuple(results.values()), corrected(against))
    over = tuple(_difference(bootstrap, name, levels, results, best, scale) for name in levels if name != best)
    return JudgeResults(judge, tuple(results.values()), corrected(against), best, over)


def _avg(result: CandidateResult) -> float:
    value = result.measures["avg"].value
    return -np.inf if value is None else value


def _gain(difference: Difference) -> JsonObject:
    """AVG minus the best control's, and that as a share of it."""
    return {"avg": difference.measures["avg"].as_json(), "relative": difference.relative["avg"].as_json()}


def _difference(
    bootstrap: Bootstrap,
    name: str,
    levels: Mapping[str, Floats],
    results: Mapping[str, CandidateResult],
    baseline: str,
    scale: Interval,
) -> Difference:
    both = np.isfinite(levels[name]) & np.isfinite(levels[baseline])
    pair = [np.where(both, levels[which], np.nan) for which in (name, baseline)]
    al, known, relative, _ = _measured(bootstrap, *pair)
    span = Interval(scale.low - scale.high, scale.high - scale.low)
    known["avg"] = known["avg"].within(span)
    base = results[baseline].measures
    for measure, estimate in base.items():
        if not (estimate.interval.low > 0 if estimate.interval else measure == "avg" and scale.low > 0):
            relative[measure] = withheld("the baseline's number is not clearly above 0")
    if why := _not_sloped(results[name].measures["ir"], base["ir"]):
        hidden = dict.fromkeys(SHAPE, withheld(why))
        known, relative = known | hidden, relative | hidden
    else:
        for measure in ("r2", "n_r2"):  # as far apart as the two intervals let them be
            known[measure] = replace(known[measure], interval=_apart(results[name].measures[measure], base[measure]))
            relative[measure] = replace(relative[measure], interval=None, reason="no interval: see the difference")
    tests = {measure: Significance(p, p) for measure in TESTED if (p := known[measure].p) is not None}
    al = tuple(level.within(span) for level in al)
    return Difference(name, baseline, int(both.sum()), al, known, relative, tests)


def corrected(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """The differences with Holm's correction for all their tests together (Holm, 1979): the smallest p of m counts m
    times, the next m-1 times, and none less than a smaller one. So at most one family in twenty without any true
    difference shows one."""
    tests = {(d.candidate, name): test.p for d in differences for name, test in d.tests.items()}
    holm, least = dict[tuple[str, str], float](), 0.0
    for rank, key in enumerate(sorted(tests, key=lambda key: tests[key])):
        holm[key] = least = max(least, min(1.0, (len(tests) - rank) * tests[key]))
    return tuple(
        replace(d, tests={name: replace(test, holm=holm[d.candidate, name]) for name, test in d.tests.items()})
        for d in differences
    )


def _not_sloped(candidate: Estimate, baseline: Estimate) -> str:
    """Why the shapes of two curves with these slopes cannot be compared; empty if they can."""
    if candidate.clear and baseline.clear:
        return ""
    if candidate.clear:
        return "the baseline's curve is not clearly sloped"
    return "the candidate's curve is not clearly sloped" if baseline.clear else "neither curve is clearly sloped"


def _measured(bootstrap: Bootstrap, *levels: Floats) -> Estimates:
    """For one array of levels; for two, the first minus the second, and that as a share of the second."""
    turns = levels[0].shape[1]
    rows = np.asarray(np.isfinite(levels[0]).any(axis=1))
    draws: Draws | None = None
    if rows.any():
        there = [each[rows] for each in levels]
        draws = bootstrap.only(rows).draws(there, _statistic)
        found = estimates(_statistic(level_curves(there)), draws)
    else:
        found = [Estimate(None, None, 1.0)] * (turns + len(NAMES) * len(levels))
    own = turns + len(NAMES)
    return Estimates(
        tuple(found[:turns]),
        dict(zip(NAMES, found[turns:own], strict=True)),
        dict(zip(NAMES, found[own:], strict=True)) if len(levels) > 1 else {},
        draws and draws.columns(slice(turns)),
    )


def _with_shape(al: Floats, found: Estimates) -> dict[str, Estimate]:
    """The measures, with the intervals of those that measure the shape of the curve `al`."""
    known, slope = dict(found.measures), found.measures["ir"]
    if found.curves is None or known["r2"].value is None or slope.interval is None:
        return known
    for name in ("r2", "n_r2"):
        known[name] = replace(known[name], interval=r2_interval(al, found.curves, slope))
    n_ir, why = n_ir_interval(al, known["n_ir"], slope), "no interval: the curve is not clearly sloped"
    return known | {"n_ir": replace(known["n_ir"], interval=n_ir, reason="" if n_ir else known["n_ir"].reason or why)}


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


def _apart(one: Estimate, other: Estimate) -> Interval | None:
    """The least and the greatest difference between numbers in two intervals."""
    if one.interval is None or other.interval is None:
        return None
    return Interval(one.interval.low - other.interval.high, one.interval.high - other.interval.low)
