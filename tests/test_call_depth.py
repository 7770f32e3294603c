"""A reader can follow a call in one pass: few frames of ours lie between `simulate` and the model."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from types import CodeType
from typing import Any

from i2a import simulate
from i2a.testing import Request
from tests.fakes import ScriptedClient, plausible

OURS = [str(Path(__file__).parents[1] / package) for package in ("i2a", "agents", "scenarios", "evaluation")]
MODEL = str(Path(__file__).parents[1] / "i2a/testing.py")


def ours(code: CodeType) -> str | None:
    """The name of a function of ours, the model's own excepted."""
    file = code.co_filename
    if file == MODEL or not any(file.startswith(folder) for folder in OURS):
        return None
    return f"{Path(file).parent.name}/{Path(file).name}: {code.co_qualname}"


def on_the_stack() -> list[str]:
    """Our frames of the running task, outermost first."""
    found, frame = [], sys._getframe()
    while frame is not None:
        found.append(ours(frame.f_code))
        frame = frame.f_back  # type: ignore[assignment]
    return [name for name in reversed(found) if name]


def awaited(task: asyncio.Task[Any]) -> list[str]:
    """Our coroutines that a task which waits has begun, outermost first."""
    found, waiting = [], task.get_coro()
    while isinstance(waiting, Coroutine):
        found.append(ours(waiting.cr_code))  # type: ignore[attr-defined]
        waiting = waiting.cr_await  # type: ignore[attr-defined]
    return [name for name in found if name]


def test_at_most_eight_frames_lie_between_simulate_and_the_model(tmp_path: Path) -> None:
    walks: list[list[str]] = []

    async def answer(request: Request) -> str:
        if request.role == "judge":
            chains = [awaited(task) for task in asyncio.all_tasks()]
            running = next(chain for chain in chains if any("aloe.py: aloe" in name for name in chain))
            script = next(i for i, name in enumerate(running) if "aloe.py: aloe" in name)
            main = next(chain for chain in chains if chain and chain[0].endswith(": execute"))
            comparing = next(chain[0] for chain in chains if chain and chain[0].endswith(": compare"))
            stack = on_the_stack()
            judging = next(i for i, name in enumerate(stack) if name.endswith(": Role._answer"))
            caller = next(i for i, name in enumerate(stack) if name.endswith(": run_sync"))
            # Each task was started by the one before: the run, a worker, the comparison, the judge's call.
            walks.append([*stack[: caller + 1], *main, *running[: script + 1], comparing, *stack[judging:]])
        return plausible(request)

    model = ScriptedClient(answer)
    simulate(out=tmp_path / "run", conversations=1, turns=2, clients={"*": model})
    walk = max(walks, key=len)
    assert walk[0] == "i2a/api.py: simulate"
    assert len(walk) - 1 <= 8, walk
