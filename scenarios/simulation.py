"""From settings to a corpus: personas are drawn, models opened, trees grown. What `i2a simulate` runs."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from i2a.errors import I2AError, Interrupted
from i2a.live import TreeView
from i2a.models.meter import Meter
from i2a.runner import run, stop_on_interrupt
from i2a.session import Session
from i2a.summary import Summary
from i2a.tree import Tree
from i2a.tree_json import read
from scenarios.cast import Cast
from scenarios.plan import Plan
from scenarios.settings import Simulation


class Result(NamedTuple):
    """How a run ended. `failures`: the conversations that failed, by their last reason. `stopped`: why the run ended
    early, if it did; what is `left` then waits for `resume`.
    """

    folder: Path
    summary: Summary
    failures: Counter[str]
    left: int
    stopped: I2AError | None
    meter: Meter

    @property
    def failed(self) -> int:
        return self.failures.total()


def simulate(config: Simulation, console: Console | None = None) -> Result:
    """Run a simulation, e.g. `simulate(Simulation(out="runs/a", conversations=4))`; with a console, watch it there.

    Raises `UsageError` for what is not as it must be, before anything is written or called.
    """
    try:
        return asyncio.run(simulation(config, console))
    except asyncio.CancelledError:
        raise Interrupted("stopped at once; the same command with --resume goes on") from None


async def simulation(config: Simulation, console: Console | None = None) -> Result:
    """The same for those who are in an event loop already."""
    plan = Plan.of(config)
    async with Session.open(
        config.out,
        identity=plan.identity,
        about=plan.about,
        models=plan.models.values(),
        prices=plan.prices,
        limits=config.limits,
        resume=config.continues,
    ) as session:
        finished, failures = session.folder.finished(), session.failures
        todo = [t for t in plan.trees if t.id not in finished and (config.retry_failed or t.id not in failures)]
        summary = Summary.of(read(session.folder.trees_file) if finished else ())
        view = TreeView(
            console or Console(quiet=True),
            session.meter,
            total=len(plan.trees),
            done=len(plan.trees) - len(todo),
            quiet=console is None or config.view == "quiet",
        )
        prototypes = {name: role(name, session.models[plan.models[name]]) for name, role in plan.scenario.roles.items()}

        async def grow(tree: Tree) -> None:
            facts = {"profile": tree.persona.profile, "personality": tree.persona.personality}
            clients = session.clients(tree.id, tree.seed, plan.models)
            cast = Cast({name: role.fork(clients[name], **facts) for name, role in prototypes.items()})
            await plan.scenario.script(tree, cast, **plan.options)

        with stop_on_interrupt(session.traffic, view):
            await run(
                todo,
                grow,
                folder=session.folder,
                traffic=session.traffic,
                summary=summary,
                view=view,
                concurrency=config.concurrency,
            )
        return result(plan, session, summary)


def result(plan: Plan, session: Session, summary: Summary) -> Result:
    """Count what is there; bring a complete corpus into drawing order."""
    folder, finished = session.folder, session.folder.finished()
    failures = Counter(str(past[-1]["reason"]) for id, past in folder.failures().items() if id not in finished)
    left = len(plan.trees) - len(finished) - failures.total()
    if finished and not left:
        order = {tree.id: i for i, tree in enumerate(plan.trees)}
        folder.sort_trees(order.__getitem__)
    stopped = session.traffic.stopped if left or failures else None
    return Result(folder.path, summary, failures, left, stopped, session.meter)
