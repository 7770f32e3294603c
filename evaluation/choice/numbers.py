"""From choices to numbers: the accuracy of each candidate, by turn, its slope, its errors, and intervals.

Chance is 25%. Knows the items and what was chosen; no models, no folders.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from evaluation.bootstrap import (
    LEVEL,
    RESAMPLES,
    Bootstrap,
    CaseKey,
    Estimate,
    Floats,
    Interval,
    estimates,
    level_curves,
)
from evaluation.choice.baselines import BASELINES, BaselineChoices, Shares
from evaluation.choice.items import WRONG, ChoiceDialogue, OptionKind
from evaluation.course import FEW, NOT_REACHED, Course, CourseResult, around_curves, course_results
from evaluation.metrics import Measure, measures
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject

FORMAT = "i2a.choice/1"
CHANCE = 25.0
STRATA = ("hard", "all")
UNIT = 100.0  # accuracies are in percent
SCALES = (Interval(0.0, UNIT), Interval(-UNIT, UNIT))  # of an accuracy, of a difference of two

# The numbers around a change, as `evaluation.course.around` gives them.
CHANGE = (
    Measure("before", "before", 0, "accuracy before the change, from the second turn on", FEW),
    Measure("after", "after", 0, "accuracy from the change on", FEW),
    Measure("drop", "drop", 0, "accuracy at the turn of the change minus that before", FEW),
    Measure("suits", "suits", 0, "before the change, accuracy minus the share of choices in the later manner", FEW),
    Measure("clings", "clings", 0, "from the change on, share of choices in the old manner minus accuracy", FEW),
    Measure("follows", "follows", 1, "turns from the change until accuracy is back where it was before", NOT_REACHED),
    Measure("lets_go", "lets go", 1, "turns from the change until accuracy is above the old manner", NOT_REACHED),
)

Choices = Mapping[tuple[str, int], Shares | None]  # by case and turn; None where there was no usable answer


class AccuracyEstimates(NamedTuple):
    """Percent, and points a turn. `accuracy` is the mean over the turns, as AVG is of AL(k)."""

    accuracy: Estimate
    slope: Estimate
    by_turn: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True)
class ChoiceResult:
    """A candidate on the items of a stratum. `errors`: the share of all its choices that fell on each wrong kind."""

    candidate: str
    found: AccuracyEstimates
    errors: Mapping[str, float | None]
    scored: int
    unscored: int
    difference: AccuracyEstimates | None = None  # minus the baseline, on the items that both have

    def as_json(self) -> JsonObject:
        difference = self.difference
        return {
            **_as_json(self.found),
            "errors": dict(self.errors),
            "scored": self.scored,
            "unscored": self.unscored,
            "minus_baseline": None if difference is None else _as_json(difference),
        }


@dataclass(frozen=True, slots=True)
class ChoiceSummary:
    """The results on both strata: `hard` are the items on which word overlap and length are wrong.

    conditions   what else a result depends on: items, seed, reference
    methods      how each candidate was asked
    length_rule  which of the two rules of length the baseline follows
    course       on each stratum, what is measured around a change of the person, if it changes
    """

    conditions: JsonMapping
    methods: Mapping[str, str]
    baseline: str
    length_rule: str
    turns: int
    items: Mapping[str, int]
    strata: Mapping[str, tuple[ChoiceResult, ...]]
    resamples: int = RESAMPLES
    course: Mapping[str, tuple[CourseResult, ...]] = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        return {
            "format": FORMAT,
            "protocol": "choice",
            **self.conditions,
            "methods": dict(self.methods),
            "baseline": self.baseline,
            "length_rule": self.length_rule,
            "turns": self.turns,
            "counts": dict(self.items),
            "chance": CHANCE,
            "intervals": {"level": LEVEL, "resamples": self.resamples},
            "strata": {
                stratum: {result.candidate: result.as_json() for result in results}
                for stratum, results in self.strata.items()
            },
            **(
                {"course": {name: {one.candidate: one.as_json() for one in all} for name, all in self.course.items()}}
                if self.course
                else {}
            ),
        }


def summarise(
    dialogues: Sequence[ChoiceDialogue],
    choices: Mapping[str, Choices],
    conditions: JsonMapping,
    methods: Mapping[str, str],
    *,
    baseline: str | None = None,
    resamples: int = RESAMPLES,
) -> ChoiceSummary:
    """The summary of the `choices` of each candidate. The two baselines without understanding stand after them.

    `baseline`: the candidate that others are compared with; default: the first. Raises `UsageError` for an unknown one.
    """
    names = list(choices)
    if baseline is not None and baseline not in names:
        raise UsageError(f"there is no candidate {baseline!r} to compare with; choose one of {', '.join(names)}")
    baseline = baseline or names[0]
    simple = BaselineChoices.of(dialogues)
    everybody = {**choices, BASELINES[0]: simple.overlap, BASELINES[1]: simple.length}
    bootstrap = Bootstrap(
        [CaseKey(dialogue.case, dialogue.profile, dialogue.personality) for dialogue in dialogues], resamples=resamples
    )
    turns = max(item.turn for dialogue in dialogues for item in dialogue.items)
    items = [(dialogue.case, item.turn) for dialogue in dialogues for item in dialogue.items]
    strata = {"hard": {item for item in items if simple.is_hard(*item)}, "all": set(items)}
    results = {stratum: tuple(_results(bootstrap, everybody, strata[stratum], turns, baseline)) for stratum in STRATA}
    counts = {stratum: len(chosen) for stratum, chosen in strata.items()}
    course: dict[str, tuple[CourseResult, ...]] = {}
    if change := conditions.get("items", {}).get("change"):
        for stratum in STRATA:
            curves = {
                name: [_levels(bootstrap.cases, chosen, strata[stratum], turns, kind) for kind in ("fits", "manner")]
                for name, chosen in everybody.items()
            }
            course[stratum] = course_results(around_change(change), bootstrap, curves, baseline)
    return ChoiceSummary(conditions, methods, baseline, simple.rule, turns, counts, results, resamples, course)


def around_change(change: int) -> Course:
    """What is measured where the people of the items change at this turn: the share of choices of the right reply, and
    of the reply in the manner of the person that it is not at that turn."""
    curve = "choices in the old manner minus those in the new one"
    statistic = partial(around_curves, change=change)
    return Course("change", (change,), CHANGE, statistic, True, curve, SCALES[0])


def _results(
    bootstrap: Bootstrap, choices: Mapping[str, Choices], items: set[tuple[str, int]], turns: int, baseline: str
) -> Iterable[ChoiceResult]:
    levels = {name: _levels(bootstrap.cases, chosen, items, turns) for name, chosen in choices.items()}
    for name, chosen in choices.items():
        shares = [share for item in items if (share := chosen.get(item)) is not None]
        difference = None
        if name != baseline:
            both = np.isfinite(levels[name]) & np.isfinite(levels[baseline])
            difference = _estimated(bootstrap, *(np.where(both, levels[which], np.nan) for which in (name, baseline)))
        yield ChoiceResult(
            candidate=name,
            found=_estimated(bootstrap, levels[name]),
            errors={kind: _mean([share[kind] for share in shares]) for kind in WRONG},  # type: ignore[index]
            scored=len(shares),
            unscored=len(items) - len(shares),
            difference=difference,
        )


def _levels(
    cases: Sequence[CaseKey], chosen: Choices, items: set[tuple[str, int]], turns: int, kind: OptionKind = "fits"
) -> Floats:
    """The share of choices of a kind, (cases, turns) in percent, NaN where there is no item or no choice."""
    levels = np.full((len(cases), turns), np.nan)
    for row, case in enumerate(cases):
        for turn in range(1, turns + 1):
            if (case.id, turn) in items and (share := chosen.get((case.id, turn))) is not None:
                levels[row, turn - 1] = UNIT * share[kind]
    return levels


def _estimated(bootstrap: Bootstrap, *levels: Floats) -> AccuracyEstimates:
    """Of one array of levels (cases, turns), or of the first minus the second."""
    turns = levels[0].shape[1]
    rows = np.asarray(np.isfinite(levels[0]).any(axis=1))
    if not rows.any():
        nothing = Estimate(None, None, 1.0)
        return AccuracyEstimates(nothing, nothing, (nothing,) * turns)
    there = [each[rows] for each in levels]
    draws = bootstrap.only(rows).draws(there, _statistic)
    found = estimates(_statistic(level_curves(there)), draws)
    scale = SCALES[len(levels) - 1]
    by_turn = tuple(level.within(scale) for level in found[:turns])
    return AccuracyEstimates(found[turns].within(scale), found[turns + 1], by_turn)


def _statistic(curves: Sequence[Floats]) -> Floats:
    """The accuracy at each turn, their mean and slope; for two curves the differences."""
    parts = []
    for curve in curves:
        found = measures(curve)
        parts.append(np.concatenate([curve, found.avg[..., None], found.ir[..., None]], axis=-1))
    return parts[0] if len(parts) == 1 else parts[0] - parts[1]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _as_json(found: AccuracyEstimates) -> JsonObject:
    return {
        "accuracy": asdict(found.accuracy),
        "slope": asdict(found.slope),
        "by_turn": [asdict(estimate) for estimate in found.by_turn],
    }
