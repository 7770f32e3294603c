"""Calls that nobody waits for, handed in together and answered within a day, at half the price: a provider's batches.

`BatchingModel` is a model like any other, whose `complete` returns once the batch with its request has come back. What
was handed in is written down before anything waits for it: after a crash the same batch is asked for, and nothing is
paid twice. A request that comes back without an answer is handed in once more, and then made as a call of its own.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from i2a.digests import digest
from i2a.errors import (
    AccessDenied,
    ModelError,
    RateLimited,
    Retryable,
    RunStopped,
    ServerAway,
    ServerError,
    Unreachable,
    UsageError,
)
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.batch import Batch, BatchLog, BatchService
from i2a.models.limiter import Limiter
from i2a.models.model import Completion, Message, Model
from i2a.models.openai_protocol import HttpReply
from i2a.text import counted

TRIES = 2  # batches in which a request is handed in, before it is a call of its own
LONGEST = 1800.0  # seconds that a request waits for others

T = TypeVar("T")


@dataclass(slots=True)
class _Waiting:
    """A request whose answer somebody waits for. None: it came back without one."""

    body: JsonObject
    answer: asyncio.Future[HttpReply | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class BatchingModel(Model):
    """`model` through batches. For one event loop; `close` it.

    name      its model string
    log       where batches are written down
    live      the limit of calls to the model, for those that are made after all
    busy      whether other calls are in flight, which may bring more requests
    wait      seconds without a new request after which a batch is handed in, unless it is `busy`
    poll      seconds between two looks at a batch
    patience  seconds to try while there is no server
    """

    def __init__(
        self,
        name: str,
        model: Model,
        service: BatchService,
        log: BatchLog,
        *,
        live: Limiter,
        busy: Callable[[], bool],
        wait: float,
        poll: float,
        patience: float,
    ) -> None:
        self._name, self._model, self._service, self._log = name, model, service, log
        self._live, self._busy, self._wait, self._poll, self._patience = live, busy, wait, poll, patience
        self.structured_output, self.simulated, self.host = model.structured_output, model.simulated, model.host
        self.limits_answers = model.limits_answers
        self.notes: list[str] = []
        self._of_key = {key: batch for batch in log.read(name) for key in batch.keys}
        self._asked = Counter[str]()
        self._queue: dict[str, _Waiting] = {}
        self._handed_in: dict[str, _Waiting] = {}
        self._arrived: dict[str, HttpReply] = {}
        self._most = service.most
        self._one_by_one = False  # the provider takes no batch beside another
        self._first = self._last = 0.0
        self._collector: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def context(self) -> int | None:
        return self._model.context

    @property
    def waiting(self) -> str:
        """What is waited for, in words; empty if nothing is."""
        if not self._handed_in:
            return ""
        return f"batch: {counted(len(self._handed_in), 'requests')} waiting at {self.host or self._name}"

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """As that of the model, after the batch has come back."""
        for _ in range(TRIES):
            body = self._service.body(messages, parameters)
            reply = await self._reply(body)
            if reply is None:
                continue
            try:
                return self._service.read(body, reply)._replace(batched=True)
            except (ServerError, RateLimited):  # another time it may be answered
                continue
        async with self._live:
            return await self._model.complete(messages, parameters)

    async def _reply(self, body: JsonObject) -> HttpReply | None:
        request = digest(json.dumps(body, sort_keys=True), 16)
        count = self._asked[request]  # the same request again wants another answer
        self._asked[request] += 1
        key = digest(f"{request}/{count}", 16)
        if (arrived := self._arrived.pop(key, None)) is not None:
            return arrived
        waiting = _Waiting(body)
        if (batch := self._of_key.get(key)) is not None:
            self._handed_in[key] = waiting
            if not batch.followed:
                self._spawn(self._follow(batch))
        else:
            self._enqueue({key: waiting})
        return await asyncio.shield(waiting.answer)

    def _enqueue(self, requests: Mapping[str, _Waiting]) -> None:
        self._last = asyncio.get_running_loop().time()
        self._first = self._first if self._queue else self._last
        self._queue |= requests
        if self._collector is None:
            self._collector = asyncio.create_task(self._collect())
            self._collector.add_done_callback(self._ended)

    async def _collect(self) -> None:
        """Hand in what is waiting, whenever it is enough or no more is coming."""
        loop = asyncio.get_running_loop()
        while self._queue:
            quiet = loop.time() - self._last >= self._wait and not self._busy()
            enough = quiet or len(self._queue) >= self._most or loop.time() - self._first >= LONGEST
            if enough and not (self._one_by_one and self._handed_in):
                self._spawn(self._hand_in(self._taken()))
            else:
                await asyncio.sleep(self._wait / 4)
        self._collector = None

    def _taken(self) -> dict[str, _Waiting]:
        """The first requests in the queue, as many as fit into a batch."""
        taken: dict[str, _Waiting] = {}
        size = 0
        for key, waiting in list(self._queue.items())[: self._most]:
            size += len(self._service.line(key, waiting.body)) + 1
            if taken and size > self._service.most_bytes:
                break
            taken[key] = self._queue.pop(key)
        self._handed_in |= taken
        return taken

    async def _hand_in(self, taken: Mapping[str, _Waiting]) -> None:
        lines = b"".join(self._service.line(key, waiting.body) + b"\n" for key, waiting in taken.items())
        try:
            file = await self._patiently(lambda: self._service.upload(lines))
        except (ModelError, RunStopped, UsageError) as error:
            self._give_up(list(taken), error)
            return
        batch = Batch(self._name, file, list(taken))
        self._of_key |= dict.fromkeys(taken, batch)
        await self._follow(batch, new=True)

    async def _follow(self, batch: Batch, *, new: bool = False) -> None:
        """Start the batch, if that was not done, wait for it, and give everybody their answer."""
        batch.followed = True
        try:
            if new:
                self._log.handed_in(batch)
            if batch.id is None:
                batch.id = await self._started(batch, new=new)
                if batch.id is None:
                    self._hand_out(batch, {})
                    return
                self._log.started(batch)
            id = batch.id
            state = await self._patiently(lambda: self._service.look(id))
            while not state.ended:
                await asyncio.sleep(self._poll)
                state = await self._patiently(lambda: self._service.look(id))
            found = await self._patiently(lambda: self._service.answers(state))
        except (ModelError, RunStopped, UsageError) as error:
            batch.followed = False
            if not new and isinstance(error, AccessDenied) and error.may_pass:  # of long ago, and deleted since
                self._hand_out(batch, {})
            else:
                self._give_up([key for key in batch.keys if self._of_key.get(key) is batch], error)
            return
        if state.failure:
            self.notes.append(f"{self._name}: a batch was not carried out in full: {state.failure}")
        if state.too_large and len(batch.keys) > 1:
            self._halve(batch)
        else:
            self._hand_out(batch, found)

    def _halve(self, batch: Batch) -> None:
        """Hand the requests in again, half as many at once and one batch after another."""
        self._most, self._one_by_one = min(self._most, (len(batch.keys) + 1) // 2), True
        self._enqueue({key: self._handed_in.pop(key) for key in self._taken_back(batch) if key in self._handed_in})

    def _hand_out(self, batch: Batch, found: Mapping[str, HttpReply]) -> None:
        for key in self._taken_back(batch):
            waiting = self._handed_in.pop(key, None)
            if waiting is None and key in found:
                self._arrived[key] = found[key]
            elif waiting is not None and not waiting.answer.done():
                waiting.answer.set_result(found.get(key))

    def _taken_back(self, batch: Batch) -> list[str]:
        """The requests of a batch that has ended, but for those that were handed in again with a later one."""
        keys = [key for key in batch.keys if self._of_key.get(key) is batch]
        for key in keys:
            del self._of_key[key]
        return keys

    async def _started(self, batch: Batch, *, new: bool) -> str | None:
        """The id of the batch, if there is one; one that a killed process started may be there already."""

        async def start() -> str | None:
            return (not new and await self._service.find(batch.file)) or await self._service.start(batch.file)

        async def again() -> str | None:
            return await self._service.find(batch.file) or await self._service.start(batch.file)

        return await self._patiently(start, again)

    async def _patiently(
        self, call: Callable[[], Coroutine[Any, Any, T]], again: Callable[[], Coroutine[Any, Any, T]] | None = None
    ) -> T:
        """The result of a call that is tried for a while; after a failure it is that of `again`.

        Raises `ServerAway` where no server answers in time.
        """
        loop = asyncio.get_running_loop()
        start, pause = loop.time(), 0.5
        while True:
            try:
                return await call()
            except Retryable as error:
                if loop.time() + pause - start > self._patience:
                    if isinstance(error, Unreachable):
                        raise ServerAway(f"{error}; the same command with --resume waits for the batch") from None
                    raise
                await asyncio.sleep(max(pause, error.retry_after or 0.0))
                call, pause = again or call, min(2 * pause, 30.0)

    def _give_up(self, keys: Sequence[str], error: Exception) -> None:
        """Raise the error where somebody waits. What is wrong with a whole batch is no fault of one call: it ends the
        run, which can be continued."""
        if isinstance(error, ModelError) and not (isinstance(error, AccessDenied) and error.always):
            error = RunStopped(f"a batch failed: {error}; --resume goes on, and without --batch it makes calls instead")
        for key in keys:
            waiting = self._handed_in.pop(key, None) or self._queue.pop(key, None)
            if waiting is not None and not waiting.answer.done():
                waiting.answer.set_exception(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A bug in a task is raised where somebody waits."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(
                [*self._handed_in, *self._queue], error if isinstance(error, Exception) else RuntimeError(str(error))
            )

    async def close(self) -> None:
        """Stop waiting. A batch that is being started at this moment is found by its file, which is written down."""
        tasks = [*self._tasks, *([self._collector] if self._collector else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._service.close()
