"""The worker processes of a run, seen from the process that has its folder, journal, budget, models and view.

Each is handed trees one by one as it has room, so that none waits for a slow one. One that dies loses nothing: calls
that it has made are finished and kept, and its trees are grown again from the journal by another.
"""

import asyncio
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from i2a.errors import BudgetSpent, I2AError, ModelError, UsageError
from i2a.extras import needs
from i2a.models.model import Completion, Message, Model
from i2a.runs.collector import Collector
from i2a.runs.config import RunConfig
from i2a.runs.link import Link
from i2a.runs.orders import Described, Orders
from i2a.trees.json import load

LIMIT = 2**24  # bytes of a pipe that are read ahead
DEATHS = 3  # of workers in a row, without an answer between them, that are taken for bad luck


class Place(Protocol):
    """Where a worker runs."""

    async def connect(self) -> Link: ...

    def how_it_ended(self) -> str:
        """In words, once nothing comes from it any more."""
        ...

    def kill(self) -> None: ...


class LocalPlace:
    """A process of this machine."""

    def __init__(self) -> None:
        # Enough for `-m` to find us; the worker is then given the whole path.
        paths = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "i2a.runs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self._pipes: list[asyncio.BaseTransport] = []

    async def connect(self) -> Link:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=LIMIT)
        source, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._process.stdout)
        target, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, self._process.stdin)
        self._pipes += [source, target]
        return Link(reader, target)

    def how_it_ended(self) -> str:
        return f"exit code {self._process.wait()}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes:
            pipe.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not self._pipes:
                stream.close()


def places(cluster: str | None) -> Callable[[], Place]:
    """What makes a place for one more worker: in the Ray cluster at this address, else on this machine.

    Raises `UsageError` if there is no such cluster.
    """
    if cluster is None:
        return LocalPlace
    with needs("cluster", "--cluster"):
        from i2a.runs.cluster import RayPlace, connect
    connect(cluster)
    return RayPlace


@dataclass(eq=False)
class Hand:
    """One worker. `growing`: the places of its trees; `calls`: what it waits for, by its own numbers.

    `models`: the clients that were opened for it, by the number of their request keys, and `opened` these by tree.
    `hold`: what is given up once it has nothing in flight.
    """

    link: Link
    ready: bool = False
    growing: set[int] = field(default_factory=set)
    calls: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    models: dict[int, Mapping[str, Model]] = field(default_factory=dict)
    opened: dict[str, list[int]] = field(default_factory=dict)
    hold: ExitStack = field(default_factory=ExitStack)


class Crew:
    """Grows the trees at the places `todo` in several processes."""

    def __init__(self, config: RunConfig, collector: Collector, todo: Sequence[int]) -> None:
        plan = collector.plan
        if plan.replan is None:
            raise UsageError("this run needs one process: leave out --workers")
        self._place = places(config.ray_address)
        if sys.platform == "win32" and config.ray_address is None:
            raise UsageError(
                "--workers needs Linux or macOS: leave it out here, or make --shard K/N in several windows"
            )
        self._collector, self._session = collector, collector.session
        self._waiting = deque(todo)
        self._count = min(config.processes, len(todo))
        self._room = -(-min(config.trees_at_once, len(todo)) // self._count)
        self._specs = list(self._session.endpoints)
        self._orders = pickle.dumps(self._orders_of(config))
        self._deaths = 0
        self._hands: list[Hand] = []

    def _orders_of(self, config: RunConfig) -> Orders:
        plan, session = self._collector.plan, self._session
        assert plan.replan is not None
        known = list({id(client): client for client in plan.clients.values()}.values())
        return Orders(
            plan.replan,
            [Described.of(endpoint.model) for endpoint in session.endpoints.values()],
            [(name, known.index(client), type(client).__name__) for name, client in plan.clients.items()],
            session.folder.path,
            session.manifest,
            config.calls_at_once,
            config.retries,
            session.keeps_cut,
            session.max_tokens,
            self._collector.view.watched,
        )

    async def grow(self) -> None:
        """Return once all trees are grown. When the run stops, it waits until what is in flight is finished."""
        stop = asyncio.create_task(self._stop())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._count):
                    group.create_task(self._employ())
        finally:
            stop.cancel()

    async def _stop(self) -> None:
        await self._session.in_flight.stopping.wait()
        for hand in self._hands:
            hand.link.send("stop")

    async def _employ(self) -> None:
        """One worker, and another one in its place if it dies while there is work."""
        while self._waiting and not self._session.in_flight.stopped:
            place = self._place()
            try:
                hand = Hand(await place.connect())
                hand.link.send(sys.path)
                hand.link.flush()
                hand.link.send(self._orders)
                self._hands.append(hand)
                await self._employed(hand, place)
            finally:
                place.kill()

    async def _employed(self, hand: Hand, place: Place) -> None:
        try:
            with hand.hold:
                hand.hold.enter_context(self._session.in_flight.hold())
                await self._serve(hand)
            if hand.growing or not hand.ready:
                await self._died(hand, place)
        finally:
            hand.link.close()
            for call in hand.calls.values():
                call.cancel()

    async def _serve(self, hand: Hand) -> None:
        """Hand out trees and answer, until nothing is left for this worker to do, or it is gone."""
        while messages := await hand.link.receive():
            kept: list[tuple[Any, ...]] = []
            for kind, *rest in messages:
                if kind == "keep":
                    kept.append(tuple(rest))
                else:
                    getattr(self, f"_on_{kind}")(hand, *rest)
            if kept:
                self._keep(hand, kept)
            self._hand_out(hand)
            if hand.ready and not hand.growing:
                return

    def _hand_out(self, hand: Hand) -> None:
        while hand.ready and self._waiting and len(hand.growing) < self._room and not self._session.in_flight.stopped:
            place = self._waiting.popleft()
            tree = self._collector.begins(place)
            hand.growing.add(place)
            stored = self._session.journal.answers(tree.id)
            hand.link.send("grow", place, tree, self._session.failures.get(tree.id, []), stored)

    async def _died(self, hand: Hand, place: Place) -> None:
        """Finish what it has called, and put its trees back. Raises `I2AError` if workers die again and again."""
        hand.link.close()
        how = place.how_it_ended()
        self._deaths += 1
        if self._deaths > DEATHS:
            raise I2AError(
                f"worker processes end by themselves ({how}), as for lack of memory: --resume with fewer --workers, or "
                "with 1, goes on"
            )
        await asyncio.gather(*hand.calls.values(), return_exceptions=True)
        for number in sorted(hand.growing, reverse=True):
            self._collector.breaks_off(number)
            self._waiting.appendleft(number)

    # What a worker sends.

    def _on_ready(self, hand: Hand) -> None:
        hand.ready = True

    def _on_drained(self, hand: Hand) -> None:
        hand.hold.close()

    def _on_open(self, hand: Hand, number: int, tree: str, seed: int, models: Mapping[str, int]) -> None:
        hand.models[number] = self._session.clients(tree, seed, {role: self._specs[i] for role, i in models.items()})
        hand.opened.setdefault(tree, []).append(number)

    def _on_call(
        self, hand: Hand, number: int, keys: int, role: str, messages: Sequence[Message], parameters: Mapping[str, Any]
    ) -> None:
        call = self._call(hand, number, hand.models[keys][role], messages, parameters)
        hand.calls[number] = asyncio.create_task(call)

    async def _call(
        self, hand: Hand, number: int, model: Model, messages: Sequence[Message], parameters: Mapping[str, Any]
    ) -> None:
        answer: Completion | ModelError
        try:
            answer = await model.complete(messages, parameters)
        except ModelError as error:
            answer = error
        finally:
            hand.calls.pop(number, None)
        self._deaths = 0
        hand.link.send("answer", number, (answer, model.context))

    def _on_cancel(self, hand: Hand, number: int) -> None:
        if call := hand.calls.pop(number, None):
            call.cancel()

    def _keep(self, hand: Hand, answers: Sequence[tuple[Any, ...]]) -> None:
        """Count answers that were made over there, and say so once they are on disk."""
        session, usage = self._session, self._session.usage
        self._deaths = 0
        for _, _, _, role, model, completion in answers:
            usage.add(role, model, completion)
        numbers = [answer[0] for answer in answers]

        def written(problem: Exception | None) -> None:
            hand.link.send("kept", numbers, problem)

        session.journal.write_all([answer[1:] for answer in answers], written)
        try:
            usage.check()
        except BudgetSpent as spent:
            session.in_flight.stop(spent)

    def _on_grown(
        self,
        hand: Hand,
        place: int,
        line: str,
        reasons: Sequence[ModelError],
        counted: Sequence[tuple[tuple[str, str], int, int]],
    ) -> None:
        tree = self._collector.plan.trees[place]
        for key, replayed, retries in counted:
            used = self._session.usage.usage[key]
            used.replayed, used.retries = used.replayed + replayed, used.retries + retries
        tree.roots[:] = load(line).roots
        hand.growing.discard(place)
        for number in hand.opened.pop(tree.id, ()):
            del hand.models[number]
        self._collector.ends(place, reasons, line)

    def _on_seen(self, hand: Hand, place: int, line: str) -> None:
        if place in hand.growing:
            self._collector.plan.trees[place].roots[:] = load(line).roots

    def _on_unstorable(self, hand: Hand, error: UsageError) -> None:
        self._session.in_flight.stop(error)

    def _on_bug(self, hand: Hand, error: Exception) -> None:
        raise error
