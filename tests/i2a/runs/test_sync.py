"""A coroutine runs to its end from a script and from a notebook alike."""

import asyncio
import threading

import pytest

from i2a.errors import Interrupted, UsageError
from i2a.runs.sync import run_sync


async def where() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


async def refuse() -> None:
    raise UsageError("not so")


async def cancelled() -> None:
    raise asyncio.CancelledError


def test_without_a_running_loop_it_stays_in_the_thread_of_the_caller() -> None:
    assert run_sync(where()) == threading.current_thread().name


async def test_within_a_running_loop_it_gets_a_thread_of_its_own() -> None:
    assert run_sync(where()).startswith("i2a")


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(UsageError, match="not so"):
        run_sync(refuse())


async def test_what_it_raises_in_another_thread_is_raised() -> None:
    with pytest.raises(UsageError, match="not so"):
        run_sync(refuse())


def test_a_second_ctrl_c_ends_it_with_what_to_do_next() -> None:
    with pytest.raises(Interrupted, match="--resume"):
        run_sync(cancelled())


async def test_so_it_does_in_another_thread() -> None:
    with pytest.raises(Interrupted, match="--resume"):
        run_sync(cancelled())
