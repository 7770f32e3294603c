"""Grows many trees at once: one coroutine each, failures as records, bugs as crashes.

It knows neither scenarios nor models. The unit of work is (scenario, persona, seed) -> tree.
"""

import asyncio
import gc
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from rich.console import Console

from i2a.errors import I2AError, Interrupted, ModelError, UsageError
from i2a.models.call import Traffic
from i2a.runs.config import RunConfig
from i2a.runs.live import TreeView, View
from i2a.runs.run_folder import RunFolder
from i2a.runs.session import Session
from i2a.trees.json import dump
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree


class Ending(NamedTuple):
    """How far a run has come. `failed`: the last failure of each conversation that failed, by its id. `stopped`: why
    it ended early, if it did; what is `left` then waits for `resume`.
    """

    finished: Set[str]
    failed: Mapping[str, Mapping[str, Any]]
    left: int
    stopped: I2AError | None

    @property
    def reasons(self) -> Counter[str]:
        return Counter(str(failure["reason"]) for failure in self.failed.values())


async def complete(
    session: Session,
    trees: Sequence[Tree],
    grow: Callable[[Tree], Awaitable[None]],
    knobs: RunConfig,
    *,
    summary: Summary,
    console: Console | None,
) -> Ending:
    """Grow those of `trees` that the session's folder lacks, shown on `console` if there is one.

    A complete corpus is brought into the order of `trees`. Raises as `run` does.
    """
    folder, past = session.folder, session.failures
    finished = folder.finished()
    todo = [tree for tree in trees if tree.id not in finished and (knobs.retry_failed or tree.id not in past)]
    view = TreeView(
        console or Console(quiet=True),
        session.meter,
        total=len(trees),
        done=len(trees) - len(todo),
        quiet=console is None or knobs.quiet,
    )
    traffic = session.traffic
    with stop_on_interrupt(traffic, view):
        concurrency = knobs.concurrency
        await run(todo, grow, folder=folder, traffic=traffic, summary=summary, view=view, concurrency=concurrency)
    finished = folder.finished()
    failed = {id: failures[-1] for id, failures in folder.failures().items() if id not in finished}
    left = sum(tree.id not in finished and tree.id not in failed for tree in trees)
    if finished and not left:
        order = {tree.id: place for place, tree in enumerate(trees)}
        folder.sort_trees(order.__getitem__)
    return Ending(finished, failed, left, traffic.stopped if left or failed else None)


async def run(
    trees: Sequence[Tree],
    grow: Callable[[Tree], Awaitable[None]],
    *,
    folder: RunFolder,
    traffic: Traffic,
    summary: Summary,
    view: TreeView,
    concurrency: int,
) -> None:
    """Grow `trees`, which come empty, `concurrency` at a time; append each to the folder and count it in `summary`.

    Returns early once `traffic` is stopped and the calls that were out have come home. The trees that are cut off then,
    or by a crash, grow again from the journal. Raises whatever is not a `ModelError`, for that is a bug.
    """
    waiting = iter(trees)

    async def work() -> None:
        for tree in waiting:
            if traffic.stopped:
                return
            view.begins(tree)
            try:
                await grow(tree)
            except (ModelError, ExceptionGroup) as error:
                reasons = model_errors(error)
            else:
                reasons = []
            try:
                if reasons:
                    folder.append_failure(failure(tree, reasons))
                    view.ends(tree, failed=reasons[0])
                else:
                    folder.append_tree(dump(tree))
                    summary.add(tree)
                    view.ends(tree)
            except UsageError as full_disk:
                traffic.stop(full_disk)
            tree.forget()  # what is on disk needs no memory

    await supervised([work() for _ in range(min(concurrency, len(trees)))], traffic, view)


async def supervised(work: Sequence[Coroutine[Any, Any, None]], traffic: Traffic, view: View) -> None:
    """Run `work` side by side to its end or, once `traffic` is stopped, until the calls that are out are home."""
    workers: list[asyncio.Task[None]] = []

    async def take_down() -> None:
        await traffic.landed.wait()
        for worker in workers:
            worker.cancel()

    gc.freeze()  # what is there now lives through the run: no collection need look at it (an eighth of a call)
    try:
        async with asyncio.TaskGroup() as outer:
            helpers = [outer.create_task(view.watch()), outer.create_task(take_down())]
            async with asyncio.TaskGroup() as group:
                workers += [group.create_task(part) for part in work]
            for helper in helpers:
                helper.cancel()
    finally:
        gc.unfreeze()


def model_errors(error: ModelError | ExceptionGroup[Exception]) -> list[ModelError]:
    """The model errors in `error`, deepest first; raises it again if it holds anything else."""
    if isinstance(error, ModelError):
        return [error]
    bugs = error.split(ModelError)[1]
    if bugs is not None:
        raise error
    return [reason for part in error.exceptions for reason in model_errors(part)]  # type: ignore[arg-type]


def failure(tree: Tree, reasons: Sequence[ModelError]) -> dict[str, object]:
    """The record of a conversation that failed."""
    return {
        "id": tree.id,
        "persona": tree.persona.id,
        "seed": tree.seed,
        "error": type(reasons[0]).__name__,
        "reason": str(reasons[0]),
        "utterances": sum(1 for _ in tree),
    }


@contextmanager
def stop_on_interrupt(traffic: Traffic, view: View) -> Iterator[None]:
    """Ctrl-C or SIGTERM once: nothing new goes out, what is out comes home. Twice: stop at once. Both are resumable."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if traffic.stopped is None:
            view.say("Stopping: waiting for the calls that are out. Ctrl-C again to stop at once.")
            traffic.stop(Interrupted("interrupted"))
        elif task is not None:
            task.cancel()

    signals = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError, RuntimeError):  # no signal handlers outside the main thread
        for number in signals:
            loop.add_signal_handler(number, interrupted)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError):
            for number in signals:
                loop.remove_signal_handler(number)
