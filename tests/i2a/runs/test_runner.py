"""A run grows many trees at once, loses nothing that was paid, and ends the same however often it was interrupted."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2a.errors import (
    AccessDenied,
    BadRequest,
    BudgetSpent,
    I2AError,
    Interrupted,
    ModelError,
    ServerError,
    UsageError,
)
from i2a.models.call import InFlight
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker
from i2a.runs.collector import model_errors
from i2a.runs.config import RunConfig
from i2a.runs.live import View
from i2a.runs.outcome import RunResult
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute, stop_on_interrupt
from i2a.runs.session import Session, forgotten
from i2a.runs.simulated import is_simulated
from i2a.testing import Request
from i2a.trees.json import read
from i2a.trees.persona import Persona
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree, Utterance
from scenarios.settings import Simulation
from scenarios.simulation import simulate, simulate_async
from tests.fakes import ScriptedClient, mark, plausible

PERSONA = Persona("p", "A baker.", "Blunt.")


# The runner on its own.


@dataclass(frozen=True)
class Opened(ModelSpec):
    """A model string that opens `client`."""

    client: ScriptedClient = field(kw_only=True)

    def open(self) -> ScriptedClient:
        return self.client


class Run:
    """A run of trees that a test grows by hand; `session` is that of the last one."""

    def __init__(self, path: Path, *, conversations: int = 3) -> None:
        self.folder = RunFolder(path)
        self.trees = [Tree(f"t-{i}", "test", PERSONA, i) for i in range(conversations)]
        self.session: Session

    async def carried_out(self, grow: Callable[[Tree], Awaitable[None]], *, concurrency: int = 2) -> RunResult:
        async def grow_in(tree: Tree, session: Session) -> None:
            self.session = session
            await grow(tree)

        plan = RunPlan(fingerprint={}, models={}, trees=self.trees, grow=grow_in)
        return await execute(plan, RunConfig(out=self.folder.path, concurrency=concurrency))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


def hello(tree: Tree) -> None:
    tree.add(None, Utterance("user", f"Hello from {tree.id}."))


async def test_every_tree_grows_is_stored_and_counted(run: Run) -> None:
    async def grow(tree: Tree) -> None:
        hello(tree)

    result = await run.carried_out(grow)
    assert [tree.id for tree in read(run.folder.trees_file)] == ["t-0", "t-1", "t-2"]
    assert (result.finished, result.summary.utterances) == (3, 3)
    assert (result.failures, result.left, result.complete) == ({}, 0, True)


async def test_no_more_conversations_are_held_at_once_than_asked_for(tmp_path: Path) -> None:
    out = most = 0

    async def grow(tree: Tree) -> None:
        nonlocal out, most
        out += 1
        most = max(most, out)
        await asyncio.sleep(0)
        out -= 1

    await Run(tmp_path / "run", conversations=10).carried_out(grow, concurrency=3)
    assert most == 3


async def test_a_run_of_nothing_is_over(tmp_path: Path) -> None:
    async def grow(tree: Tree) -> None:
        raise AssertionError

    result = await Run(tmp_path / "run", conversations=0).carried_out(grow)
    assert (result.finished, result.left, result.complete) == (0, 0, False)


@pytest.mark.parametrize(
    "error",
    [BadRequest("too long"), ExceptionGroup("g", [ExceptionGroup("h", [BadRequest("too long")]), ServerError("b")])],
)
async def test_a_conversation_that_fails_is_a_record_with_its_reason(run: Run, error: Exception) -> None:
    async def grow(tree: Tree) -> None:
        hello(tree)
        if tree.id == "t-1":
            raise error

    result = await run.carried_out(grow)
    assert run.folder.failures() == {
        "t-1": [
            {
                "id": "t-1",
                "place": 1,
                "persona": "p",
                "seed": 1,
                "error": "BadRequest",
                "reason": "too long",
                "utterances": 1,
            }
        ]
    }
    assert run.folder.finished() == {"t-0", "t-2"}
    assert result.reasons == {"too long": 1}


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_bug_crashes_and_is_no_record(run: Run, grouped: bool) -> None:
    async def grow(tree: Tree) -> None:
        if tree.id == "t-1":
            raise ExceptionGroup("g", [BadRequest("x"), ZeroDivisionError()]) if grouped else ZeroDivisionError()
        hello(tree)

    with pytest.raises(ExceptionGroup) as caught:
        await run.carried_out(grow)
    assert caught.group_contains(ZeroDivisionError)
    assert run.folder.failures() == {}


async def test_a_stopped_run_ends_without_what_it_cut_off(run: Run) -> None:
    async def grow(tree: Tree) -> None:
        hello(tree)
        if tree.id == "t-1":
            run.session.in_flight.stop(Interrupted("interrupted"))
            await run.session.in_flight.suspend()

    result = await run.carried_out(grow, concurrency=1)
    assert run.folder.finished() == {"t-0"}
    assert run.folder.failures() == {}
    assert (result.finished, result.left) == (1, 2)
    assert isinstance(result.stopped, Interrupted)


async def test_what_is_on_disk_is_not_kept_in_memory(run: Run) -> None:
    async def grow(tree: Tree) -> None:
        hello(tree)
        if tree.id == "t-2":
            raise BadRequest("too long")

    await run.carried_out(grow)
    assert [tree.roots for tree in run.trees] == [[], [], []]


async def test_a_disk_that_is_full_when_a_tree_is_stored_stops_the_run_softly(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is full when an answer is journaled: the calls in flight were paid too."""
    landed = []

    def full(folder: RunFolder, line: str) -> None:
        raise UsageError("cannot write trees.jsonl")

    async def grow(tree: Tree) -> None:
        if tree.id == "t-1":
            with run.session.in_flight:
                await asyncio.sleep(0.01)
                landed.append(tree.id)
        else:
            await asyncio.sleep(0.001)
        hello(tree)

    monkeypatch.setattr(RunFolder, "append_tree", full)
    result = await run.carried_out(grow)
    assert isinstance(result.stopped, UsageError)
    assert landed == ["t-1"]


def test_model_errors_are_told_from_bugs() -> None:
    one, other = BadRequest("1"), ServerError("2")
    assert model_errors(one) == [one]
    assert model_errors(ExceptionGroup("g", [ExceptionGroup("h", [one]), other])) == [one, other]
    mixed = ExceptionGroup("g", [one, ZeroDivisionError()])
    with pytest.raises(ExceptionGroup) as caught:
        model_errors(mixed)
    assert caught.value is mixed


async def test_one_signal_stops_softly_and_a_second_at_once() -> None:
    in_flight, view = InFlight(), View(None, UsageTracker({}), unit="conversations", total=1)

    async def main() -> None:
        with stop_on_interrupt(in_flight, view):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.01)
            assert isinstance(in_flight.stopped, Interrupted)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(10)

    with pytest.raises((asyncio.CancelledError, Interrupted)):
        await asyncio.create_task(main())


async def test_work_that_grows_no_trees_is_stopped_and_shown_as_any_other(tmp_path: Path) -> None:
    steps = []

    async def work(session: Session, view: View) -> None:
        steps.append(1)
        session.in_flight.stop(Interrupted("interrupted"))
        await session.in_flight.suspend()

    plan = RunPlan(fingerprint={}, models={}, work=work, unit="profiles", target=5)
    result = await execute(plan, RunConfig(out=tmp_path / "run"))
    assert (steps, result.unit) == ([1], "profiles")
    assert isinstance(result.stopped, Interrupted)


async def test_a_model_that_the_run_opened_is_closed_whatever_happens(tmp_path: Path) -> None:
    async def grow(tree: Tree, session: Session) -> None:
        raise ZeroDivisionError

    model = Opened("openai", "x", client=ScriptedClient())
    plan = RunPlan(fingerprint={}, models={"user": model}, trees=[Tree("t", "test", PERSONA, 0)], grow=grow)
    with pytest.raises(ExceptionGroup):
        await execute(plan, RunConfig(out=tmp_path / "run"))
    assert model.client.closed


# Whole simulations. The model is a client of the caller's own.

MODEL = "openai:x@http://localhost:1/v1"


def settings_of(out: Path, **given: Any) -> Simulation:
    return Simulation(out=out, **{"conversations": 3, "turns": 2, "model": MODEL, "quiet": True} | given)


def clients_of(config: Simulation, client: ScriptedClient | None) -> dict[str, ScriptedClient]:
    """`client`, or a fresh one, for every role without a model of its own."""
    return {config.model: client or ScriptedClient()} if config.model != "offline" else {}


def simulated(out: Path, client: ScriptedClient | None = None, **given: Any) -> RunResult:
    config = settings_of(out, **given)
    return simulate(config, clients=clients_of(config, client))


async def simulated_async(out: Path, client: ScriptedClient | None = None, **given: Any) -> RunResult:
    config = settings_of(out, **given)
    return await simulate_async(config, clients=clients_of(config, client))


def corpus(out: Path) -> bytes:
    return (out / "trees.jsonl").read_bytes()


class Crash(Exception):
    """A bug, or a kill as far as what is on disk goes."""


@contextmanager
def crashing() -> Iterator[None]:
    with pytest.raises(ExceptionGroup) as caught:
        yield
    assert caught.group_contains(Crash)


def stopping(after: int, error: Exception, then: Callable[[Request], Any] = plausible) -> Callable[[Request], Any]:
    """Answers `after` times, then raises."""
    left = iter(range(after))

    def answer(request: Request) -> Any:
        if next(left, None) is None:
            raise error
        return then(request)

    return answer


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """What an uninterrupted run of the default settings writes."""
    simulated(tmp_path / "whole")
    return corpus(tmp_path / "whole")


def test_a_simulation_writes_a_corpus_in_drawing_order(tmp_path: Path) -> None:
    client = ScriptedClient()
    result = simulated(tmp_path / "a", client, conversations=12)
    trees = list(read(tmp_path / "a" / "trees.jsonl"))
    assert [tree.id for tree in trees] == [f"aloe-0-{i:06}" for i in range(12)]
    assert len({tree.persona for tree in trees}) == len({tree.seed for tree in trees}) == 12
    assert (result.failed, result.left, result.stopped) == (0, 0, None)
    assert result.summary == Summary.of(trees)
    assert client.calls.total() == 12 * 2 * 6
    assert not client.closed, "what the caller opened, the caller closes"


def test_the_same_settings_give_the_same_bytes_and_another_seed_others(tmp_path: Path, whole: bytes) -> None:
    for name, seed in (("b", 0), ("c", 1)):
        simulated(tmp_path / name, seed=seed)
        assert (corpus(tmp_path / name) == whole) is (seed == 0)


@pytest.mark.parametrize("scenario", ["aloe", "full_tree", "tutor"])
@pytest.mark.parametrize("concurrency", [1, 2, 32])
def test_concurrency_and_chance_in_the_network_do_not_change_the_bytes(
    tmp_path: Path, scenario: str, concurrency: int
) -> None:
    async def answer(request: Request) -> str:
        await asyncio.sleep(int(mark(concurrency, request.text), 16) % 5 / 5000)
        return plausible(request)

    simulated(tmp_path / "plain", scenario=scenario)
    client = ScriptedClient(answer)
    simulated(
        tmp_path / "other", client, scenario=scenario, concurrency=concurrency, max_calls=max(1, concurrency // 2)
    )
    assert corpus(tmp_path / "other") == corpus(tmp_path / "plain")


@given(st.lists(st.integers(0, 8), min_size=1, max_size=4), st.sampled_from([1, 2, 32]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_resume_ends_with_the_bytes_of_an_uninterrupted_run_and_pays_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory,
    whole: bytes,
    crashes: list[int],
    concurrency: int,
) -> None:
    out = tmp_path_factory.mktemp("runs") / "a"
    paid = 0
    for i, after in enumerate(crashes):
        client = ScriptedClient(stopping(after, Crash()))
        with crashing():
            simulated(out, client, resume=i > 0, concurrency=concurrency)
        paid += min(after, client.calls.total())
    client = ScriptedClient()
    result = simulated(out, client, resume=True, concurrency=concurrency)
    assert corpus(out) == whole
    # A crash takes the calls of other conversations down with it; what was answered, was kept.
    assert client.calls.total() == 36 - paid
    assert result.usage.by_role()["user"].calls == 6


def test_a_resumed_run_that_is_complete_makes_no_call_and_changes_nothing(tmp_path: Path, whole: bytes) -> None:
    client = ScriptedClient(stopping(0, Crash()))
    result = simulated(tmp_path / "whole", client, resume=True)
    assert client.calls.total() == 0
    assert corpus(tmp_path / "whole") == whole
    assert result.summary.trees == 3


def test_a_torn_tree_grows_again_from_the_journal(tmp_path: Path, whole: bytes) -> None:
    out = tmp_path / "whole"
    (out / "trees.jsonl").write_bytes(whole[:-100])
    client = ScriptedClient(stopping(0, Crash()))
    simulated(out, client, resume=True)
    assert client.calls.total() == 0
    assert corpus(out) == whole


# Failures.


def failing_for(out: Path) -> Callable[[Request], str]:
    """Refuses whatever the persona of the second conversation says first."""
    persona = list(read(out / "trees.jsonl"))[1].persona

    def answer(request: Request) -> str:
        if request.role == "user" and persona.profile in request.text:
            raise BadRequest("too long")
        return plausible(request)

    return answer


def test_a_failed_conversation_is_a_record_and_the_rest_is_held(tmp_path: Path, whole: bytes) -> None:
    client = ScriptedClient(failing_for(tmp_path / "whole"))
    result = simulated(tmp_path / "a", client)
    assert (result.failed, result.left, result.stopped) == (1, 0, None)
    assert corpus(tmp_path / "a") == b"".join(whole.splitlines(keepends=True)[::2])
    (failure,) = RunFolder(tmp_path / "a").failures()["aloe-0-000001"]
    assert (failure["error"], failure["reason"], failure["utterances"]) == ("BadRequest", "too long", 0)


def test_resume_leaves_failures_alone_and_retry_failed_redoes_just_those(tmp_path: Path, whole: bytes) -> None:
    client = ScriptedClient(failing_for(tmp_path / "whole"))
    simulated(tmp_path / "a", client)
    client = ScriptedClient()
    assert simulated(tmp_path / "a", client, resume=True).failed == 1
    assert client.calls.total() == 0
    result = simulated(tmp_path / "a", client, retry_failed=True)
    assert (result.failed, result.left) == (0, 0)
    assert client.calls.total() == 12
    assert corpus(tmp_path / "a") == whole


def test_a_conversation_that_failed_late_goes_on_from_its_journal(tmp_path: Path, whole: bytes) -> None:
    client = ScriptedClient(stopping(20, ServerError("down")))
    simulated(tmp_path / "a", client, concurrency=1, retries=0)
    paid = 20
    assert client.calls.total() > paid
    client = ScriptedClient()
    simulated(tmp_path / "a", client, retry_failed=True)
    assert client.calls.total() == 36 - paid
    assert corpus(tmp_path / "a") == whole


def test_a_conversation_that_came_to_a_wall_goes_round_it(tmp_path: Path) -> None:
    """Its last words are what is refused, so these are said anew; each time that fails, one answer earlier."""
    client = ScriptedClient(stopping(9, BadRequest("too long")))
    simulated(tmp_path / "a", client, conversations=1, turns=3)
    asked = [request.text for request in client.requests]
    client = ScriptedClient(stopping(0, BadRequest("too long")))
    assert simulated(tmp_path / "a", client, conversations=1, turns=3, retry_failed=True).failed == 1
    assert asked[-1] not in [request.text for request in client.requests]
    (first, _), (second, _) = forgotten(RunFolder(tmp_path / "a").failures()["aloe-0-000000"])
    assert first > second
    client = ScriptedClient()
    assert simulated(tmp_path / "a", client, conversations=1, turns=3, retry_failed=True).complete


def test_an_answer_that_stayed_malformed_is_asked_for_afresh_when_retried(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        return "no JSON" if request.role == "inducer" else plausible(request)

    client = ScriptedClient(answer)
    assert simulated(tmp_path / "a", client, conversations=1, turns=1).failed == 1
    assert RunFolder(tmp_path / "a").failures()["aloe-0-000000"][0]["error"] == "MalformedAnswer"
    before = {request.seed for request in client.of("inducer")}
    client = ScriptedClient()
    assert simulated(tmp_path / "a", client, conversations=1, turns=1, retry_failed=True).failed == 0
    assert {request.seed for request in client.of("inducer")}.isdisjoint(before)


def test_an_unjudged_pair_is_no_failure(tmp_path: Path) -> None:
    client = ScriptedClient(lambda request: "no idea" if request.role == "judge" else plausible(request))
    result = simulated(tmp_path / "a", client)
    assert (result.failed, result.summary.unjudged, result.summary.labelled) == (0, 6, 0)


def test_a_bug_crashes_and_the_run_can_be_resumed(tmp_path: Path, whole: bytes) -> None:
    client = ScriptedClient(stopping(7, Crash()))
    with crashing():
        simulated(tmp_path / "a", client)
    assert RunFolder(tmp_path / "a").failures() == {}
    simulated(tmp_path / "a", resume=True)
    assert corpus(tmp_path / "a") == whole


# Stops.


def test_a_spent_budget_stops_the_run_and_a_larger_one_goes_on(tmp_path: Path, whole: bytes) -> None:
    client = ScriptedClient()
    result = simulated(tmp_path / "a", client, max_tokens=200, concurrency=1)
    assert isinstance(result.stopped, BudgetSpent)
    assert result.left == 3
    assert 10 <= client.calls.total() <= 14  # 20 tokens a call, and those that were out came home
    spent = client.calls.total()
    again = ScriptedClient()
    assert isinstance(simulated(tmp_path / "a", again, resume=True, max_tokens=200).stopped, BudgetSpent)
    assert again.calls.total() == 0
    result = simulated(tmp_path / "a", again, resume=True)
    assert (result.stopped, result.left) == (None, 0)
    assert again.calls.total() == 36 - spent
    assert corpus(tmp_path / "a") == whole


def test_a_budget_in_money_counts_what_was_paid_before(tmp_path: Path) -> None:
    prices = ["openai:x@http://localhost:1/v1=1/1"]
    result = simulated(tmp_path / "a", max_cost=0.0002, price=prices, concurrency=1)
    assert isinstance(result.stopped, BudgetSpent)
    cost = result.usage.cost()
    assert cost is not None
    assert 0.0002 <= cost < 0.0003
    again = simulated(tmp_path / "a", max_cost=0.0002, price=prices, resume=True)
    assert again.usage.cost() == pytest.approx(cost)


def test_a_denied_call_stops_the_run_with_its_reason(tmp_path: Path, whole: bytes) -> None:
    client = ScriptedClient(stopping(10, AccessDenied("no such model - check the name")))
    result = simulated(tmp_path / "a", client)
    assert isinstance(result.stopped, AccessDenied)
    assert (result.failed, result.left) == (0, 3)
    simulated(tmp_path / "a", resume=True)
    assert corpus(tmp_path / "a") == whole


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(AccessDenied("no key")),
        Crash(),
    ],
)
def test_what_stops_a_retry_of_failures_is_told(tmp_path: Path, whole: bytes, reason: Exception) -> None:
    client = ScriptedClient(failing_for(tmp_path / "whole"))
    simulated(tmp_path / "a", client)
    client = ScriptedClient(stopping(0, reason))
    if isinstance(reason, Crash):
        with crashing():
            simulated(tmp_path / "a", client, retry_failed=True)
    else:
        assert simulated(tmp_path / "a", client, retry_failed=True).stopped is reason


async def test_an_interrupted_run_finishes_the_calls_in_flight(tmp_path: Path) -> None:
    async def answer(request: Request) -> str:
        if client.calls.total() == 9:
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.02)
        return plausible(request)

    await simulated_async(tmp_path / "whole")
    client = ScriptedClient(answer)
    result = await simulated_async(tmp_path / "a", client)
    assert isinstance(result.stopped, Interrupted)
    assert result.left == 3
    assert sum(count.calls for count in result.usage.by_role().values()) == client.calls.total() < 36
    paid = client.calls.total()
    client = ScriptedClient()
    assert (await simulated_async(tmp_path / "a", client, resume=True)).left == 0
    assert client.calls.total() == 36 - paid
    assert corpus(tmp_path / "a") == corpus(tmp_path / "whole")


async def test_a_second_interrupt_stops_at_once_and_can_be_resumed(tmp_path: Path) -> None:
    async def answer(request: Request) -> str:
        if client.calls.total() >= 9:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        return plausible(request)

    client = ScriptedClient(answer)
    async with asyncio.timeout(10):
        with pytest.raises((asyncio.CancelledError, I2AError)):
            await asyncio.create_task(simulated_async(tmp_path / "a", client))
    await simulated_async(tmp_path / "a", resume=True)
    await simulated_async(tmp_path / "whole")
    assert corpus(tmp_path / "a") == corpus(tmp_path / "whole")


def test_a_server_that_stays_down_fails_its_conversations(tmp_path: Path) -> None:
    client = ScriptedClient(stopping(0, ServerError("down", retry_after=0.001)))
    result = simulated(tmp_path / "a", client, retries=2)
    assert (result.failed, result.left) == (3, 0)
    assert not (tmp_path / "a" / "trees.jsonl").exists()


# What must be said before anything is written.


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scenario": "nonsense"}, "no scenario 'nonsense'"),
        ({"model": "nonsense"}, "'nonsense'"),
        ({"role_model": {"critic": "offline"}}, "no role 'critic'; its roles: user"),
        ({"role_model": {"judge": "nonsense"}}, "'nonsense'"),
        ({"option": {"speed": 1}}, "no option 'speed'"),
        ({"option": {"turns": "many"}, "turns": None}, "valid integer"),
        ({"conversations": 100_000}, "cannot draw 100000 personas"),
        ({"profiles": Path("nowhere.jsonl")}, "nowhere.jsonl"),
        ({"max_cost": 1.0}, "--max-cost needs the price"),
        ({"price": ["cheap"]}, "is not a price"),
    ],
)
def test_a_mistake_in_the_settings_is_told_before_anything_is_written(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        simulate(settings_of(tmp_path / "a", **given))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "seed was 0 and now is 1"),
        ({"turns": 3}, "scenario.options.turns was 2 and now is 3"),
        ({"conversations": 2}, "was planned for 3 conversations, and 2 are fewer"),
        ({"model": "openai:y@http://localhost:1/v1"}, "models.user was"),
        ({"role_model": {"judge": "offline"}}, "models.judge was"),
    ],
)
def test_resume_with_other_settings_is_refused_with_the_difference(
    tmp_path: Path, whole: bytes, changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        simulated(tmp_path / "whole", resume=True, **changed)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "knobs", [{"concurrency": 1}, {"max_calls": 1}, {"retries": 0}, {"max_tokens": 10**9}, {"quiet": False}]
)
def test_runtime_knobs_are_no_difference(tmp_path: Path, whole: bytes, knobs: dict[str, Any]) -> None:
    assert simulated(tmp_path / "whole", resume=True, **knobs).left == 0


def test_each_role_can_have_a_model_of_its_own(tmp_path: Path) -> None:
    judge = "openai:judge@http://localhost:2/v1"
    clients = {MODEL: ScriptedClient(), judge: ScriptedClient()}
    result = simulate(settings_of(tmp_path / "a", role_model={"judge": judge}), clients=clients)
    assert clients[judge].calls.keys() == {"judge"}
    assert "judge" not in clients[MODEL].calls
    assert (("judge", judge) in result.usage.usage) is True


def test_clients_of_ones_own_serve_by_role_and_one_serves_the_rest(tmp_path: Path) -> None:
    judge, rest = ScriptedClient(), ScriptedClient()
    result = simulate(settings_of(tmp_path / "a"), clients={"judge": judge, "*": rest})
    assert judge.calls.keys() == {"judge"}
    assert rest.calls.keys() == {"user", "inducer", "preferred", "rejected"}
    assert not judge.closed
    assert not rest.closed
    manifest = RunFolder(result.folder).manifest()
    assert set(manifest["identity"]["models"].values()) == {"client:ScriptedClient"}
    assert not is_simulated(manifest)
    again = simulate(settings_of(tmp_path / "a", resume=True), clients={"*": ScriptedClient()})
    assert again.usage.usage["judge", "client:ScriptedClient"].calls == 12


def test_a_client_for_a_role_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no role 'jugde'; the roles: user, inducer"):
        simulate(settings_of(tmp_path / "a"), clients={"jugde": ScriptedClient()})
    assert not (tmp_path / "a").exists()


async def test_it_works_where_an_event_loop_runs_already(tmp_path: Path, whole: bytes) -> None:
    """As in a notebook: no signal handler is set outside the main thread, and the loop that runs is left alone."""
    assert simulated(tmp_path / "a").complete
    assert corpus(tmp_path / "a") == whole


def test_the_offline_engine_plays_every_shipped_scenario(tmp_path: Path) -> None:
    for scenario in ("aloe", "full_tree", "tutor"):
        result = simulated(tmp_path / scenario, scenario=scenario, model="offline", conversations=2)
        assert (result.failed, result.left, result.summary.trees) == (0, 0, 2)
        assert result.usage.cost() == 0


def test_the_manifest_says_what_was_run(tmp_path: Path, whole: bytes) -> None:
    manifest = json.loads((tmp_path / "whole" / "manifest.json").read_text("utf-8"))
    assert manifest["identity"]["models"]["judge"] == "openai:x@http://localhost:1/v1"
    assert manifest["identity"]["scenario"]["options"] == {"turns": 2}
    assert manifest["identity"]["versions"].keys() == {"i2a", "autogen-agentchat"}
    assert manifest["config"]["concurrency"] == 32
    assert manifest["simulated"] == {MODEL: False}
    assert issubclass(ModelError, I2AError)
