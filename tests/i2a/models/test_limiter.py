"""An endpoint never gets more calls at once than it can take, and nobody who gives up takes a place with them."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a.models.limiter import Limiter
from tests.fakes import virtually


class Calls:
    """Calls through a limiter, each of which takes `seconds`."""

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.out = self.most = 0
        self.begun: list[int] = []

    async def call(self, i: int = 0, seconds: float = 1.0) -> None:
        async with self.limiter:
            self.begun.append(i)
            self.out += 1
            self.most = max(self.most, self.out)
            try:
                await asyncio.sleep(seconds)
            finally:
                self.out -= 1


def now() -> float:
    return asyncio.get_running_loop().time()


async def passed(*, since: float) -> float:
    return round(now() - since, 6)


def test_no_more_calls_are_out_than_the_limit_allows() -> None:
    async def main() -> None:
        calls = Calls(Limiter(3))
        start = now()
        await asyncio.gather(*(calls.call(i) for i in range(10)))
        assert calls.most == 3
        assert await passed(since=start) == 4

    virtually(main())


def test_who_came_first_goes_first() -> None:
    async def main() -> None:
        calls = Calls(Limiter(2))
        await asyncio.gather(*(calls.call(i) for i in range(20)))
        assert calls.begun == list(range(20))

    virtually(main())


def test_an_overload_cuts_the_limit_by_a_third_and_never_below_one() -> None:
    async def main() -> None:
        limiter = Limiter(9)
        limits = []
        for _ in range(8):
            limiter.overloaded(None)
            limits.append(limiter.limit)
            await asyncio.sleep(1)
        assert limits[:2] == [6, 4]
        assert limits[-1] == 1

    virtually(main())


def test_many_overloads_within_a_second_cut_once() -> None:
    async def main() -> None:
        limiter = Limiter(9)
        for _ in range(20):
            limiter.overloaded(None)
            await asyncio.sleep(0.04)
        assert limiter.limit == 6

    virtually(main())


def test_a_round_of_successes_raises_the_limit_by_about_one_and_never_above_the_ceiling() -> None:
    async def main() -> None:
        limiter = Limiter(6)
        limiter.overloaded(None)
        for _ in range(4):
            limiter.succeeded()
        assert 4.8 < limiter.limit <= 5
        for _ in range(100):
            limiter.succeeded()
        assert limiter.limit == 6

    virtually(main())


def test_a_limit_that_rises_lets_waiting_calls_go() -> None:
    async def main() -> None:
        limiter = Limiter(2)
        limiter.overloaded(None)
        limiter.limit = 1.0
        calls = Calls(limiter)
        waiting = [asyncio.create_task(calls.call(i)) for i in range(2)]
        await asyncio.sleep(0)
        assert calls.out == 1
        limiter.succeeded()
        await asyncio.sleep(0)
        assert calls.out == 2
        await asyncio.gather(*waiting)

    virtually(main())


def test_a_server_that_asks_for_time_gets_it_from_everybody() -> None:
    async def main() -> None:
        limiter, start = Limiter(4), now()
        calls = Calls(limiter)
        limiter.overloaded(30)

        async def one(i: int) -> float:
            await calls.call(i, seconds=0)
            return await passed(since=start)

        early = [asyncio.create_task(one(i)) for i in range(3)]
        await asyncio.sleep(10)
        late = asyncio.create_task(one(3))
        assert calls.begun == []
        assert await asyncio.gather(*early, late) == [30] * 4
        await calls.call(4, seconds=0)
        assert await passed(since=start) == 30

    virtually(main())


def test_the_longest_wait_asked_for_holds() -> None:
    async def main() -> None:
        limiter, start = Limiter(4), now()
        for seconds in (5, 20, 10):
            limiter.overloaded(seconds)
        await Calls(limiter).call(seconds=0)
        assert await passed(since=start) == 20

    virtually(main())


def test_an_answer_that_comes_home_does_not_open_a_closed_endpoint() -> None:
    async def main() -> None:
        limiter, start = Limiter(1), now()
        calls = Calls(limiter)
        out = asyncio.create_task(calls.call(seconds=1))
        await asyncio.sleep(0)
        limiter.overloaded(30)
        await calls.call(seconds=0)
        assert await passed(since=start) == 30
        await out

    virtually(main())


@pytest.mark.parametrize("closed", [0, 5])
def test_a_call_cancelled_while_it_waits_takes_no_place(closed: float) -> None:
    async def main() -> None:
        limiter = Limiter(1)
        calls = Calls(limiter)
        first = asyncio.create_task(calls.call(0))
        await asyncio.sleep(0)
        if closed:
            limiter.overloaded(closed)
        waiting = [asyncio.create_task(calls.call(i)) for i in (1, 2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        assert calls.begun == [0, 2]
        assert limiter.in_flight == 0

    virtually(main())


def test_a_call_cancelled_in_the_moment_of_its_turn_passes_the_turn_on() -> None:
    async def main() -> None:
        limiter = Limiter(1)
        calls = Calls(limiter)
        async with limiter:
            waiting = [asyncio.create_task(calls.call(i)) for i in range(2)]
            await asyncio.sleep(0)
        waiting[0].cancel()  # it has its turn by now, but has not run yet
        await asyncio.gather(*waiting, return_exceptions=True)
        assert calls.begun == [1]
        assert limiter.in_flight == 0

    virtually(main())


def test_a_call_that_fails_gives_its_place_back() -> None:
    async def main() -> None:
        limiter = Limiter(1)
        with pytest.raises(ZeroDivisionError):
            async with limiter:
                raise ZeroDivisionError
        await Calls(limiter).call()

    virtually(main())


def test_a_timer_that_fires_a_moment_early_does_not_close_the_endpoint_for_good() -> None:
    """A loop may run a timer up to its clock's resolution too soon: 16 ms on Windows."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop._clock_resolution = 0.016  # type: ignore[attr-defined]
        limiter = Limiter(1)
        limiter.overloaded(1.01)
        asyncio.create_task(asyncio.sleep(1))  # noqa: RUF006 - wakes the loop just before the timer is due
        async with asyncio.timeout(10):
            await Calls(limiter).call()

    virtually(main())


# `kind`, after how long, and for how long: what a client and its server may do to a limiter.
events = st.lists(
    st.tuples(
        st.sampled_from(["call", "call", "call", "cancel", "succeeded", "overloaded", "closed"]),
        st.floats(0, 1),
        st.floats(0, 2),
    ),
    max_size=40,
)


@given(events, st.integers(1, 4))
def test_whatever_happens_the_limit_holds_and_everybody_gets_a_turn(
    events: list[tuple[str, float, float]], ceiling: int
) -> None:
    async def main() -> None:
        limiter = Limiter(ceiling)
        out = 0
        tasks: list[asyncio.Task[None]] = []

        async def call(seconds: float) -> None:
            nonlocal out
            async with limiter:
                out += 1
                assert out <= limiter.in_flight <= ceiling
                try:
                    await asyncio.sleep(seconds)
                finally:
                    out -= 1

        for kind, after, seconds in events:
            await asyncio.sleep(after)
            match kind:
                case "call":
                    before = limiter.in_flight
                    tasks.append(asyncio.create_task(call(seconds)))
                    await asyncio.sleep(0)
                    assert limiter.in_flight <= max(before, int(limiter.limit))
                case "cancel" if tasks:
                    tasks[int(seconds * 1000) % len(tasks)].cancel()
                case "succeeded":
                    limiter.succeeded()
                case "overloaded":
                    limiter.overloaded(None)
                case "closed":
                    limiter.overloaded(seconds)
            assert 1 <= limiter.limit <= ceiling
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ended)
        assert limiter.in_flight == 0
        async with limiter:
            pass

    virtually(main())
