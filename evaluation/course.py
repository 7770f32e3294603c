"""What is measured of dialogues that do not run as those of the paper: around a change of the person, and over
sessions.

A course has measures of its own beside those of every curve. Knows curves of levels and the bootstrap; no scores, no
files, and not how the dialogues came about.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import Bootstrap, Estimate, Floats, Interval, estimates, level_curves, withheld
from evaluation.metrics import Measure
from i2a.jsonl import JsonMapping, JsonObject

FEW, NOT_REACHED = "no such turn", "not within the dialogue"
DRIFT = (
    Measure("before", "before", 2, "mean level before the change, from the second turn on", FEW),
    Measure("after", "after", 2, "mean level from the change on, for the new persona", FEW),
    Measure("drop", "drop", 2, "level at the turn of the change minus that before", FEW),
    Measure("suits", "suits", 2, "before the change, level for the persona that holds minus that for the other", FEW),
    Measure("clings", "clings", 2, "from the change on, level for the old persona minus that for the new one", FEW),
    Measure("follows", "follows", 1, "turns from the change until the level is back where it was before", NOT_REACHED),
    Measure("lets_go", "lets go", 1, "turns from the change until replies suit the new persona better", NOT_REACHED),
)
SESSIONS = (
    Measure("first", "first", 2, "level at the first turn of the first session, with nothing to go by", FEW),
    Measure("end", "end", 2, "mean level at the last turn of the sessions that another one follows", FEW),
    Measure("start", "start", 2, "mean level at the first turn of later sessions", FEW),
    Measure("kept", "kept", 2, "start minus first: what the later session begins with", FEW),
    Measure("lost", "lost", 2, "end minus start: what is gone since the session before", FEW),
    Measure("later", "later", 2, "mean level over the turns of later sessions", FEW),
)
LEVELS = frozenset({"before", "after", "first", "end", "start", "later"})  # and neither differences nor counts
UNBOUNDED = Interval(-np.inf, np.inf)
COUNTS = ("follows", "lets_go")  # of turns, so never below 0


@dataclass(frozen=True, slots=True)
class Course:
    """`statistic` takes the curves (..., K) of AL and, with `rated_for_other`, that for the persona that does not hold;
    it gives a number for each turn if there is a `curve`, which says what that is, and then the `measures`.

    `turns`: where something changes, from 1. `scale`: of a level, which no interval leaves.
    """

    name: str
    turns: tuple[int, ...]
    measures: tuple[Measure, ...]
    statistic: Callable[[Sequence[Floats]], Floats]
    rated_for_other: bool = False
    curve: str = ""
    scale: Interval = UNBOUNDED


@dataclass(frozen=True, slots=True)
class CourseResult:
    """A candidate in a course. `curve`: its number at each turn; `measures`, and those minus the baseline's (over the
    replies that both have a score for), by name."""

    candidate: str
    curve: tuple[Estimate, ...]
    measures: Mapping[str, Estimate]
    minus_baseline: Mapping[str, Estimate]

    def as_json(self) -> JsonObject:
        return {
            "curve": [each.as_json() for each in self.curve],
            **{name: each.as_json() for name, each in self.measures.items()},
            "minus_baseline": {name: each.as_json() for name, each in self.minus_baseline.items()},
        }


def course_of(dialogue: JsonMapping, scale: Interval = UNBOUNDED) -> Course | None:
    """The course of dialogues under these conditions, see `Conditions.dialogue`; None for those of the paper."""
    if "sessions" in dialogue:
        count, turns = int(dialogue["sessions"]), int(dialogue["turns"])
        starts = tuple(range(1, turns + 1, turns // count))
        return Course("sessions", starts[1:], SESSIONS, lambda curves: over_sessions(curves[0], starts), scale=scale)
    if "change" not in dialogue:
        return None
    change = int(dialogue["change"])
    return Course(
        "drift",
        (change,),
        DRIFT,
        partial(around_curves, change=change),
        rated_for_other=True,
        curve="level for the old persona minus that for the new one",
        scale=scale,
    )


def course_results(
    course: Course, bootstrap: Bootstrap, levels: Mapping[str, Sequence[Floats]], baseline: str
) -> tuple[CourseResult, ...]:
    """For each candidate; `levels`: its curves by case, arrays (cases, K) in the order that the statistic takes."""
    results = []
    for name, own in levels.items():
        curve, measures = _measured(course, bootstrap, own)
        minus = _measured(course, bootstrap, own, levels[baseline])[1] if name != baseline else {}
        results.append(CourseResult(name, curve, measures, minus))
    return tuple(results)


def _measured(
    course: Course, bootstrap: Bootstrap, own: Sequence[Floats], base: Sequence[Floats] = ()
) -> tuple[tuple[Estimate, ...], dict[str, Estimate]]:
    """The curve and the measures, less those of the baseline if there is one."""
    names, kinds = [measure.name for measure in course.measures], len(own)
    turns = own[0].shape[1] if course.curve else 0
    there = np.all(np.isfinite([*own, *base]), axis=0)
    rows = np.any(there, axis=1)
    if not rows.any():
        nothing = Estimate(None, None, 1.0)
        return (nothing,) * turns, dict.fromkeys(names, nothing)

    def statistic(curves: Sequence[Floats]) -> Floats:
        found = course.statistic(curves[:kinds])
        return found - course.statistic(curves[kinds:]) if base else found

    levels = [np.where(there, each, np.nan)[rows] for each in (*own, *base)]
    values = statistic(level_curves(levels)) + 0.0  # no -0.0
    found = estimates(values, bootstrap.only(rows).draws(levels, statistic))
    span = Interval(course.scale.low - course.scale.high, course.scale.high - course.scale.low)
    scales = {name: course.scale if name in LEVELS and not base else span for name in names}
    measures = {name: each.within(scales[name]) for name, each in zip(names, found[turns:], strict=True)}
    if not base and set(COUNTS) <= set(names):
        measures |= {name: _turns(measures[name], measures["suits"]) for name in COUNTS}
    return tuple(each.within(span) for each in found[:turns]), measures


def _turns(found: Estimate, suits: Estimate) -> Estimate:
    """A number of turns; none for a candidate whose replies suit this person no more than the other."""
    if not suits.clear:
        return withheld("before the change, replies do not clearly suit this person more than the other")
    found = found.within(Interval(0.0, np.inf))
    return replace(found, reason=found.reason or ("" if found.value is not None else NOT_REACHED))


def around_curves(curves: Sequence[Floats], change: int) -> Floats:
    """`around` of two curves."""
    return around(curves[0], curves[1], change)


def around(holds: Floats, other: Floats, change: int) -> Floats:
    """At each turn the level for the old persona minus that for the new one, then `DRIFT`: (..., K + 7).

    `holds`, `other`: curves (..., K) for the persona that holds at each turn and for the other one. The first turn,
    before which nothing is known of the person, is no part of the level before, if there is another.
    """
    turn = np.arange(1, holds.shape[-1] + 1)
    earlier, later = (turn < change) & ((turn > 1) | (change == 2)), turn >= change
    old_minus_new = np.where(turn < change, 1.0, -1.0) * (holds - other)
    before = _mean(holds, earlier)
    measures = [
        before,
        _mean(holds, later),
        holds[..., change - 1] - before,
        _mean(old_minus_new, earlier),
        _mean(old_minus_new, later),
        _first(holds[..., later] >= before[..., None]),
        _first(old_minus_new[..., later] < 0),
    ]
    return np.concatenate([old_minus_new, np.stack(measures, axis=-1)], axis=-1)


def over_sessions(curve: Floats, starts: Sequence[int]) -> Floats:
    """`SESSIONS` for curves (..., K) of sessions that begin at these turns, from 1: (..., 6)."""
    turn = np.arange(1, curve.shape[-1] + 1)
    later = list(starts[1:])
    first, start = curve[..., 0], _mean(curve, np.isin(turn, later))
    end = _mean(curve, np.isin(turn + 1, later))
    after = _mean(curve, turn >= min(later, default=curve.shape[-1] + 1))
    return np.stack([first, end, start, start - first, end - start, after], axis=-1)


def _mean(curves: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Over the chosen turns that have a level; NaN without any."""
    some = curves[..., chosen]
    there = np.isfinite(some)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, some, 0).sum(-1) / there.sum(-1))


def _first(reached: NDArray[np.bool_]) -> Floats:
    """How many turns come before the first one that is reached; NaN if none is."""
    return np.where(reached.any(-1), np.argmax(reached, axis=-1), np.nan)
