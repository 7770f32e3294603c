"""A worker process of a run: grows the trees that it is handed, and knows neither folder, budget nor servers.

Calls of models go to the process that started it, which keeps, counts and limits them as if it had made them itself. A
`stateless` model answers here, and its answer is kept there before it is used. Started by `i2a.runs.workers`.
"""

import asyncio
import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from i2a.errors import Interrupted, ModelError, UsageError
from i2a.models.autogen import Client
from i2a.models.call import Endpoint, InFlight, RequestKeys, RoleModel
from i2a.models.model import Completion, Message, Model
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker
from i2a.runs.collector import model_errors
from i2a.runs.journal import Journal
from i2a.runs.link import Link, portable
from i2a.runs.orders import Described, Orders
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.session import Session, forgotten
from i2a.trees.json import dump
from i2a.trees.tree import Tree

SHOWN, PAUSE = 6, 1.0  # conversations whose state is sent for the live view, and every how many seconds


class ForwardedModel(Model):
    """What is known here of a model that is called elsewhere."""

    def __init__(self, described: Described) -> None:
        self.structured_output, self.limits_answers = described.structured_output, described.limits_answers
        self.simulated, self.in_process, self.room = described.simulated, described.in_process, described.context

    @property
    def context(self) -> int | None:
        return self.room

    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        raise AssertionError("a forwarded model is called through a role")


def stand_ins(clients: Sequence[tuple[str, int, str]]) -> dict[str, Client]:
    """Models in the place of the caller's own clients, one for each of them, whose classes have the same names."""
    nothing = Described(True, False, False, False, None, stateless=False)
    made = {which: type(name, (ForwardedModel,), {})(nothing) for _, which, name in clients}
    return {name: made[which] for name, which, _ in clients}


class ForwardedRole(ForwardedModel):
    """The same as one role of one tree calls it. `keys`: the number of the request keys that the call belongs to."""

    def __init__(self, model: ForwardedModel, worker: "Worker", keys: int, role: str) -> None:
        self._model, self._worker, self._keys, self._role = model, worker, keys, role
        self.structured_output, self.limits_answers = model.structured_output, model.limits_answers
        self.simulated, self.in_process = model.simulated, model.in_process

    @property
    def context(self) -> int | None:
        return self._model.room

    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        answer, self._model.room = await self._worker.ask("call", self._keys, self._role, messages, parameters)
        if isinstance(answer, Exception):
            raise answer
        return cast(Completion, answer)


class RemoteJournal:
    """The stored answers of the trees that grow here; new ones are kept by the process that has the journal."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self.stored: dict[str, dict[bytes, Completion]] = {}

    def answers(self, tree: str) -> dict[bytes, Completion]:
        return self.stored.get(tree, {})

    async def write(self, tree: str, key: bytes, role: str, model: str, completion: Completion) -> None:
        problem = await self._worker.ask("keep", tree, key, role, model, completion)
        if problem is not None:
            raise problem


@dataclass(frozen=True, slots=True)
class WorkerSession(Session):
    """A session whose models are in part elsewhere."""

    worker: "Worker" = field(kw_only=True)

    def clients(self, tree_id: str, seed: int, models: Mapping[str, ModelSpec]) -> dict[str, Model]:
        failures = self.failures.get(tree_id, ())
        keys = RequestKeys(tree_id, seed, self.journal, len(failures), forgotten(failures))
        places = list(self.endpoints)
        elsewhere = {
            role: places.index(spec)
            for role, spec in models.items()
            if isinstance(self.endpoints[spec].model, ForwardedModel)
        }
        number = self.worker.opened(tree_id, seed, elsewhere) if elsewhere else 0
        clients: dict[str, Model] = {}
        for role, spec in models.items():
            endpoint = self.endpoints[spec]
            if isinstance(endpoint.model, ForwardedModel):
                clients[role] = ForwardedRole(endpoint.model, self.worker, number, role)
                clients[role].keeps_cut = self.keeps_cut
            else:
                clients[role] = RoleModel(
                    role,
                    endpoint,
                    keys,
                    self.usage,
                    self.in_flight,
                    keeps_cut=self.keeps_cut,
                    max_tokens=self.max_tokens.get(role),
                )
        return clients


class Worker:
    """Takes orders from `link` until it ends."""

    def __init__(self, link: Link, orders: Orders) -> None:
        self.link, self._orders = link, orders
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._asked = self._opened = 0
        self._trees: dict[int, Tree] = {}
        self._tasks = set[asyncio.Task[None]]()
        self.plan = orders.replan(stand_ins(orders.clients))
        self.session = self._session(self.plan)

    def _session(self, plan: RunPlan) -> WorkerSession:
        orders, in_flight = self._orders, InFlight()
        endpoints = {}
        for spec, described in zip(dict.fromkeys(plan.models.values()), orders.models, strict=True):
            model = spec.open() if described.stateless else ForwardedModel(described)
            endpoints[spec] = Endpoint(str(spec), model, max_calls=orders.max_calls, retries=orders.retries)
        return WorkerSession(
            RunFolder(orders.folder),
            cast(Journal, RemoteJournal(self)),
            UsageTracker({}),
            in_flight,
            endpoints,
            {},
            orders.manifest,
            keeps_cut=orders.keeps_cut,
            max_tokens=orders.max_tokens,
            worker=self,
        )

    def opened(self, tree: str, seed: int, models: Mapping[str, int]) -> int:
        """Have request keys made for roles of a tree whose models are called elsewhere; returns their number."""
        self._opened += 1
        self.link.send("open", self._opened, tree, seed, models)
        return self._opened

    async def ask(self, *message: Any) -> Any:
        """Send a message that is answered, and wait for what is answered."""
        self._asked += 1
        number = self._asked
        self._waiting[number] = answer = asyncio.get_running_loop().create_future()
        self.link.send(message[0], number, *message[1:])
        try:
            return await answer
        except asyncio.CancelledError:
            if self._waiting.pop(number, None) is not None and message[0] == "call":
                self.link.send("cancel", number)
            raise

    async def run(self) -> None:
        for model in {endpoint.model for endpoint in self.session.endpoints.values()}:
            await model.prepare()
        self.link.send("ready")
        helpers = [asyncio.create_task(self._drained())]
        if self._orders.shows:
            helpers.append(asyncio.create_task(self._show()))
        gc.freeze()
        while messages := await self.link.receive():
            for kind, *rest in messages:
                getattr(self, f"_on_{kind}")(*rest)
        for task in (*helpers, *self._tasks):
            task.cancel()

    def _on_grow(
        self, place: int, tree: Tree, failures: list[dict[str, object]], stored: dict[bytes, Completion]
    ) -> None:
        cast(dict[str, object], self.session.failures)[tree.id] = failures
        cast(RemoteJournal, self.session.journal).stored[tree.id] = stored
        task = asyncio.create_task(self._grow(place, tree))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_answer(self, number: int, answer: Any) -> None:
        if (future := self._waiting.pop(number, None)) is not None and not future.done():
            future.set_result(answer)

    def _on_kept(self, numbers: Sequence[int], problem: Exception | None) -> None:
        for number in numbers:
            self._on_answer(number, problem)

    def _on_stop(self) -> None:
        self.session.in_flight.stop(Interrupted("stopped"))

    async def _drained(self) -> None:
        await self.session.in_flight.drained.wait()
        self.link.send("drained")

    async def _grow(self, place: int, tree: Tree) -> None:
        """Grow a tree and send it, or why it failed, or the bug that has stopped it."""
        assert self.plan.grow is not None
        self._trees[place] = tree
        reasons: list[ModelError] = []
        try:
            try:
                await self.plan.grow(tree, self.session)
            except (ModelError, ExceptionGroup) as error:
                reasons = model_errors(error)
            try:
                line = dump(tree)
            except UsageError as error:
                self.link.send("unstorable", error)
            else:
                self.link.send("grown", place, line, reasons, self._counted())
        except Exception as bug:  # noqa: BLE001 - it is raised in the process of the run
            self.link.send("bug", portable(bug, f"in a worker process:\n{traceback.format_exc()}"))
        del self._trees[place], cast(RemoteJournal, self.session.journal).stored[tree.id]
        del cast(dict[str, object], self.session.failures)[tree.id]

    def _counted(self) -> list[tuple[tuple[str, str], int, int]]:
        """What was replayed and tried again here since the last time, by role and model."""
        usage = self.session.usage.usage
        found = [(key, used.replayed, used.retries) for key, used in usage.items() if used.replayed or used.retries]
        for used in usage.values():
            used.replayed = used.retries = 0
        return found

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            for place, tree in list(self._trees.items())[:SHOWN]:
                with suppress(UsageError):
                    self.link.send("seen", place, dump(tree))


class _Pipe:
    """Writes at once: the other end always reads."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> None:
        self._pipe.write(data)
        self._pipe.flush()


async def work(link: Link) -> None:
    """Take the paths to import from, the orders, and then trees, until there is nobody at the other end."""
    for [paths] in await link.receive():
        sys.path.extend(path for path in paths if path not in sys.path)
    for [orders] in await link.receive():
        try:
            worker = Worker(link, pickle.loads(orders))
        except Exception as bug:  # noqa: BLE001 - it is raised in the process of the run
            link.send("bug", portable(bug, traceback.format_exc()))
            link.flush()
        else:
            await worker.run()


async def main() -> None:
    """Work for the process at the other end of standard input and output; what a script prints goes to its errors."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # whoever started it finishes the calls in flight, and then ends it
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    await work(Link(reader, _Pipe(out)))


if __name__ == "__main__":
    asyncio.run(main())
