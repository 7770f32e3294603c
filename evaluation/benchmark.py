"""From settings to numbers: an evaluation is planned, carried out, and its numbers derived. What `i2a evaluate` runs.

Everything but `trees.jsonl` is derived from it, and written anew by each session that completes the run.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from evaluation.audit import Audit
from evaluation.candidates import is_control
from evaluation.choices import holds_choices
from evaluation.judge import scores
from evaluation.leaks import in_words
from evaluation.plan import EvalPlan, plan_evaluation
from evaluation.rejudge import plan_rejudging
from evaluation.scores import Score
from evaluation.scores import read as read_scores
from evaluation.scores import write as write_scores
from evaluation.settings import Evaluation
from evaluation.strata import fields_of, levels, stratified
from evaluation.summary import BenchmarkSummary, summarise
from evaluation.summary import write as write_summary
from i2a.errors import ConversationsFailed, UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.autogen import Client
from i2a.runs.outcome import RunResult
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute
from i2a.runs.simulated import is_simulated
from i2a.runs.sync import run_sync
from i2a.text import one_line
from i2a.trees.frame import to_dataframe
from i2a.trees.json import load, read
from i2a.trees.tree import Tree

if TYPE_CHECKING:
    from pandas import DataFrame

    from evaluation.agreement import Agreement

SCORES = "scores.jsonl"
OFFLINE, LLM = "offline simulator", "LLM"
Draw = Callable[[BenchmarkSummary, Path], object]


@dataclass(frozen=True, slots=True)
class EvalResult:
    """How the `run` ended and what it measured: no `summary` of a shard, while dialogues are left, or where every one
    failed.

    `written`: what is in `summary.json`. `agreement`: None for a judge alone.
    """

    run: RunResult
    summary: BenchmarkSummary | None = None
    agreement: "Agreement | None" = None
    written: JsonMapping = field(default_factory=dict)

    def to_dataframe(self) -> "DataFrame":
        """A table of the scores, a row for each reply and judge; an unscored reply has none. Needs pandas."""
        return to_dataframe(map(Score.as_json, read_scores(self.run.folder / SCORES)))

    def raise_for_status(self) -> None:
        """Raise what the exit code of the command follows from: that of the run, or that a judge scored nothing."""
        self.run.raise_for_status()
        for results in self.summary.by_judge if self.summary else ():
            for candidate in results.candidates:
                if not any(candidate.scored):
                    raise ConversationsFailed(self._unscored(results.judge, candidate.candidate))

    def _unscored(self, judge: str, candidate: str) -> str:
        found = read_scores(self.run.folder / SCORES)
        reasons = Counter(score.reason for score in found if (score.judge, score.candidate) == (judge, candidate))
        why = f", most often because: {one_line(reasons.most_common(1)[0][0]):.300}" if reasons else ""
        return f"no reply of {candidate} was scored by {judge}{why}; every reason is in {self.run.folder}/{SCORES}"


def evaluate(
    config: Evaluation,
    *,
    clients: Mapping[str, Client] = {},
    console: Console | None = None,
    draw: Draw | None = None,
) -> EvalResult:
    """Run an evaluation, e.g. `evaluate(Evaluation(out="runs/a", candidates=["offline"]))`; a console shows it.

    `clients` are open model clients of your own, by role (`user`, `judge`, `inducer`), by the name of a candidate or by
    model string; they stay open. `draw` is called with the summary and the folder of a complete run, to draw its
    curves. Raises `UsageError` for invalid settings, before anything is written or called.
    """
    return run_sync(evaluate_async(config, clients=clients, console=console, draw=draw))


async def evaluate_async(
    config: Evaluation,
    *,
    clients: Mapping[str, Client] = {},
    console: Console | None = None,
    draw: Draw | None = None,
) -> EvalResult:
    """`evaluate` for callers that await."""
    plan = plan_of(config, clients)
    if console is not None:  # before the calls that it would spoil
        for line in in_words(plan.leaks):
            console.print(Text(f"Warning: {line}"))
    run = await execute(plan.run, config, console=console)
    if run.left or config.shard or not (run.finished or RunFolder(run.folder).broken()):
        return EvalResult(run)
    result = derive(plan, run, config)
    if draw is not None and result.summary is not None:
        draw(result.summary, run.folder)
    return result


def plan_of(config: Evaluation, clients: Mapping[str, Client] = {}) -> EvalPlan:
    """The plan of an evaluation, live, in replay or of ratings alone. Raises `UsageError` for what cannot work."""
    if config.ratings is not None and holds_choices(config.ratings):
        raise UsageError(
            f"--ratings {config.ratings} holds choices between two replies, which `i2a evaluate --rejudge RUN` alone "
            "compares with the verdicts in a run; for scores of replies, rate an evaluation"
        )
    if config.rejudge is None:
        return plan_evaluation(config, clients)
    return plan_rejudging(config.rejudge, config, clients)


def derive(plan: EvalPlan, run: RunResult, config: Evaluation) -> EvalResult:
    """The numbers of a complete run, from its trees; writes `scores.jsonl` and `summary.json`.

    Dialogues that broke off count with the turns that they have.
    """
    folder = RunFolder(run.folder)
    manifest, file = folder.manifest(), run.folder / SCORES
    conditions = replace(plan.conditions, engine=OFFLINE if is_simulated(manifest) else LLM)
    broken = [tree for tree in map(load, folder.broken()) if any(scores(tree))]
    audit = score(folder, broken, Audit(conditions.turns, replayed=conditions.mode == "replay"))
    if not any(True for _ in read_scores(file)):
        return EvalResult(run)
    summary = summarise(
        read_scores(file),
        conditions,
        candidates=list(plan.candidates),
        baseline=config.baseline,
        controls=[name for name, identity in plan.candidates.items() if is_control(identity)],
    )
    agreed = None
    if len(conditions.judges) > 1 or config.ratings is not None:
        from evaluation.agreement import agreement

        agreed = agreement(read_scores(file), conditions.protocol, config.ratings)
    calibrated = None
    if config.ratings is not None:
        from evaluation.calibration import calibrations
        from evaluation.ratings import mean_ratings

        found = calibrations(read_scores(file), conditions, mean_ratings(config.ratings, conditions.protocol))
        calibrated = {judge: {name: each.as_json() for name, each in by.items()} for judge, by in found.items()}
    written = summary.as_json() | {
        "models": described(plan, manifest),
        "failed": by_candidate(plan, run.failures),
        "broken": by_candidate(plan, [tree.id for tree in broken]),
        "failures": dict(run.reasons),
        "leaks": {name: leak.as_json() for name, leak in plan.leaks.items()},
        "audit": audit.as_json(),
        "calibrated": calibrated,
        **by_fields(plan, summary, file),
        "agreement": agreed.as_json() if agreed else None,
        "usage": run.usage.as_json(),
    }
    write_summary(run.folder / "summary.json", written)
    return EvalResult(run, summary, agreed, written)


def score(folder: RunFolder, broken: Sequence[Tree], audit: Audit) -> Audit:
    """Write the scores that the trees hold, and audit the user of whole dialogues on the way."""

    def found() -> Iterator[Score]:
        for tree in read(folder.trees_file) if folder.trees_file.exists() else ():
            audit.add(tree)
            yield from scores(tree)
        for tree in broken:
            yield from scores(tree)

    write_scores(folder.path / SCORES, found())
    return audit


def described(plan: EvalPlan, manifest: JsonMapping) -> dict[str, JsonObject]:
    """What each candidate is, with resolved settings such as weights and sampling where the model reports them."""
    local = manifest.get("models", {})
    return {
        name: {**candidate} | ({"effective": local[candidate["model"]]} if candidate["model"] in local else {})
        for name, candidate in plan.candidates.items()
    }


def by_fields(plan: EvalPlan, summary: BenchmarkSummary, file: Path) -> JsonObject:
    """The results for the people of each level of the fields that put them into a few groups, if there are such."""
    personas = {str(tree.options["case"]): tree.persona for tree in plan.run.trees}
    controls = [name for name, identity in plan.candidates.items() if is_control(identity)]
    found: JsonObject = {}
    for name in fields_of(list(personas.values())):
        strata = stratified(
            read_scores(file),
            levels(name, personas),
            summary.conditions,
            candidates=list(plan.candidates),
            baseline=summary.baseline,
            controls=controls,
        )
        found[name] = {stratum.level: stratum.as_json() for stratum in strata}
    return {"by_field": found} if found else {}


def by_candidate(plan: EvalPlan, ids: Iterable[str]) -> dict[str, int]:
    """How many of these dialogues are of each candidate; an id is `CANDIDATE/CASE`."""
    names = [max((name for name in plan.candidates if id.startswith(f"{name}/")), key=len) for id in ids]
    return {name: names.count(name) for name in plan.candidates}
