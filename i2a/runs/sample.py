"""A sample of a run's conversations, and what each of them took: the ground of an estimate.

They are held by the offline engine in the place of the models, which costs nothing, or by the models themselves, which
is paid; or they are those of an earlier run. Nothing is written to the folder of the run.
"""

import random
import tempfile
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console

from i2a.errors import ConversationsFailed, ModelError, RunStopped, UsageError
from i2a.models.call import Endpoint, InFlight
from i2a.models.usage import UsageTracker
from i2a.runs.amount import Amounts, summed
from i2a.runs.collector import model_errors
from i2a.runs.config import RunConfig
from i2a.runs.journal import Journal
from i2a.runs.live import View
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import stop_on_interrupt, supervise
from i2a.runs.session import Session
from i2a.runs.simulated import simulated_by_name
from i2a.runs.stand_in import StandInLog, stand_ins
from i2a.text import counted
from i2a.trees.json import read
from i2a.trees.tree import Tree

HELD = 6  # conversations of each candidate; the engine takes less than a second for one
CALLS = 40  # of a run that has no conversations
REJECTED = 2.0  # the simulator's texts are nearly all kept, of a language model's perhaps half
SENTENCES = 240  # characters of three sentences, the most that the shipped prompts ask a speaker for


@dataclass(frozen=True, slots=True)
class Held:
    """One conversation. `of`: the candidate whose it is, if the run has several."""

    of: str
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Sample:
    """The conversations that were held, and what they say about the others.

    sizes     how many conversations the run has, by candidate; of a run without any: how many times the sample
    basis     how the sample came about, in words
    rounds    how many calls of a conversation come one after another
    path      seconds that a conversation took by itself, if the models were asked
    others    whether none of these conversations is one of the run
    longer    how much longer the messages of a language model may be
    rejected  how many times as many calls it takes where much is rejected, in a run that has no conversations
    quoted    which part of the prompts is what somebody said before, by role and model
    """

    held: Sequence[Held]
    sizes: Mapping[str, float]
    basis: str
    rounds: float = 1.0
    path: float | None = None
    others: bool = False
    longer: float = 1.0
    rejected: float = 1.0
    quoted: Mapping[tuple[str, str], float] = field(default_factory=dict)


async def take(plan: RunPlan, config: RunConfig, console: Console | None = None) -> Sample:
    """The sample that `config.probe` names. Only a probe calls the models of the plan, and is shown on `console`.

    Raises `UsageError`, and `ConversationsFailed` if none of them came to its end.
    """
    left = trees_left(plan, config)
    if isinstance(config.probe, int):
        found = await probe(plan, config, left, config.probe, console)
        with suppress(ConversationsFailed):  # which has nothing to say of the models
            found = replace(found, rounds=(await simulate(plan, config, left)).rounds)
        return found
    simulated = await simulate(plan, config, left)
    return simulated if config.probe is None else recorded(plan, left, config.probe, simulated)


def trees_left(plan: RunPlan, config: RunConfig) -> list[Tree]:
    """The conversations that are still to be held."""
    folder = RunFolder(config.folder)
    if not (config.continues and folder.manifest_file.exists()):
        return list(plan.trees)
    done = folder.finished() | (set() if config.retry_failed else set(folder.failures()))
    return [tree for tree in plan.trees if tree.id not in done]


def drawn(trees: Sequence[Tree], count: int) -> tuple[list[Tree], dict[str, float]]:
    """So many trees of each candidate, at random, and how many each has in all."""
    of: dict[str, list[Tree]] = {}
    for tree in trees:
        of.setdefault(candidate_of(tree), []).append(tree)
    chance = random.Random("sample")
    chosen = [tree for some in of.values() for tree in chance.sample(some, min(count, len(some)))]
    return chosen, {name: float(len(some)) for name, some in of.items()}


def candidate_of(tree: Tree) -> str:
    return str(tree.options.get("candidate", ""))


async def simulate(plan: RunPlan, config: RunConfig, left: Sequence[Tree]) -> Sample:
    """Conversations held by the offline engine in the place of all models, one after another."""
    log = StandInLog()
    with Journal() as journal:
        session = Session(
            folder=RunFolder(config.folder),
            journal=journal,
            usage=UsageTracker({}),
            in_flight=InFlight(),
            endpoints={
                spec: Endpoint(str(spec), model, max_calls=config.calls_at_once, retries=0)
                for spec, model in stand_ins(plan.models, log).items()
            },
            failures={},
            manifest={},
            keeps_cut=config.on_length == "keep",
            max_tokens=config.role_max_tokens,
        )
        if plan.work is not None:
            held, sizes = await worked(plan, session, CALLS)
        else:
            chosen, sizes = drawn(left, HELD)
            held, _ = await conversed(plan, session, chosen, log=log)
    said = mean(log.utterances) if log.utterances else SENTENCES
    rules = all(simulated_by_name(str(spec)) for spec in plan.models.values())
    return Sample(
        held,
        sizes,
        "the offline engine in the place of the models; nothing was paid",
        rounds=max(1.0, log.rounds / max(1, len(held))),
        longer=1.0 if rules else max(1.0, SENTENCES / said),
        rejected=1.0 if rules or plan.work is None else REJECTED,
        quoted={who: log.quoted[who] / size for who, size in log.prompts.items() if size},
    )


async def probe(plan: RunPlan, config: RunConfig, left: Sequence[Tree], count: int, console: Console | None) -> Sample:
    """Conversations held by the models themselves, in a folder that is thrown away."""
    shown = None if config.quiet else console
    with tempfile.TemporaryDirectory() as folder:
        changed = {"out": Path(folder) / "probe", "resume": False, "retry_failed": False, "batched": []}
        async with Session.open(plan, config.model_copy(update=changed)) as session:
            if plan.work is not None:
                held, sizes = await worked(plan, session, count, shown)
                return Sample(held, sizes, "calls of the models themselves, which were paid")
            chosen, sizes = drawn(left, count)
            held, seconds = await conversed(plan, session, chosen, shown)
            basis = f"{len(held)} of the {plan.unit}, held by the models themselves, which was paid"
            return Sample(held, sizes, basis, path=seconds)


async def conversed(
    plan: RunPlan,
    session: Session,
    trees: Sequence[Tree],
    console: Console | None = None,
    log: StandInLog | None = None,
) -> tuple[list[Held], float]:
    """What each tree took to grow, and the seconds that one takes. One after another where there is a `log`."""
    grow, failures, seconds = plan.grow, dict[str, ModelError](), dict[str, float]()
    assert grow is not None
    view = View(console, session.usage, unit=plan.unit, total=len(trees), quiet=console is None, steps=plan.steps)

    async def one(tree: Tree) -> None:
        start = time.monotonic()
        view.begins(tree)
        try:
            await grow(tree, session)
            seconds[tree.id] = time.monotonic() - start
        except (ModelError, ExceptionGroup) as error:
            failures[candidate_of(tree)] = model_errors(error)[0]
        view.ends(tree, failed=None if tree.id in seconds else failures[candidate_of(tree)])

    async def in_turn(log: StandInLog) -> None:
        for tree in trees:
            log.begins()
            await one(tree)

    await carried_out([in_turn(log)] if log is not None else [one(tree) for tree in trees], session, view)
    for of in failures.keys() - {candidate_of(tree) for tree in trees if tree.id in seconds}:
        whose = f" of {of}" if of else ""
        raise ConversationsFailed(f"none of the sampled {plan.unit}{whose} came to its end: {failures[of]}")
    taken = session.journal.spent_by_tree()
    held = []
    for tree in trees:
        spent = ((used.role, used.model, used) for used in taken.get(tree.id, ()))
        held.append(Held(candidate_of(tree), summed(spent)))
        tree.forget()
    return held, mean(seconds.values()) if seconds else 0.0


class _Enough(RunStopped):
    """The sample is large enough."""


class _Counted(View):
    """Notes how much was done after how many calls, and stops the work after `most` of them."""

    def __init__(self, plan: RunPlan, session: Session, most: int, console: Console | None) -> None:
        super().__init__(console, session.usage, unit=plan.unit, total=plan.target or 0, quiet=console is None)
        self._session, self._most = session, most
        self.marks = [(0, 0)]

    def advance(self, steps: int = 1) -> None:
        super().advance(steps)
        calls = self._session.usage.session_calls
        self.marks.append((calls, self.marks[-1][1] + steps))
        if calls >= self._most:
            self._session.in_flight.stop(_Enough("enough"))


async def worked(
    plan: RunPlan, session: Session, most: int, console: Console | None = None
) -> tuple[list[Held], dict[str, float]]:
    """What the first calls of a run without conversations took, and how many times as much its target takes."""
    assert plan.work is not None
    view = _Counted(plan, session, most, console)
    await carried_out([plan.work(session, view)], session, view)
    start = next(done for calls, done in reversed(view.marks) if not calls)
    calls, done = view.marks[-1]
    left = max(0, (plan.target or 0) - start)
    if left and done == start:
        raise UsageError(f"the first {calls} calls brought none of the {plan.unit}: there is nothing to estimate from")
    used = summed((role, model, used) for (role, model), used in session.usage.usage.items())
    return [Held("", used)], {"": left / (done - start) if left else 0.0}


async def carried_out(work: Sequence[Coroutine[Any, Any, None]], session: Session, view: View) -> None:
    """Carry out `work` as a run does. Raises why it was stopped early."""
    with stop_on_interrupt(session.in_flight, view):
        await supervise(work, session.in_flight, view)
    if (stopped := session.in_flight.stopped) and not isinstance(stopped, _Enough):
        raise stopped


def recorded(plan: RunPlan, left: Sequence[Tree], run: Path, simulated: Sample) -> Sample:
    """What the conversations of an earlier run took, with whatever models. Raises `UsageError` if they are others."""
    folder = RunFolder(run)
    folder.manifest()
    if plan.work is not None:
        raise UsageError("--probe RUN takes conversations, and here are none; write --probe N, how many calls to make")
    if not folder.journal_file.exists():
        raise UsageError(f"{run} has no journal, which would say what its {plan.unit} took")
    models = {(held.of, role): model for held in simulated.held for role, model in held.amounts}
    options = {candidate_of(tree): tree.options for tree in left}
    with folder.journal() as journal:
        taken = journal.spent_by_tree()
    held = []
    for tree in read(folder.trees_file) if folder.finished() else ():
        of = candidate_of(tree)
        for name in tree.options.keys() & options.get(of, {}).keys() - {"case", "stranger"}:
            if tree.options[name] != options[of][name]:
                raise UsageError(
                    f"--probe {run}: {name} was {tree.options[name]} there, and is {options[of][name]} here"
                )
        ours = [used for used in taken.get(tree.id, ()) if (of, used.role) in models]
        if ours:
            held.append(Held(of, summed((used.role, models[of, used.role], used) for used in ours)))
    if missing := sorted(set(simulated.sizes) - {each.of for each in held}):
        raise UsageError(f"--probe {run}: no conversation there tells what one of {missing[0] or 'these'} takes")
    return replace(simulated, held=held, basis=f"{counted(len(held), plan.unit)} of {run}", longer=1.0, others=True)
