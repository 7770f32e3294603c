"""From settings to a result: cases are laid out, dialogues held and rated, numbers drawn up. What `i2a evaluate` runs.

Everything but `trees.jsonl` is derived from it, and written anew by each session that completes the run.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from evaluation.audit import Audit
from evaluation.judge import rate, scores
from evaluation.plan import planned
from evaluation.rejudge import rejudged
from evaluation.scores import Score
from evaluation.scores import read as read_scores
from evaluation.scores import write as write_scores
from evaluation.settings import Evaluation
from evaluation.summary import BenchmarkSummary, summarise
from evaluation.summary import write as write_summary
from evaluation.work import Work, facts
from i2a.errors import I2AError, Interrupted
from i2a.models.text_client import TextClient
from i2a.models.usage import Meter
from i2a.report.plots import draw
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import Ending, complete
from i2a.runs.session import Session
from i2a.trees.json import read
from i2a.trees.summary import Summary as Corpus
from i2a.trees.tree import Node, Tree
from scenarios.cast import Player

if TYPE_CHECKING:
    from evaluation.agreement import Agreement

SCORES = "scores.jsonl"


class Result(NamedTuple):
    """How an evaluation ended. `summary` is None while dialogues are `left`, and where every one failed; `written` is
    what stands in `summary.json`. The rest as in `scenarios.simulation.Result`.
    """

    folder: Path
    summary: BenchmarkSummary | None
    agreement: "Agreement | None"
    written: dict[str, Any]
    failures: Counter[str]
    left: int
    stopped: I2AError | None
    meter: Meter

    @property
    def failed(self) -> int:
        return self.failures.total()


def evaluate(config: Evaluation, console: Console | None = None) -> Result:
    """Run an evaluation, e.g. `evaluate(Evaluation(out="runs/a", candidates=["offline"]))`; a console shows it.

    Raises `UsageError` for what is not as it must be, before anything is written or called.
    """
    try:
        return asyncio.run(evaluation(config, console))
    except asyncio.CancelledError:
        raise Interrupted("stopped at once; the same command with --resume goes on") from None


async def evaluation(config: Evaluation, console: Console | None = None) -> Result:
    """The same for those who are in an event loop already."""
    work = planned(config) if config.rejudge is None else rejudged(config.rejudge, config)
    async with Session.open(
        config.out,
        identity=work.identity,
        about=work.about,
        models=[*work.models, *work.judges.values()],
        prices=work.prices,
        limits=config.limits,
        resume=config.continues,
    ) as session:
        for failure in work.lost:
            if failure["id"] not in session.failures:
                session.folder.append_failure(failure)

        async def grow(tree: Tree) -> None:
            cast = work.dialogues.cast(session, tree)
            judges: dict[str, Player] = {}
            for name, spec in work.judges.items():
                # A ledger for each judge: whom else is asked changes neither its seeds nor its answers.
                client = session.clients(tree.id, tree.seed, {"judge": spec})["judge"]
                judges[name] = Player(cast, "judge", work.rater("judge", client, **facts(tree.persona)))

            async def rated(message: Node, reply: Node) -> None:
                await rate(judges, message, reply)

            await work.dialogues.hold(tree, cast, rated)

        ending = await complete(session, work.trees, grow, config, summary=Corpus(), console=console)
        return result(config, work, session, ending)


def result(config: Evaluation, work: Work, session: Session, ending: Ending) -> Result:
    """Draw up the numbers of a complete run."""
    folder = session.folder
    summary, agreed, written = None, None, dict[str, Any]()
    if ending.finished and not ending.left:
        audit = score(work, folder)
        summary = summarise(
            read_scores(folder.path / SCORES),
            work.conditions,
            candidates=list(work.candidates),
            baseline=config.baseline,
        )
        agreed = agreement_of(config, work, folder)
        written = summary.as_json() | {
            "models": described(work, session),
            "failed": {name: count_of(name, work, ending.failed) for name in work.candidates},
            "failures": dict(ending.reasons),
            "audit": audit.as_json(),
            "agreement": agreed.as_json() if agreed else None,
            "usage": session.meter.as_json(),
        }
        write_summary(folder.path / "summary.json", written)
        draw(summary, folder.path)
    how = (ending.reasons, ending.left, ending.stopped)
    return Result(folder.path, summary, agreed, written, *how, session.meter)


def described(work: Work, session: Session) -> dict[str, dict[str, Any]]:
    """What each candidate is, with what its model string leaves open where the model tells: weights, sampling."""
    clients = {str(spec): client for spec, client in session.models.items()}
    models: dict[str, dict[str, Any]] = {}
    for name, candidate in work.candidates.items():
        client = clients.get(candidate["model"])
        effective = client.describe() if isinstance(client, TextClient) else {}
        models[name] = {**candidate} | ({"effective": effective} if effective else {})
    return models


def score(work: Work, folder: RunFolder) -> Audit:
    """Write the scores that the trees hold, and audit the user on the way."""
    audit = Audit(work.conditions.turns, replayed=work.conditions.mode == "replay")

    def found() -> Iterator[Score]:
        for tree in read(folder.trees_file):
            audit.add(tree)
            yield from scores(tree)

    write_scores(folder.path / SCORES, found())
    return audit


def agreement_of(config: Evaluation, work: Work, folder: RunFolder) -> "Agreement | None":
    """The agreement of the judges with each other and with people; None for a judge alone."""
    if len(work.conditions.judges) == 1 and config.ratings is None:
        return None
    from evaluation.agreement import agreement  # brings scikit-learn, which takes a second

    return agreement(read_scores(folder.path / SCORES), work.conditions.protocol, config.ratings)


def count_of(name: str, work: Work, failed: Iterable[str]) -> int:
    """How many dialogues of a candidate failed; an id is `CANDIDATE/CASE`."""
    candidates = [max((c for c in work.candidates if id.startswith(f"{c}/")), key=len) for id in failed]
    return candidates.count(name)
