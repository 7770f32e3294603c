"""Evaluations side by side: one summary for each protocol and judge, computed from the scores of several runs.

Only runs under the same conditions are compared. Others are refused or, on demand, mixed and marked as such.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from evaluation.bootstrap import RESAMPLES
from evaluation.candidates import is_control
from evaluation.scores import Protocol, Score, read
from evaluation.strata import Stratum, check_count, levels, stratified
from evaluation.summary import FORMAT, BenchmarkSummary, Conditions, summarise
from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.text import one_line
from i2a.trees.json import read as read_trees
from i2a.trees.json import trees_of
from i2a.validation import problem


class StoredSummary(BaseModel):
    """The part of a `summary.json` that a comparison needs."""

    format: str
    protocol: str
    scale: JsonObject | None = None
    engine: str
    mode: str
    turns: int = Field(ge=1)
    seed: int
    judges: dict[str, dict[str, object]] = Field(min_length=1)
    simulator: dict[str, object]
    personas: dict[str, object]
    dialogue: dict[str, object] = {}
    candidates: dict[str, object] = Field(min_length=1)
    models: dict[str, dict[str, object]] = {}


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """A complete evaluation on disk. `name` is that of its folder, or the path where two folders have one name."""

    path: Path
    name: str
    conditions: Conditions
    candidates: tuple[str, ...]
    models: Mapping[str, Mapping[str, object]]

    @property
    def wrappers(self) -> dict[str, dict[str, object]]:
        """By wrapper, what its candidates are told and shown."""
        return {
            str(model["wrapper"]): {name: model.get(name) for name in ("prompt", "definition")}
            for model in self.models.values()
            if "wrapper" in model
        }

    def scores(self, judge: str) -> Iterator[Score]:
        return (score for score in read(self.path / "scores.jsonl") if score.judge == judge)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`summaries`: one for each protocol and judge. `mixed`: the differences between the runs, one line each.

    `strata`: of each summary, the same for the people of each level of the field `by`.
    """

    runs: tuple[StoredEvaluation, ...]
    summaries: tuple[BenchmarkSummary, ...]
    mixed: tuple[str, ...]
    by: str = ""
    strata: tuple[tuple[Stratum, ...], ...] = ()

    def as_json(self) -> JsonObject:
        return {
            "runs": {run.name: {"path": str(run.path), **run.conditions.as_json()} for run in self.runs},
            "mixed": self.mixed,
            "comparisons": [summary.as_json() for summary in self.summaries],
            **(
                {"by": {self.by: [{s.level: s.as_json() for s in strata} for strata in self.strata]}} if self.by else {}
            ),
        }


def compare(
    runs: Sequence[Path],
    *,
    mix: bool = False,
    baseline: str | None = None,
    by: str = "",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """The candidates of `runs` in common tables, the others against `baseline` (default: the first of the first run).

    `by`: a field of the personas, for whose levels the results are given too, see `evaluation.strata`.

    A candidate of several runs is called `NAME [RUN]`. Raises `UsageError`: a folder holds no complete evaluation or is
    named twice, the conditions differ and `mix` is not set, or the baseline is unknown.
    """
    opened = _named([_open(path) for path in runs])
    mixed = tuple(dict.fromkeys(line for run in opened[1:] for line in differences(opened[0], run)))
    if mixed and not mix:
        more = f" and {len(mixed) - 1} more" if len(mixed) > 1 else ""
        raise UsageError(f"these runs cannot be compared: {mixed[0]}{more}; add --mix to compare them anyway")
    names = _candidates(opened, always=bool(mixed))
    baseline = baseline and _baseline(baseline, names)
    groups = dict.fromkeys((run.conditions.protocol, judge) for run in opened for judge in run.conditions.judges)
    joints = [
        _Joint([r for r in opened if r.conditions.protocol == protocol and judge in r.conditions.judges], judge, names)
        for protocol, judge in groups
    ]
    summaries = tuple(joint.summary(baseline, resamples, seed) for joint in joints)
    strata = tuple(
        tuple(joint.strata(by, summary.baseline)) for joint, summary in zip(joints, summaries, strict=True) if by
    )
    return Comparison(tuple(opened), summaries, mixed, by, strata)


def differences(first: StoredEvaluation, second: StoredEvaluation) -> Iterator[str]:
    """The differences between the conditions of two runs, in words, one line each."""
    one, other = (_comparable(run.conditions) for run in (first, second))
    in_both = [wrapper for wrapper in first.wrappers if wrapper in second.wrappers]
    one |= {f"wrapper {wrapper}": first.wrappers[wrapper] for wrapper in in_both}
    other |= {f"wrapper {wrapper}": second.wrappers[wrapper] for wrapper in in_both}
    for name in one:
        for where, a, b in jsonl.differences(one[name], other[name], name):
            yield one_line(f"{where} is {_in_words(a)} in {first.name} and {_in_words(b)} in {second.name}")


def _comparable(conditions: Conditions) -> dict[str, object]:
    """As JSON values; of the personas their fingerprint alone, where there is one: a file may be called anything."""
    personas = conditions.personas
    known = {"fingerprint": personas["fingerprint"]} if "fingerprint" in personas else personas
    return conditions.as_json() | {"personas": known, "dialogue": {"scenario": "aloe", **conditions.dialogue}}


def _in_words(value: object) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=False)


def _open(path: Path) -> StoredEvaluation:
    file = path / "summary.json"
    try:
        stored = StoredSummary.model_validate_json(file.read_bytes())
    except OSError:
        raise UsageError(f"{path} holds no complete evaluation; `i2a evaluate ... --out {path}` makes one") from None
    except ValidationError as error:
        raise UsageError(f"{file}: not a summary of format {FORMAT}: {problem(error)}") from None
    if stored.format != FORMAT:
        raise UsageError(f"{file}: not a summary of format {FORMAT}")
    try:
        protocol = Protocol.stored(stored.protocol, stored.scale)
    except UsageError as error:
        raise UsageError(f"{file}: not a summary of format {FORMAT}: {error}") from None
    names = ("engine", "mode", "turns", "seed", "judges", "simulator", "personas", "dialogue")
    conditions = Conditions(protocol, **{name: getattr(stored, name) for name in names})
    return StoredEvaluation(path, path.resolve().name, conditions, tuple(stored.candidates), stored.models)


def _named(runs: Sequence[StoredEvaluation]) -> list[StoredEvaluation]:
    """The runs, with their paths for names where two folders have the same name."""
    if not runs:
        raise UsageError("name the folders of one evaluation or more")
    places = Counter(run.path.resolve() for run in runs)
    if twice := next((path for path, count in places.items() if count > 1), None):
        raise UsageError(f"{twice} is named twice")
    names = Counter(run.name for run in runs)
    return [run if names[run.name] == 1 else replace(run, name=str(run.path)) for run in runs]


def _candidates(runs: Sequence[StoredEvaluation], *, always: bool) -> dict[str, dict[str, str]]:
    """By run, what each of its candidates is called in the comparison; `always` with the name of the run."""
    runs_with = Counter(candidate for run in runs for candidate in run.candidates)
    return {
        run.name: {name: f"{name} [{run.name}]" if always or runs_with[name] > 1 else name for name in run.candidates}
        for run in runs
    }


def _baseline(wanted: str, names: Mapping[str, Mapping[str, str]]) -> str:
    """The candidate of this name: its own, or that in the comparison."""
    known = [(name, shown) for by_run in names.values() for name, shown in by_run.items()]
    found = [shown for name, shown in known if wanted in (name, shown)]
    if len(found) > 1:
        raise UsageError(f"several runs have a candidate {wanted!r}; choose one of {', '.join(map(repr, found))}")
    if not found:
        raise UsageError(f"there is no candidate {wanted!r}; choose one of {', '.join(repr(s) for _, s in known)}")
    return found[0]


class _Joint:
    """Runs of one protocol as one judge sees them; `names` are those of their candidates, by run."""

    def __init__(self, runs: Sequence[StoredEvaluation], judge: str, names: Mapping[str, Mapping[str, str]]) -> None:
        self.runs, self.judge, self.names = runs, judge, names
        first = runs[0].conditions
        # A case and its halves are the same in two runs only if their personas are; else an id may mean anybody.
        self._alike = all(_comparable(run.conditions)["personas"] == _comparable(first)["personas"] for run in runs)
        self.listed = [name for run in runs for name in names[run.name].values()]
        self.controls = [
            shown for run in runs for name, shown in names[run.name].items() if is_control(run.models.get(name, {}))
        ]
        self.conditions = replace(
            first,
            judges={judge: first.judges[judge]},
            turns=max(run.conditions.turns for run in runs),
            dialogue=first.dialogue if all(run.conditions.dialogue == first.dialogue for run in runs) else {},
            engine=" and ".join(dict.fromkeys(run.conditions.engine for run in runs)),
            mode=" and ".join(dict.fromkeys(run.conditions.mode for run in runs)),
        )

    def scores(self) -> Iterator[Score]:
        for run in self.runs:
            here = self._prefix(run)
            for score in run.scores(self.judge):
                if (candidate := self.names[run.name].get(score.candidate)) is None:
                    raise UsageError(f"{run.path}: scores.jsonl has {score.candidate!r}, which summary.json lacks")
                yield replace(
                    score,
                    candidate=candidate,
                    case=here + score.case,
                    profile=here + score.profile,
                    personality=here + score.personality,
                )

    def summary(self, baseline: str | None, resamples: int, seed: int) -> BenchmarkSummary:
        return summarise(
            self.scores(),
            self.conditions,
            candidates=self.listed,
            baseline=baseline if baseline in self.listed else None,
            controls=self.controls,
            resamples=resamples,
            seed=seed,
        )

    def strata(self, field: str, baseline: str) -> Iterator[Stratum]:
        """The same for the people of each level of a field."""
        personas = {
            self._prefix(run) + str(tree.options["case"]): tree.persona
            for run in self.runs
            for tree in read_trees(trees_of(run.path))
        }
        level_of = levels(field, personas)
        check_count(field, level_of)
        return stratified(
            self.scores(),
            level_of,
            self.conditions,
            candidates=self.listed,
            baseline=baseline,
            controls=self.controls,
        )

    def _prefix(self, run: StoredEvaluation) -> str:
        return "" if self._alike else f"{run.name}/"
