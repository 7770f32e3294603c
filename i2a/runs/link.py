"""Messages between a run and its worker processes, over a pipe. What is sent in one turn of the event loop goes as one
piece, so that a message costs little. Both ends are processes of ours: what comes in is unpickled."""

import asyncio
import pickle
from typing import Any, Protocol

SIZE = 4  # bytes before a piece that say how long it is


class Target(Protocol):
    """Where bytes go without being waited for."""

    def write(self, data: bytes, /) -> None: ...


class Link:
    """One end. Any values may be sent that can be pickled; they arrive in their order."""

    def __init__(self, source: asyncio.StreamReader, target: Target) -> None:
        self._source, self._target = source, target
        self._out: list[Any] = []
        self._open = True

    def close(self) -> None:
        """Send nothing any more: there is nobody at the other end, or soon will be nobody."""
        self._open = False

    def send(self, *message: Any) -> None:
        if not self._out:
            asyncio.get_running_loop().call_soon(self.flush)
        self._out.append(message)

    def flush(self) -> None:
        out, self._out = self._out, []
        if out and self._open:
            piece = pickle.dumps(out, protocol=pickle.HIGHEST_PROTOCOL)
            self._target.write(len(piece).to_bytes(SIZE, "big") + piece)

    async def receive(self) -> list[Any]:
        """The messages of the next piece; none once the other end is gone."""
        try:
            size = int.from_bytes(await self._source.readexactly(SIZE), "big")
            piece: list[Any] = pickle.loads(await self._source.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return []
        return piece


def portable(error: Exception, trace: str) -> Exception:
    """The error if it can be sent, else one that says the same. `trace`: where it came from, which goes along."""
    error.add_note(trace)
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever a class of somebody else's does when it is pickled
        return RuntimeError(f"{type(error).__name__}: {error}\n{trace}")
    return error
