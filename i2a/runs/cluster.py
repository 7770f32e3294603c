"""Workers of a run as actors of a Ray cluster, which may be on other machines. Needs the extra `cluster`.

An actor takes and gives what a worker process reads and writes on its pipes: pieces with numbers, as the calls of an
actor may overtake each other. One whose node is gone is a worker that has died.
"""

import asyncio
import socket
from typing import Any

import ray
from ray.exceptions import RayError

from i2a.errors import UsageError
from i2a.runs.config import LOCAL
from i2a.runs.link import Link


class RemoteWorker:
    """What runs on the cluster: a worker, and the two ends of its link."""

    def __init__(self) -> None:
        self._taken: dict[int, bytes] = {}
        self._next = 0
        self._given = bytearray()
        self._news = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    def write(self, data: bytes) -> None:
        self._given += data
        self._news.set()

    async def take(self, number: int, data: bytes) -> None:
        """What the run sends, the piece with this number from 0 on."""
        if self._work is None:
            from i2a.runs.worker import work

            self._reader = asyncio.StreamReader()
            self._work = asyncio.create_task(work(Link(self._reader, self)))
        self._taken[number] = data
        while (piece := self._taken.pop(self._next, None)) is not None:
            self._next += 1
            self._reader.feed_data(piece)

    async def give(self) -> bytes:
        """What the worker has sent since the last time, once there is something."""
        await self._news.wait()
        self._news.clear()
        given, self._given = bytes(self._given), bytearray()
        return given


class RayPlace:
    """An actor on a core of the cluster that this process is connected to. It waits until one is free."""

    def __init__(self) -> None:
        self._actor: Any = ray.remote(num_cpus=1, max_restarts=0)(RemoteWorker).remote()
        self._sent = 0
        self._reader = asyncio.StreamReader()
        self._listening: asyncio.Task[None] | None = None
        self._reason = "it was ended"

    async def connect(self) -> Link:
        self._listening = asyncio.create_task(self._listen())
        return Link(self._reader, self)

    def write(self, data: bytes) -> None:
        self._actor.take.remote(self._sent, data)
        self._sent += 1

    async def _listen(self) -> None:
        try:
            while True:
                self._reader.feed_data(await self._actor.give.remote())
        except RayError as gone:
            self._reason = str(gone).partition("\n")[0]
            self._reader.feed_eof()

    def how_it_ended(self) -> str:
        return self._reason

    def kill(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        ray.kill(self._actor)


def connect(address: str) -> None:
    """Be connected to a cluster. Raises `UsageError` if it is not there."""
    if ray.is_initialized():
        return
    try:
        if address == LOCAL:
            ray.init(include_dashboard=False, log_to_driver=False)
            return
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address, log_to_driver=False)
    except (OSError, RuntimeError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise UsageError(
            f"--cluster {address}: no Ray cluster there ({why}); `ray start --head` starts one, and `--cluster local` "
            "needs none"
        ) from None
