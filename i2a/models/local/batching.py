"""Calls of one event loop become batches of a model that generates in a worker thread. Knows no torch and no text.

While a batch generates, further calls wait; whenever it pauses, finished rows leave it and waiting ones join.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from i2a.errors import ModelError
from i2a.models.local.repetition import Dry

PAUSE = 0.002  # seconds to wait for calls that are made at the same time


class OutOfMemory(Exception):
    """The device has not enough memory for this batch."""


@dataclass(slots=True, eq=False)
class Row:
    """A reply being generated. `ids`: the prompt's tokens, then those written; `limit`: how many may be written.

    `chances` decide what is drawn: the n-th number in [0, 1) decides the n-th token, whatever else is in the batch.
    `temperature` 0 takes the likeliest token. `dry`: the penalty of a token that continues words of this reply or of
    `earlier` ones. `known`: what the engine has already computed for the first tokens.
    `logprobs`: of each token that is written, in nats, where `keeps_logprobs`; of all that the model might say at this
    temperature, whatever top-p or `dry` rule out.
    """

    ids: list[int]
    limit: int
    temperature: float
    top_p: float
    seed: int
    dry: Dry | None = None
    earlier: Sequence[Sequence[int]] = ()
    keeps_logprobs: bool = False
    logprobs: list[float] = field(default_factory=list)
    start: int = field(init=False)
    chances: list[float] = field(init=False)
    known: Any = None
    end: Literal["stop", "length", "nan"] | None = None
    abandoned: bool = False

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.start, self.chances = len(self.ids), [chance.random() for _ in range(self.limit)]

    @property
    def written(self) -> list[int]:
        return self.ids[self.start :]

    @property
    def left(self) -> int:
        """How many tokens may still be written."""
        return self.longest - len(self.ids)

    @property
    def longest(self) -> int:
        """Tokens, once it is as long as it can get."""
        return self.start + self.limit


class Engine(Protocol):
    """What computes the rows. Both methods are called in one thread at a time."""

    def advance(self, running: Sequence[Row], new: Sequence[Row], wanted: Callable[[], bool]) -> None:
        """Write on, until a good part of the rows has an `end`, or `wanted()` and some tokens are written.

        Rows that are abandoned may be left as they are. Raises `ModelError`, `OutOfMemory`.
        """

    def forget(self) -> None:
        """Free what is kept for later calls."""


@dataclass(slots=True, eq=False)
class PendingRow:
    row: Row
    done: asyncio.Future[None]

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Batcher:
    """The queue in front of an engine. A batch has at most `max_rows` rows, and `max_tokens` tokens with its padding.

    A batch that does not fit into memory is cut in half, and no later one gets larger than that.
    """

    def __init__(self, engine: Engine, *, max_rows: int, max_tokens: int) -> None:
        self.max_rows, self.max_tokens = max_rows, max_tokens
        self._engine = engine
        self._waiting: deque[PendingRow] = deque()
        self._running: list[PendingRow] = []
        self._room = True
        self._work: asyncio.Task[None] | None = None

    async def complete(self, row: Row) -> None:
        """Return once `row` has its end. Raises `ModelError`."""
        call = PendingRow(row, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._until_all_is_done())
        try:
            await call.done
        except asyncio.CancelledError:
            row.abandoned = True
            raise

    async def close(self) -> None:
        """Abandon all calls; return once the worker has noticed, which takes it one token."""
        for call in (*self._waiting, *self._running):
            call.row.abandoned = True
            call.done.cancel()
        if self._work:
            with suppress(asyncio.CancelledError):
                await self._work

    async def _until_all_is_done(self) -> None:
        try:
            while self._waiting or self._running:
                await self._gather()
                await self._round(self._admit())
        except asyncio.CancelledError:
            for call in (*self._waiting, *self._running):  # tells the thread to stop
                call.row.abandoned = True
            raise

    async def _gather(self) -> None:
        """Wait while further calls keep coming in."""
        seen = 0
        while seen < len(self._waiting) < self.max_rows:
            seen = len(self._waiting)
            await asyncio.sleep(PAUSE)

    def _admit(self) -> list[PendingRow]:
        """The oldest calls that there is room for, at least one if nothing is running."""
        new: list[PendingRow] = []
        rows = len(self._running)
        longest = max((call.row.longest for call in self._running), default=0)
        self._room = True
        while self._waiting:
            call = self._waiting[0]
            longest = max(longest, call.row.longest)
            self._room = not rows or (rows < self.max_rows and (rows + 1) * longest <= self.max_tokens)
            if not self._room:
                break
            self._waiting.popleft()
            if not call.row.abandoned:
                new.append(call)
                rows += 1
        return new

    async def _round(self, new: list[PendingRow]) -> None:
        running, self._running = self._running, [*self._running, *new]
        try:
            await asyncio.to_thread(
                self._engine.advance, [call.row for call in running], [call.row for call in new], self._wanted
            )
        except OutOfMemory:
            self._halve()
        except Exception as error:  # noqa: BLE001 - raised again in every waiting call
            for call in self._running:
                call.fail(error)
            self._running = []
        for call in self._running:
            if call.row.end and not call.done.done():
                call.done.set_result(None)
        self._running = [call for call in self._running if not (call.row.end or call.row.abandoned)]

    def _wanted(self) -> bool:
        """Whether the batch should pause, so that waiting calls can join it; asked from the worker's thread."""
        return self._room and bool(self._waiting)

    def _halve(self) -> None:
        """Start over with half as many rows; what these have written so far stays."""
        calls = [call for call in self._running if not (call.row.end or call.row.abandoned)]
        self._running = [call for call in self._running if call.row.end]
        for call in calls:
            call.row.known = None
        self._engine.forget()
        if len(calls) == 1:
            tokens = len(calls[0].row.ids)
            calls.pop().fail(ModelError(f"out of memory with {tokens} tokens in a batch of one; take a smaller dtype"))
        self.max_rows = max(1, len(calls) // 2)
        self._waiting.extendleft(reversed(calls))
