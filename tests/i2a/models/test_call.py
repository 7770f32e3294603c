"""Under every model the same wrapper: what was paid is kept, what may pass is retried, and a stop is soft."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest

from i2a.errors import (
    AccessDenied,
    BadRequest,
    BudgetSpent,
    I2AError,
    Interrupted,
    MalformedResponse,
    ModelError,
    RateLimited,
    Retryable,
    ServerAway,
    ServerError,
    TimedOut,
    Unreachable,
    UsageError,
)
from i2a.models.call import Endpoint, InFlight, RequestKeys, RoleModel
from i2a.models.model import DEFAULT_MAX_TOKENS, REPLIES, Completion, Message, Price
from i2a.models.usage import UsageTracker
from i2a.runs.journal import Journal
from i2a.testing import Request
from tests.fakes import ScriptedClient, virtually


def asking(text: str) -> list[Message]:
    return [Message("system", "You are a test."), Message("user", text)]


class Rig:
    """What the calls of a run share: one endpoint, one journal, one budget, and what is in flight."""

    def __init__(self, journal: Journal, client: ScriptedClient, **options: Any) -> None:
        self.journal, self.model = journal, client
        self.in_flight = InFlight()
        budget = {name: options.pop(name) for name in ("max_cost", "max_tokens") if name in options}
        self.tracker = UsageTracker({"m": Price(1.0, 1.0)}, **budget)
        self.endpoint = Endpoint("m", client, **{"max_calls": 8, "retries": 2} | options)

    def tree(self, id: str = "t-0", *, seed: int = 7, attempt: int = 0) -> Callable[..., RoleModel]:
        """The clients of one tree, by role."""
        keys = RequestKeys(id, seed, self.journal, attempt=attempt)
        return lambda role="user": RoleModel(role, self.endpoint, keys, self.tracker, self.in_flight)


@pytest.fixture
def journal() -> Iterator[Journal]:
    with Journal() as journal:
        yield journal


async def said(model: RoleModel, text: str = "Hello?", **parameters: Any) -> str:
    return (await model.complete(asking(text), parameters)).content


def seconds() -> float:
    return asyncio.get_running_loop().time()


# One call.


async def test_an_answer_comes_back_and_is_counted_and_kept(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient.saying("Hello."))
    assert await rig.tree()().complete(asking("Hello?"), {}) == Completion("Hello.", "stop", 10, 10)
    assert [reply.content for reply in journal.answers("t-0").values()] == ["Hello."]
    user = rig.tracker.by_role()["user"]
    assert (user.calls, user.tokens, user.replayed, user.retries) == (1, 20, 0, 0)
    assert rig.tracker.cost() == pytest.approx(20e-6)


async def test_the_model_gets_the_messages_as_they_were_and_a_seed_of_31_bits(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient())
    await said(rig.tree()(), "Hello?", response_format={"type": "x"})
    (request,) = rig.model.requests
    assert request.messages == tuple(asking("Hello?"))
    assert request.parameters["response_format"] == {"type": "x"}
    assert 0 <= request.parameters["seed"] < 2**31


async def test_what_the_model_can_do_is_what_it_says_itself(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient(structured_output=False))
    model = rig.tree()()
    assert model.structured_output is False
    await model.close()
    assert not rig.model.closed


async def test_the_model_is_told_which_role_calls(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient())
    await said(rig.tree()("judge"), "Hello?")
    assert rig.model.calls == {"judge": 1}


# Replay.


async def test_what_was_answered_before_makes_no_call(journal: Journal) -> None:
    first = Rig(journal, ScriptedClient())
    answers = [await said(first.tree()(), text) for text in ("one", "two")]
    again = Rig(journal, ScriptedClient.saying())
    client = again.tree()()
    assert [await said(client, text) for text in ("one", "two")] == answers
    assert again.model.requests == []
    user = again.tracker.by_role()["user"]
    assert (user.calls, user.replayed) == (0, 2)


async def test_replay_goes_on_even_when_the_budget_is_spent_or_the_run_stopped(journal: Journal) -> None:
    answer = await said(Rig(journal, ScriptedClient()).tree()())
    again = Rig(journal, ScriptedClient.saying(), max_tokens=1)
    again.tracker.add("user", "m", next(iter(journal.answers("t-0").values())))
    again.in_flight.stop(Interrupted("interrupted"))
    assert await said(again.tree()()) == answer


@pytest.mark.parametrize(
    "other",
    [
        lambda rig: said(rig.tree("t-1")()),
        lambda rig: said(rig.tree(seed=8)()),
        lambda rig: said(rig.tree()("judge")),
        lambda rig: said(rig.tree()(), "Hello!"),
        lambda rig: said(rig.tree()(), temperature=0.5),
    ],
    ids=["tree", "seed", "role", "text", "arguments"],
)
async def test_another_question_is_not_answered_from_the_journal(
    journal: Journal, other: Callable[[Rig], Awaitable[str]]
) -> None:
    rig = Rig(journal, ScriptedClient())
    await said(rig.tree()())
    await other(rig)
    assert len(rig.model.requests) == 2


async def test_another_model_is_asked_anew(journal: Journal) -> None:
    await said(Rig(journal, ScriptedClient()).tree()())
    rig = Rig(journal, ScriptedClient())
    rig.endpoint.name = "n"
    await said(rig.tree()())
    assert len(rig.model.requests) == 1


async def test_who_said_it_makes_another_question(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient())
    client = rig.tree()()
    await client.complete([Message("user", "Hello?")], {})
    await client.complete([Message("assistant", "Hello?")], {})
    assert len({request.seed for request in rig.model.requests}) == 2


# Seeds.


async def seeds(journal: Journal, *texts: str, **tree: Any) -> list[int | None]:
    rig = Rig(journal, ScriptedClient())
    client = rig.tree(**tree)()
    for text in texts:
        await said(client, text)
    return [request.seed for request in rig.model.requests]


def fresh() -> Journal:
    return Journal()


async def test_the_keys_and_seeds_are_those_of_version_0_1() -> None:
    """Journals of that version hold them: an interrupted run goes on from its paid answers."""
    with fresh() as journal:
        keys = RequestKeys("aloe-0", 7, journal)
        form = {"response_format": {"type": "json_object"}}
        found = [keys.next("judge", "openai:x", asking("Hello?"), form) for _ in range(2)]
        assistant = keys.next("user", "offline", [*asking("Hello?"), Message("assistant", "Hi.")], {})
    assert [(key.hex(), seed) for key, seed in (*found, assistant)] == [
        ("f46a0979cb21d9544df859acfa616452", 467171292),
        ("bff0d8f526ee7a1c674e9962a547fbaa", 1792233156),
        ("9651bd04f35fe390b9b9f426a739b0d1", 280306221),
    ]


async def test_equal_questions_of_one_tree_get_different_seeds() -> None:
    with fresh() as journal:
        assert len(set(await seeds(journal, "a", "a", "a", "b"))) == 4


async def test_the_same_tree_and_seed_give_the_same_seeds_whatever_the_model() -> None:
    found = []
    for name in ("m", "openai:other"):
        with fresh() as journal:
            rig = Rig(journal, ScriptedClient())
            rig.endpoint.name = name
            client = rig.tree()()
            for text in ("a", "a", "b"):
                await said(client, text)
            found.append([request.seed for request in rig.model.requests])
    assert found[0] == found[1]


async def test_another_seed_of_the_tree_gives_other_seeds() -> None:
    with fresh() as one, fresh() as other:
        assert not {*await seeds(one, "a", "a", seed=7)} & {*await seeds(other, "a", "a", seed=8)}


async def test_a_new_attempt_changes_only_what_is_asked_again() -> None:
    with fresh() as one, fresh() as other:
        first, second = await seeds(one, "a", "a", "b"), await seeds(other, "a", "a", "b", attempt=1)
    assert (first[0], first[2]) == (second[0], second[2])
    assert first[1] != second[1]


async def test_a_new_attempt_keeps_the_first_answers_and_asks_again_afresh(journal: Journal) -> None:
    numbers = count()
    first = Rig(journal, ScriptedClient(lambda request: str(next(numbers))))
    client = first.tree()()
    assert [await said(client, "a") for _ in range(2)] == ["0", "1"]
    again = first.tree(attempt=1)()
    assert [await said(again, "a") for _ in range(2)] == ["0", "2"]


# Retries.


@pytest.mark.parametrize("fault", [RateLimited, ServerError, Unreachable])
def test_what_may_pass_is_tried_again(fault: type[Retryable]) -> None:
    async def main() -> None:
        with fresh() as journal:
            rig = Rig(journal, ScriptedClient.saying(fault("busy"), fault("busy"), "Hello."))
            assert await said(rig.tree()()) == "Hello."
            assert rig.tracker.by_role()["user"].retries == 2
            assert rig.tracker.by_role()["user"].calls == 1
            assert len({request.seed for request in rig.model.requests}) == 1

    virtually(main())


def test_an_answer_that_is_none_is_another_sample_when_it_is_tried_again() -> None:
    async def main() -> None:
        found = []
        for _ in range(2):
            with fresh() as journal:
                fault = MalformedResponse("empty", billed=(20, 0))
                rig = Rig(journal, ScriptedClient.saying(fault, fault, "Hello."))
                assert await said(rig.tree()()) == "Hello."
                found.append([request.seed for request in rig.model.requests])
                assert rig.tracker.by_role()["user"].tokens == 60
                assert sum(spent.prompt_tokens for spent in journal.spent()) == 50
        assert len(set(found[0])) == 3
        assert found[0] == found[1]

    virtually(main())


def test_a_call_without_a_count_of_tokens_is_estimated_and_marked() -> None:
    async def main() -> None:
        with fresh() as journal:
            rig = Rig(journal, ScriptedClient(lambda request: "Hello there.", tokens=0))
            completion = await rig.tree()().complete(asking("Hello?"), {})
            assert completion.estimated
            assert (completion.prompt_tokens, completion.completion_tokens) == (4, 3)
            assert next(iter(journal.spent())).estimated == rig.tracker.estimated == 1

    virtually(main())


@pytest.mark.parametrize("asked", [0.0, 0.001, -1.0, None])
def test_a_server_that_asks_for_no_time_is_given_time(asked: float | None) -> None:
    async def main() -> None:
        with fresh() as journal:
            faults = [RateLimited("slow down", retry_after=asked) for _ in range(9)]
            rig = Rig(journal, ScriptedClient.saying(*faults, "never"), retries=8)
            start = seconds()
            with pytest.raises(RateLimited):
                await said(rig.tree()())
            assert seconds() - start > 5

    virtually(main())


def test_a_server_that_asks_for_too_much_stops_the_run_and_says_until_when() -> None:
    async def main() -> None:
        for error in (RateLimited("busy", retry_after=121), ServerError("busy", retry_after=1e300)):
            with fresh() as journal:
                rig = Rig(journal, ScriptedClient.saying(error))
                parked = asyncio.create_task(said(rig.tree()()))
                await soon()
                assert isinstance(rig.in_flight.stopped, ServerAway)
                assert re.search(r"m asks to wait until .*\d\d:\d\d;", str(rig.in_flight.stopped))
                await end(parked)

    virtually(main())


# A server that is away.


class Away:
    """A server that is down from call number `start`, for so many seconds."""

    def __init__(self, start: int, seconds: float) -> None:
        self.start, self.seconds, self.calls = start, seconds, 0
        self.tries: list[float] = []
        self.since: float | None = None

    def __call__(self, request: Request) -> str:
        self.calls += 1
        if self.calls > self.start:
            self.since = seconds() if self.since is None else self.since
            if seconds() < self.since + self.seconds:
                self.tries.append(seconds())
                raise Unreachable("connection refused", down=True)
        return "Hello."


def test_while_a_server_is_away_one_call_at_a_time_looks_for_it_and_none_fails() -> None:
    async def main() -> None:
        with fresh() as journal:
            away = Away(3, 300)
            rig = Rig(journal, ScriptedClient(away), retries=1)
            calls = [asyncio.create_task(said(rig.tree(f"t-{i}")())) for i in range(30)]
            await asyncio.sleep(100)
            assert re.fullmatch(r"m is down: trying again until \d\d:\d\d", rig.endpoint.waiting)
            assert await asyncio.gather(*calls) == ["Hello."] * 30
            assert rig.endpoint.waiting == ""
            assert len(away.tries) < 60
            assert rig.endpoint.limiter.limit > 3

    virtually(main())


def test_a_server_that_is_away_for_too_long_stops_the_run() -> None:
    async def main() -> None:
        with fresh() as journal:
            rig = Rig(journal, ScriptedClient(Away(0, 1e6)), max_outage=120)
            parked = asyncio.create_task(said(rig.tree()()))
            await asyncio.sleep(200)
            assert isinstance(rig.in_flight.stopped, ServerAway)
            await end(parked)

    virtually(main())


def test_a_server_that_hangs_is_waited_for_as_one_that_is_down() -> None:
    """Nobody is answered, though several wait: no call has failed, one at a time tries on, and all are answered."""

    async def main() -> None:
        since: list[float] = []

        async def answer(request: Request) -> str:
            since.append(seconds())
            if len(since) > 3 and seconds() < since[0] + 1500:
                await asyncio.sleep(120)
                raise Unreachable("no answer within 120 s")
            return "Hello."

        with fresh() as journal:
            rig = Rig(journal, ScriptedClient(answer), retries=1, max_outage=2000)
            calls = [asyncio.create_task(said(rig.tree(f"t-{i}")())) for i in range(20)]
            await asyncio.sleep(700)
            assert rig.endpoint.waiting.startswith("m is down")
            assert await asyncio.gather(*calls) == ["Hello."] * 20
            assert rig.in_flight.stopped is None
            assert len(since) < 60

    virtually(main())


def test_a_request_that_alone_gets_no_answer_fails() -> None:
    async def main() -> None:
        def answer(request: Request) -> str:
            raise Unreachable("no answer within 120 s")

        with fresh() as journal:
            rig = Rig(journal, ScriptedClient(answer), retries=2)
            with pytest.raises(Unreachable, match="no answer"):
                await said(rig.tree()())

    virtually(main())


def test_a_request_that_only_itself_finds_no_server_fails() -> None:
    async def main() -> None:
        def answer(request: Request) -> str:
            if request.text.endswith("evil"):
                raise ServerError("bad gateway", down=True)
            return "Hello."

        async def others() -> None:
            for i in range(2000):
                await said(rig.tree(f"t-{i}")())
                await asyncio.sleep(0.1)

        with fresh() as journal:
            rig = Rig(journal, ScriptedClient(answer), retries=2)
            busy = asyncio.create_task(others())
            with pytest.raises(ServerError, match="bad gateway"):
                await said(rig.tree("evil")(), "evil")
            assert rig.in_flight.stopped is None
            await end(busy)

    virtually(main())


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_call_that_never_succeeds_is_given_up_after_the_retries(retries: int) -> None:
    async def main() -> None:
        with fresh() as journal:
            rig = Rig(journal, ScriptedClient.saying(*[ServerError(f"busy {i}") for i in range(9)]), retries=retries)
            with pytest.raises(ServerError, match=f"busy {retries}"):
                await said(rig.tree()())
            assert len(rig.model.requests) == retries + 1
            assert journal.answers("t-0") == {}
            assert rig.endpoint.limiter.in_flight == rig.in_flight.count == 0

    virtually(main())


@pytest.mark.parametrize("fault", [BadRequest("too long"), ModelError("what?")])
async def test_what_will_never_succeed_is_not_tried_again(journal: Journal, fault: ModelError) -> None:
    rig = Rig(journal, ScriptedClient.saying(fault, "never"))
    with pytest.raises(type(fault), match=str(fault).replace("?", ".")):
        await said(rig.tree()())
    assert len(rig.model.requests) == 1
    assert rig.in_flight.stopped is None


async def test_a_bug_in_a_client_is_not_tried_again(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient.saying(ZeroDivisionError(), "never"))
    with pytest.raises(ZeroDivisionError):
        await said(rig.tree()())
    assert rig.endpoint.limiter.in_flight == rig.in_flight.count == 0


def test_a_retry_waits_as_long_as_the_server_asked_and_so_does_everybody_else() -> None:
    async def main() -> None:
        with fresh() as journal:
            rig = Rig(journal, ScriptedClient.saying(RateLimited("slow down", retry_after=30), "a", "b"))
            start = seconds()
            one = asyncio.create_task(said(rig.tree("t-0")()))
            await asyncio.sleep(1)
            other = asyncio.create_task(said(rig.tree("t-1")()))
            await asyncio.sleep(28)
            assert len(rig.model.requests) == 1
            await asyncio.gather(one, other)
            assert 30 <= seconds() - start < 31

    virtually(main())


def test_calls_that_fail_side_by_side_do_not_use_up_each_others_retries() -> None:
    async def main() -> None:
        failed: dict[str, int] = {}

        def answer(request: Request) -> str:
            failed[request.text] = failed.get(request.text, -1) + 1
            if failed[request.text] < 2:
                raise ServerError("busy")
            return "Hello."

        with fresh() as journal:
            rig = Rig(journal, ScriptedClient(answer), max_calls=100)
            await asyncio.gather(*(said(rig.tree()(), str(i)) for i in range(50)))
            assert rig.tracker.by_role()["user"].retries == 100

    virtually(main())


def test_only_a_busy_server_lowers_the_concurrency() -> None:
    async def main() -> None:
        for fault, lowers in ((RateLimited("x"), True), (Unreachable("x"), True), (MalformedResponse("x"), False)):
            with fresh() as journal:
                rig = Rig(journal, ScriptedClient.saying(fault, "Hello."))
                await said(rig.tree()())
                assert (rig.endpoint.limiter.limit < 8) is lowers

    virtually(main())


def test_no_more_calls_are_out_than_the_endpoint_takes() -> None:
    async def main() -> None:
        async def slow(request: Request) -> str:
            await asyncio.sleep(1)
            return "Hello."

        with fresh() as journal:
            rig = Rig(journal, ScriptedClient(slow), max_calls=3)
            await asyncio.gather(*(said(rig.tree(f"t-{i}")()) for i in range(10)))
            assert rig.model.most_in_flight == 3

    virtually(main())


# Stops.


class Gate:
    """A model that answers `slow` requests only once it is opened, and refuses `denied` ones."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, request: Request) -> str:
        if request.text.endswith("denied"):
            raise AccessDenied("no key")
        if request.text.endswith("slow"):
            await self.open.wait()
        return "Hello."


async def soon() -> None:
    """Let everybody go as far as they can without waiting for time."""
    for _ in range(20):
        await asyncio.sleep(0)


async def end(*tasks: asyncio.Task[Any]) -> list[Any]:
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_denied_call_stops_the_run_and_lets_its_siblings_land(journal: Journal) -> None:
    gate = Gate()
    rig = Rig(journal, ScriptedClient(gate))
    async with asyncio.TaskGroup() as siblings:
        slow = siblings.create_task(said(rig.tree("t-0")(), "slow"))
        denied = siblings.create_task(said(rig.tree("t-1")(), "denied"))
        await soon()
        assert isinstance(rig.in_flight.stopped, AccessDenied)
        assert not denied.done()
        assert not rig.in_flight.drained.is_set()
        gate.open.set()
        assert await slow == "Hello."
        assert rig.in_flight.drained.is_set()
        denied.cancel()
    assert len(journal.answers("t-0")) == 1
    assert journal.answers("t-1") == {}


async def test_a_stop_parks_new_calls_and_lets_flying_ones_land_in_the_journal(journal: Journal) -> None:
    gate = Gate()
    rig = Rig(journal, ScriptedClient(gate))
    flying = asyncio.create_task(said(rig.tree("t-0")(), "slow"))
    await soon()
    rig.in_flight.stop(Interrupted("interrupted"))
    parked = asyncio.create_task(said(rig.tree("t-1")(), "new"))
    await soon()
    assert len(rig.model.requests) == 1
    assert not rig.in_flight.drained.is_set()
    gate.open.set()
    assert await flying == "Hello."
    assert len(journal.answers("t-0")) == 1
    assert rig.in_flight.drained.is_set()
    assert not parked.done()
    assert [type(ended) for ended in await end(parked)] == [asyncio.CancelledError]


async def test_a_stop_with_nothing_out_has_landed_at_once(journal: Journal) -> None:
    in_flight = InFlight()
    in_flight.stop(Interrupted("interrupted"))
    assert in_flight.drained.is_set()


async def test_the_first_reason_to_stop_is_the_one_that_is_told() -> None:
    in_flight = InFlight()
    in_flight.stop(BudgetSpent("spent"))
    in_flight.stop(Interrupted("interrupted"))
    assert isinstance(in_flight.stopped, BudgetSpent)


async def test_a_spent_budget_parks_the_call_before_it_goes_out(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient(), max_tokens=40)
    client = rig.tree()()
    await said(client, "one")
    await said(client, "two")
    third = asyncio.create_task(said(client, "three"))
    await soon()
    assert isinstance(rig.in_flight.stopped, BudgetSpent)
    assert rig.in_flight.drained.is_set()
    assert len(rig.model.requests) == 2
    await end(third)


async def test_a_journal_that_cannot_be_written_stops_the_run(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise UsageError("cannot write the journal")

    monkeypatch.setattr(journal, "write", full)
    rig = Rig(journal, ScriptedClient())
    calling = asyncio.create_task(said(rig.tree()()))
    await soon()
    assert isinstance(rig.in_flight.stopped, UsageError)
    assert not calling.done()
    await end(calling)


async def test_a_cancelled_call_is_not_out_any_more(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient(Gate()), max_calls=1)
    calling = [asyncio.create_task(said(rig.tree(f"t-{i}")(), "slow")) for i in range(2)]
    await soon()
    await end(*calling)
    assert rig.endpoint.limiter.in_flight == rig.in_flight.count == 0


async def test_an_answer_whose_caller_went_away_while_it_was_written_is_kept(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient())
    calling = asyncio.create_task(said(rig.tree()()))
    await asyncio.sleep(0)  # it has its answer, and waits for the journal
    assert len(rig.model.requests) == 1
    await end(calling)
    await soon()
    assert len(journal.answers("t-0")) == 1


async def test_a_call_that_waits_for_its_turn_does_not_go_out_after_a_stop(journal: Journal) -> None:
    gate = Gate()
    rig = Rig(journal, ScriptedClient(gate), max_calls=1)
    calling = [asyncio.create_task(said(rig.tree(f"t-{i}")(), f"{i} slow")) for i in range(3)]
    await soon()
    rig.in_flight.stop(Interrupted("interrupted"))
    gate.open.set()
    await soon()
    await end(*calling)
    assert len(rig.model.requests) == 1


async def test_calls_that_wait_for_their_turn_do_not_outspend_the_budget(journal: Journal) -> None:
    gate = Gate()
    rig = Rig(journal, ScriptedClient(gate), max_calls=1, max_tokens=40)
    calling = [asyncio.create_task(said(rig.tree(f"t-{i}")(), f"{i} slow")) for i in range(10)]
    await soon()
    gate.open.set()
    for _ in range(10):
        await soon()
    await end(*calling)
    assert len(rig.model.requests) == 2


@pytest.mark.parametrize("reason", [Interrupted("interrupted"), BudgetSpent("spent")])
def test_a_call_that_waits_for_its_next_try_does_not_hold_up_a_stop(reason: I2AError) -> None:
    async def main() -> None:
        with fresh() as journal:
            rig = Rig(journal, ScriptedClient.saying(RateLimited("slow down", retry_after=600), "late"))
            calling = asyncio.create_task(said(rig.tree()()))
            await asyncio.sleep(1)
            start = seconds()
            rig.in_flight.stop(reason)
            await rig.in_flight.drained.wait()
            waited = seconds() - start
            await end(calling)
            assert waited < 60
            assert len(rig.model.requests) == 1

    virtually(main())


# Limits of an answer.


async def test_the_limit_of_an_answer_is_no_part_of_what_the_call_is(journal: Journal) -> None:
    """A run may be resumed under another limit, and gets what it has."""
    first = Rig(journal, ScriptedClient(limits_answers=True))
    answer = await first.tree()().complete(asking("Hello?"), {DEFAULT_MAX_TOKENS: 512})
    assert first.model.requests[0].parameters[DEFAULT_MAX_TOKENS] == 512
    for parameters in ({}, {DEFAULT_MAX_TOKENS: 300}):
        again = Rig(journal, ScriptedClient.saying())
        assert await again.tree()().complete(asking("Hello?"), parameters) == answer


async def test_the_limit_that_the_user_sets_for_a_role_takes_the_place_of_its_own(journal: Journal) -> None:
    rig = Rig(journal, ScriptedClient(limits_answers=True))
    keys = RequestKeys("t-0", 7, journal)
    model = RoleModel("judge", rig.endpoint, keys, rig.tracker, rig.in_flight, max_tokens=40)
    await model.complete(asking("Hello?"), {DEFAULT_MAX_TOKENS: 512})
    await said(model)
    assert [request.parameters.get("max_tokens") for request in rig.model.requests] == [40, 40]
    assert DEFAULT_MAX_TOKENS not in rig.model.requests[0].parameters
    await model.complete(asking("Hello?"), {REPLIES: ["a"]})
    assert "max_tokens" not in rig.model.requests[2].parameters


def test_a_call_without_an_answer_in_time_is_tried_again_with_another_seed(journal: Journal) -> None:
    """The same seed would loop again. That it was too slow is told while the run goes on."""

    async def run() -> None:
        client = ScriptedClient.saying(TimedOut("no answer within 120 s"), "Hello.")
        rig = Rig(journal, client)
        assert await said(rig.tree()()) == "Hello."
        assert rig.endpoint.slow == "no answer within 120 s; asked again"
        one, other = client.requests
        assert one.seed != other.seed

    virtually(run())
