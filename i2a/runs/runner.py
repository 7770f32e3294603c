"""Executes the plan of a run: many trees at once. Failures become records, bugs crash.

It knows neither scenarios nor models. The unit of work is (scenario, persona, seed) -> tree.
"""

import asyncio
import gc
import signal
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console

from i2a.errors import Interrupted, ModelError, UsageError
from i2a.models.call import InFlight
from i2a.models.usage import UsageTracker
from i2a.runs.collector import Collector, model_errors
from i2a.runs.config import RunConfig
from i2a.runs.live import View
from i2a.runs.outcome import RunResult
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import PLACE
from i2a.runs.session import Session
from i2a.runs.workers import Crew
from i2a.trees.json import read
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree

LONG = 20  # conversations, or whatever is counted; before a run of so many, what its servers can do is looked at


async def execute(plan: RunPlan, config: RunConfig, *, console: Console | None = None) -> RunResult:
    """Do what is still to do of `plan`, with a live view on `console` if there is one.

    Returns early once the run is stopped (budget, access, disk, Ctrl-C) and the calls in flight are finished; the
    trees that are cut off then, or by a crash, are rebuilt from the journal. Raises `UsageError` for invalid settings
    before anything is written or called; an error other than a `ModelError` while it runs is a bug and is raised.
    """
    if config.dry_run:
        raise UsageError("a dry run makes no run: call i2a.estimate with these settings")
    if config.probe is not None:
        raise UsageError("--probe says how a --dry-run estimates: add that, or leave --probe out")
    say = View(console, UsageTracker({}), unit=plan.unit, total=0).say
    async with Session.open(plan, config, say) as session:
        todo, summary = remaining(plan, config, session)
        total = len(plan.trees) if plan.target is None else plan.target
        steps_total, steps_left = (
            planned_steps(plan, plan.trees),
            planned_steps(plan, (plan.trees[place] for place in todo)),
        )
        view = View(
            console,
            session.usage,
            unit=plan.unit,
            total=total,
            done=len(plan.trees) - len(todo),
            quiet=console is None or config.quiet,
            steps=plan.steps,
            step_unit=plan.step_unit,
            steps_done=steps_total - steps_left,
            steps_total=steps_total,
            panel=plan.panel,
            in_flight=session.in_flight,
            waiting=lambda: session.waiting,
            notes=lambda: session.notes,
        )
        view.say_news()
        collector = Collector(plan, session, summary, view)
        if plan.work is not None:
            work = [plan.work(session, view)]
        elif todo and (config.processes > 1 or config.ray_address):
            work = [Crew(config, collector, todo).grow()]
        else:
            waiting = iter(todo)
            work = [grow_trees(waiting, collector) for _ in range(min(config.trees_at_once, len(todo)))]
        with stop_on_interrupt(session.in_flight, view):
            try:
                if config.check and total >= LONG and (todo or plan.work):
                    work = [after_check(session, view, work)]
                await supervise(work, session.in_flight, view)
            finally:
                session.folder.add_notes(session.notes)
        view.say_news(final=True)
        return ended(plan, session, summary)


def remaining(plan: RunPlan, config: RunConfig, session: Session) -> tuple[list[int], Summary]:
    """The places of the trees that are still to be grown, and the summary of those that are finished."""
    folder, past = session.folder, session.failures
    for failure in plan.failures:
        if failure["id"] not in past:
            folder.append_failure({name: value for name, value in failure.items() if name != PLACE})
    finished = folder.finished()
    done = finished if config.retry_failed else finished | past.keys()
    todo = [place for place, tree in enumerate(plan.trees) if tree.id not in done]
    return todo, Summary.of(read(folder.trees_file)) if finished else Summary()


def planned_steps(plan: RunPlan, trees: Iterable[Tree]) -> int:
    """In how many steps these trees are to be grown, as far as that is known."""
    return sum(plan.steps(tree)[1] for tree in trees)


async def grow_trees(waiting: Iterator[int], collector: Collector) -> None:
    """Grow a tree, hand it in, take the next. All who do so share `waiting`."""
    grow = collector.plan.grow
    assert grow is not None
    for place in waiting:
        if collector.session.in_flight.stopped:
            return
        tree = collector.begins(place)
        reasons: list[ModelError] = []
        try:
            await grow(tree, collector.session)
        except (ModelError, ExceptionGroup) as error:
            reasons = model_errors(error)
        collector.ends(place, reasons)


async def after_check(session: Session, view: View, work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """`work`, once the servers have been asked what they can do."""
    try:
        await session.check_models(view.say)
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    finally:
        for part in work:
            part.close()


async def supervise(work: Sequence[Coroutine[Any, Any, None]], in_flight: InFlight, view: View) -> None:
    """Run `work` side by side to its end or, once `in_flight` is stopped, until no call is in flight any more."""
    workers: list[asyncio.Task[None]] = []

    async def take_down() -> None:
        await in_flight.drained.wait()
        for worker in workers:
            worker.cancel()

    gc.freeze()  # keeps long-lived objects out of collections: benchmarks/orchestration.py is 10% slower without
    try:
        async with asyncio.TaskGroup() as outer:
            helpers = [outer.create_task(view.watch()), outer.create_task(take_down())]
            async with asyncio.TaskGroup() as group:
                workers += [group.create_task(part) for part in work]
            for helper in helpers:
                helper.cancel()
    finally:
        gc.unfreeze()


def ended(plan: RunPlan, session: Session, summary: Summary) -> RunResult:
    """How far the run has come. A complete corpus is brought into the order of the plan."""
    folder, stopped = session.folder, session.in_flight.stopped
    finished = folder.finished()
    failures = {id: past[-1] for id, past in folder.failures().items() if id not in finished}
    left = sum(tree.id not in finished and tree.id not in failures for tree in plan.trees)
    if finished and not left:
        order = {tree.id: place for place, tree in enumerate(plan.trees)}
        folder.sort_trees(order.__getitem__)
    stopped = stopped if plan.work or left or failures else None
    return RunResult(folder.path, plan.unit, summary, failures, left, stopped, session.usage)


@contextmanager
def stop_on_interrupt(in_flight: InFlight, view: View) -> Iterator[None]:
    """Ctrl-C or SIGTERM once: finish the calls in flight, start no more. Twice: stop at once. Both can be resumed.

    Outside the main thread there are no signals to handle.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if in_flight.stopped is None:
            in_flight.stop(Interrupted("interrupted"))
            view.interrupted()
        elif task is not None:
            task.cancel()

    signals = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError):  # on Windows
        for number in signals:
            loop.add_signal_handler(number, interrupted)
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            for number in signals:
                loop.remove_signal_handler(number)
