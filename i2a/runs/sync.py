"""Runs a coroutine for callers that do not await: a script, the command, or a notebook with a running event loop."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from i2a.errors import Interrupted

T = TypeVar("T")


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of `coroutine`. If an event loop is already running, a new thread with its own loop runs it.

    Raises `Interrupted` if it is cancelled, as a second Ctrl-C does.
    """
    try:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(coroutine)
        return _in_thread(coroutine)
    except asyncio.CancelledError:
        raise Interrupted("stopped immediately; the same command with --resume continues") from None


def _in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    """Ctrl-C reaches the thread that waits here; there is no handler for it in the other one."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def main() -> T:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await coroutine

    with ThreadPoolExecutor(1, thread_name_prefix="i2a") as threads:
        result = threads.submit(asyncio.run, main())
        try:
            return result.result()
        except KeyboardInterrupt:
            loop, task = started.result()
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)
            return result.result()
