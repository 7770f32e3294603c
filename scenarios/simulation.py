"""From settings to a corpus: personas are drawn, models opened, trees grown. What `i2a simulate` runs."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from i2a.errors import I2AError, Interrupted
from i2a.models.usage import UsageTracker
from i2a.runs.runner import complete
from i2a.runs.session import Session
from i2a.trees.json import read
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree
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
    meter: UsageTracker

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
        folder = session.folder
        summary = Summary.of(read(folder.trees_file) if folder.finished() else ())

        def grow(tree: Tree) -> Awaitable[None]:
            return plan.scenario.grow(tree, session.clients(tree.id, tree.seed, plan.models), **plan.options)

        ending = await complete(session, plan.trees, grow, config, summary=summary, console=console)
        return Result(folder.path, summary, ending.reasons, ending.left, ending.stopped, session.meter)
