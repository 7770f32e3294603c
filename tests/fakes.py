"""Stand-ins at the seams: a model, an installed package of plug-ins, a full disk, a loop whose time passes at once."""

import asyncio
import importlib
import json
import resource
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import pytest

from i2a.testing import Request, ScriptedModel
from i2a.trees.tree import Node

T = TypeVar("T")


def mark(*parts: object) -> str:
    """Eight hex digits that follow from `parts`."""
    return blake2b(repr(parts).encode(), digest_size=4).hexdigest()


def plausible(request: Request) -> str:
    """An answer of the right form that follows from the request and its seed. The judge agrees with itself."""
    sign = mark(request.text, request.seed)
    match request.role:
        case "inducer":
            fact = f"{max(request.quotable, key=len, default='fact')} {sign}"
            return json.dumps({"reason": sign, "profile": [fact], "personality": []})
        case "judge" if "<reply_1>" in request.text:
            one, two = request.replies
            return preference("1" if mark(one) < mark(two) else "2", sign)
        case "examiner":
            return json.dumps({"reason": sign, "misconception": "none", "found": "no"})
        case role:
            return f"{role} says {sign}."


def preference(winner: str, reason: str = "better") -> str:
    return json.dumps({"reason": reason, "winner": winner})


class ScriptedClient(ScriptedModel):
    """Answers plausibly, if nothing else is said."""

    def __init__(self, answer: Callable[[Request], Any] = plausible, **options: Any) -> None:
        super().__init__(answer, **options)


def install_plugins(folder: Path, monkeypatch: pytest.MonkeyPatch, group: str, **points: str) -> None:
    """Put a package beside what is installed, whose entry points in `i2a.GROUP` these are: `name="module:object"`."""
    metadata = folder / "their_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their_package\nVersion: 1.0\n", "utf-8")
    lines = [f"[i2a.{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()


def spoken(node: Node) -> list[str]:
    """Who spoke on the way to `node`."""
    return [step.speaker for step in node.path]


@contextmanager
def no_more_space(left: int = 0) -> Iterator[None]:
    """No file of this process may grow beyond `left` bytes, which the kernel enforces as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Stuck(BaseException):
    """Everybody waits, and nothing is going to happen."""


class _Hurry(selectors.DefaultSelector):
    """Where a loop would wait, time jumps instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Stuck
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which an hour of waiting takes no time. It raises `Stuck` where another would hang."""

    def __init__(self) -> None:
        self._hurry = _Hurry()
        super().__init__(self._hurry)

    def time(self) -> float:
        return self._hurry.now


def virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
