"""From settings to numbers: an evaluation is planned, carried out, and its numbers derived. What `i2a evaluate` runs.

Everything but `trees.jsonl` is derived from it, and written anew by each session that completes the run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from evaluation.audit import Audit
from evaluation.judge import scores
from evaluation.plan import EvalPlan, plan_evaluation
from evaluation.rejudge import plan_rejudging
from evaluation.scores import Score
from evaluation.scores import read as read_scores
from evaluation.scores import write as write_scores
from evaluation.settings import Evaluation
from evaluation.summary import BenchmarkSummary, summarise
from evaluation.summary import write as write_summary
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.autogen import Client
from i2a.runs.outcome import RunResult
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute
from i2a.runs.simulated import is_simulated
from i2a.runs.sync import run_sync
from i2a.trees.json import read

if TYPE_CHECKING:
    from evaluation.agreement import Agreement

SCORES = "scores.jsonl"
OFFLINE, LLM = "offline simulator", "LLM"
Draw = Callable[[BenchmarkSummary, Path], object]


@dataclass(frozen=True, slots=True)
class EvalResult:
    """How the `run` ended and what it measured: no `summary` while dialogues are left, or where every one failed.

    `written`: what is in `summary.json`. `agreement`: None for a judge alone.
    """

    run: RunResult
    summary: BenchmarkSummary | None = None
    agreement: "Agreement | None" = None
    written: JsonMapping = field(default_factory=dict)


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
    if config.rejudge is None:
        plan = plan_evaluation(config, clients)
    else:
        plan = plan_rejudging(config.rejudge, config, clients)
    run = await execute(plan.run, config, console=console)
    if not run.complete:
        return EvalResult(run)
    result = derive(plan, run, config)
    if draw is not None and result.summary is not None:
        draw(result.summary, run.folder)
    return result


def derive(plan: EvalPlan, run: RunResult, config: Evaluation) -> EvalResult:
    """The numbers of a complete run, from its trees; writes `scores.jsonl` and `summary.json`."""
    folder = RunFolder(run.folder)
    manifest, file = folder.manifest(), run.folder / SCORES
    conditions = replace(plan.conditions, engine=OFFLINE if is_simulated(manifest) else LLM)
    audit = score(folder, Audit(conditions.turns, replayed=conditions.mode == "replay"))
    summary = summarise(read_scores(file), conditions, candidates=list(plan.candidates), baseline=config.baseline)
    agreed = None
    if len(conditions.judges) > 1 or config.ratings is not None:
        from evaluation.agreement import agreement  # imports scikit-learn, which takes a second

        agreed = agreement(read_scores(file), conditions.protocol, config.ratings)
    written = summary.as_json() | {
        "models": described(plan, manifest),
        "failed": failed_by_candidate(plan, run),
        "failures": dict(run.reasons),
        "audit": audit.as_json(),
        "agreement": agreed.as_json() if agreed else None,
        "usage": run.usage.as_json(),
    }
    write_summary(run.folder / "summary.json", written)
    return EvalResult(run, summary, agreed, written)


def score(folder: RunFolder, audit: Audit) -> Audit:
    """Write the scores that the trees hold, and audit the user on the way."""

    def found() -> Iterator[Score]:
        for tree in read(folder.trees_file):
            audit.add(tree)
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


def failed_by_candidate(plan: EvalPlan, run: RunResult) -> dict[str, int]:
    """How many dialogues of each candidate failed; an id is `CANDIDATE/CASE`."""
    names = [max((name for name in plan.candidates if id.startswith(f"{name}/")), key=len) for id in run.failures]
    return {name: names.count(name) for name in plan.candidates}
