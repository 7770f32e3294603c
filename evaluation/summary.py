"""From scores to a summary: AL(k) and its measures for each candidate and judge, and paired differences.

`summarise` streams the scores and keeps only their numbers; `BenchmarkSummary.as_json` is the content of
`summary.json`. Knows no models, no folders, and not how the dialogues came about. Judges are never averaged.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from evaluation.bootstrap import LEVEL, RESAMPLES, Bootstrap, CaseKey, Floats, Interval
from evaluation.course import Course, course_of, course_results
from evaluation.results import METHOD, Counts, JudgeResults, judge_results
from evaluation.scores import Protocol, Score
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.jsonl import JsonObject
from i2a.runs.simulated import is_simulated

FORMAT = "i2a.evaluation/1"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of the scores. Numbers from different conditions do not go into one table.

    engine     what plays the user and the judges, in words: "offline simulator", "LLM", "LLM user, offline judge"
    mode       "live" or "replay"
    turns      K, the number of turns planned
    judges     name of each judge as it stands in the scores -> its provenance (model, prompt fingerprint, ...)
    simulator  provenance of the user's side: model and prompt fingerprint, or the stored trees that are replayed
    personas   provenance of the cases: file names, counts, fingerprint
    dialogue   the scenario and its options, where the dialogues are not those of the paper; else empty
    """

    protocol: Protocol
    engine: str
    mode: str
    turns: int
    seed: int
    judges: Mapping[str, Mapping[str, object]]
    simulator: Mapping[str, object]
    personas: Mapping[str, object]
    dialogue: Mapping[str, object] = field(default_factory=dict)

    def title(self, judge: str) -> str:
        """The title of every table and plot."""
        protocol = f"protocol {self.protocol.name} ({self.protocol.label})"
        told = [f"{name} {value}" for name, value in self.dialogue.items() if name not in ("scenario", "turns")]
        what = f"{self.dialogue['scenario']} ({', '.join(told)})" if self.dialogue else "ALOE"
        return f"{what}, {protocol}, {self.engine}, {self.mode}, {self.turns} turns, judge {judge}"

    @property
    def course(self) -> Course | None:
        """What is measured beside the curves; None for dialogues as in the paper."""
        return course_of(self.dialogue, Interval(*self.protocol.range))

    @property
    def simulated(self) -> bool:
        """Whether the offline engine plays the user or a judge."""
        return is_simulated({"identity": self.as_json()})

    def as_json(self) -> JsonObject:
        found = asdict(self) | {"protocol": self.protocol.name, "scale": self.protocol.scale}
        return found if self.dialogue else {name: value for name, value in found.items() if name != "dialogue"}


@dataclass(frozen=True, slots=True)
class BenchmarkSummary:
    """The results of an evaluation, or of several together."""

    conditions: Conditions
    baseline: str
    by_judge: tuple[JudgeResults, ...]
    resamples: int
    seed: int

    def as_json(self) -> JsonObject:
        """JSON values, null for what is undefined. `candidates` has the results of the first judge."""
        first, *others = self.by_judge
        return {
            "format": FORMAT,
            **self.conditions.as_json(),
            "intervals": {"level": LEVEL, "method": METHOD, "resamples": self.resamples, "seed": self.seed},
            "baseline": self.baseline,
            "judge": first.judge,
            **first.as_json(),
            "other_judges": {results.judge: results.as_json() for results in others},
        }


def summarise(
    scores: Iterable[Score],
    conditions: Conditions,
    *,
    candidates: Sequence[str] = (),
    baseline: str | None = None,
    controls: Collection[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> BenchmarkSummary:
    """The summary of `scores` under `conditions`.

    `candidates`: all candidates, in the order of the table; default: those of the scores, in their order. `baseline`:
    the candidate that others are compared with; default: the first. `controls`: those that understand nothing; the
    gain over the best of them stands beside that over the baseline. Raises `UsageError`: no scores, a score that the
    protocol does not have, a case with two personas, two scores for one reply, an unknown name.
    """
    table, other = ScoreTable(conditions), ScoreTable(conditions)
    course = conditions.course
    for score in scores:
        table.add(score)
        if score.other is not None:
            other.add(replace(score, score=score.other.score, reason=score.other.reason))
    names = list(candidates) or list(table.candidates)
    if not table.cases or not names:
        raise UsageError("there are no scores to summarise")
    if unknown := next((name for name in table.candidates if name not in names), None):
        raise UsageError(f"there are scores of {unknown!r}, which is no candidate of this run")
    if baseline is None:
        baseline = names[0]
    elif baseline not in names:
        raise UsageError(f"there is no candidate {baseline!r} to compare with; choose one of {', '.join(names)}")
    bootstrap = Bootstrap(list(table.cases.values()), resamples=resamples, seed=seed)
    scale = Interval(*conditions.protocol.range)
    by_judge = []
    for judge in conditions.judges:
        levels = {name: table.levels(judge, name, bootstrap.cases) for name in names}
        counts = {name: table.counts(judge, name) for name in names}
        results = judge_results(judge, bootstrap, levels, counts, baseline, scale, controls)
        if course is not None:
            tables = [table, other] if course.rated_for_other else [table]
            curves = {name: [each.levels(judge, name, bootstrap.cases) for each in tables] for name in names}
            results = replace(results, course=course_results(course, bootstrap, curves, baseline))
        by_judge.append(results)
    return BenchmarkSummary(conditions, baseline, tuple(by_judge), resamples, seed)


def write(file: Path, summary: Mapping[str, object]) -> None:
    """Write `summary.json` as a whole. Raises `UsageError` if it cannot."""
    try:
        with atomic_write(file) as target:
            target.write(json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from None


class ScoreTable:
    """The numbers of the scores, by judge, candidate and case: a row of K levels, and whether each was unscored."""

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions
        self.cases: dict[str, CaseKey] = {}
        self.candidates: dict[str, None] = {}
        self._rows: dict[tuple[str, str, str], Floats] = {}
        self._unscored: dict[tuple[str, str, str], set[int]] = {}

    def add(self, score: Score) -> None:
        protocol, turns = self.conditions.protocol, self.conditions.turns
        where = f"candidate {score.candidate!r}, case {score.case!r}, turn {score.turn}"
        if score.judge not in self.conditions.judges:
            raise UsageError(f"{where}: scored by {score.judge!r}, which is no judge of this run")
        if not 1 <= score.turn <= turns:
            raise UsageError(f"{where}: this run has the turns 1 to {turns}")
        if score.score is not None and not protocol.has(score.score):
            raise UsageError(f"{where}: {score.score} is no score of the protocol {protocol.name!r}")
        case = CaseKey(score.case, score.profile, score.personality)
        if self.cases.setdefault(score.case, case) != case:
            raise UsageError(f"{where}: this case has another persona elsewhere")
        self.candidates.setdefault(score.candidate)
        key = (score.judge, score.candidate, score.case)
        row = self._rows.setdefault(key, np.full(turns, np.nan))
        unscored = self._unscored.setdefault(key, set())
        if score.turn in unscored or not np.isnan(row[score.turn - 1]):
            raise UsageError(f"{where}: scored twice by {score.judge!r}")
        if score.score is None:
            unscored.add(score.turn)
        else:
            row[score.turn - 1] = score.score * protocol.unit

    def levels(self, judge: str, candidate: str, cases: Sequence[CaseKey]) -> Floats:
        """(cases, K), NaN where there is no score."""
        nothing = np.full(self.conditions.turns, np.nan)
        return np.array([self._rows.get((judge, candidate, case.id), nothing) for case in cases])

    def counts(self, judge: str, candidate: str) -> Counts:
        cases, unscored = 0, [0] * self.conditions.turns
        for (by, of, _), turns in self._unscored.items():
            if (by, of) == (judge, candidate):
                cases += 1
                for turn in turns:
                    unscored[turn - 1] += 1
        return Counts(cases, tuple(unscored))
