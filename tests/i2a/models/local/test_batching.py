"""The queue in front of a local model, with an engine that computes nothing."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from i2a.errors import ModelError
from i2a.models.local.batching import Batcher, OutOfMemory, Row


class Fake:
    """Ends every new row at once, writing its prompt backwards. `memory`: how many rows fit."""

    def __init__(self, memory: int = 1000, error: Exception | None = None) -> None:
        self.memory, self.error = memory, error
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.forgot = 0

    def advance(self, running: Sequence[Row], new: Sequence[Row], wanted: Callable[[], bool]) -> None:
        self.threads.add(threading.get_ident())
        self.batches.append(len(new))
        if len(new) > self.memory:
            raise OutOfMemory
        if self.error:
            raise self.error
        for row in new:
            row.ids += row.ids[::-1]
            row.end = "stop"

    def forget(self) -> None:
        self.forgot += 1


class Endless(Fake):
    """Writes until nobody wants it any more."""

    def advance(self, running: Sequence[Row], new: Sequence[Row], wanted: Callable[[], bool]) -> None:
        self.batches.append(len(running) + len(new))
        while not (wanted() or all(row.abandoned for row in (*running, *new))):
            pass


def row(*ids: int, limit: int = 4) -> Row:
    return Row(list(ids), limit, temperature=1.0, top_p=1.0, seed=0)


def batcher(engine: Fake, *, max_rows: int = 64, max_tokens: int = 10_000) -> Batcher:
    return Batcher(engine, max_rows=max_rows, max_tokens=max_tokens)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the engine is in a thread, which sets no event
        await asyncio.sleep(0.001)


async def answers(batch: Batcher, rows: Sequence[Row]) -> list[list[int] | Exception]:
    async def answer(row: Row) -> list[int]:
        await batch.complete(row)
        return row.written

    done = await asyncio.gather(*(answer(row) for row in rows), return_exceptions=True)
    return [each if isinstance(each, list) else Exception(each) for each in done]


async def test_calls_made_together_are_one_batch_in_another_thread() -> None:
    engine = Fake()
    assert await answers(batcher(engine), [row(1, 2), row(3, 4)]) == [[2, 1], [4, 3]]
    assert engine.batches == [2]
    assert threading.get_ident() not in engine.threads


async def test_a_batch_has_at_most_so_many_rows_the_oldest_first() -> None:
    engine = Fake()
    await answers(batcher(engine, max_rows=3), [row(n) for n in range(8)])
    assert engine.batches == [3, 3, 2]


async def test_a_batch_has_at_most_so_many_tokens_with_its_padding() -> None:
    engine = Fake()
    long, short = row(*range(20)), [row(1) for _ in range(7)]
    await answers(batcher(engine, max_tokens=48), [long, *short])
    assert engine.batches == [2, 6], "24 tokens a row while the long one is among them, then 5"


async def test_a_row_that_is_longer_than_a_batch_may_be_goes_alone() -> None:
    engine = Fake()
    assert await answers(batcher(engine, max_tokens=2), [row(1, 2, 3), row(4)]) == [[3, 2, 1], [4]]
    assert engine.batches == [1, 1]


async def test_calls_that_come_while_a_batch_is_written_join_it_when_it_pauses() -> None:
    engine = Endless()
    batch = batcher(engine)
    first = asyncio.create_task(batch.complete(row(1)))
    await until(lambda: engine.batches != [])
    second = asyncio.create_task(batch.complete(row(2)))
    await until(lambda: engine.batches == [1, 2])
    await batch.close()
    assert first.cancelled()
    assert second.cancelled()


async def test_a_call_that_is_given_up_keeps_nobody_waiting() -> None:
    engine = Endless()
    batch = batcher(engine, max_rows=1)
    first, second = (asyncio.create_task(batch.complete(row(n))) for n in (1, 2))
    await until(lambda: engine.batches != [])
    first.cancel()
    await until(lambda: engine.batches == [1, 1])
    await batch.close()
    assert second.cancelled()


async def test_out_of_memory_halves_the_batch_for_good() -> None:
    engine = Fake(memory=3)
    batch = batcher(engine)
    assert await answers(batch, [row(n) for n in range(8)]) == [[n] for n in range(8)]
    assert engine.batches == [8, 4, 2, 2, 2, 2]
    assert (batch.max_rows, engine.forgot) == (2, 2)


async def test_a_row_that_does_not_fit_even_alone_fails_and_the_others_go_on() -> None:
    engine = Fake(memory=0)
    batch = batcher(engine)
    failed = await answers(batch, [row(1), row(2)])
    assert [str(error) for error in failed] == [
        "out of memory with 1 tokens in a batch of one; take a smaller dtype"
    ] * 2
    engine.memory = 1
    assert await answers(batch, [row(3)]) == [[3]]


@pytest.mark.parametrize("error", [ModelError("broken"), ZeroDivisionError("a bug")])
async def test_a_batch_that_fails_tells_each_of_its_calls_and_the_next_one_runs(error: Exception) -> None:
    engine = Fake(error=error)
    batch = batcher(engine)
    assert [str(failed) for failed in await answers(batch, [row(1), row(2)])] == [str(error)] * 2
    engine.error = None
    assert await answers(batch, [row(3)]) == [[3]]


async def test_close_without_any_call_returns() -> None:
    await batcher(Fake()).close()


def test_chances_follow_from_the_seed_alone() -> None:
    one, same, other = Row([1], 5, 1.0, 1.0, 7), Row([2, 3], 9, 0.5, 0.9, 7), Row([1], 5, 1.0, 1.0, 8)
    assert one.chances == same.chances[:5] != other.chances
