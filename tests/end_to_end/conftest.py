"""The command as a user runs it: processes, files, and a server on loopback."""

import json
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

I2A = [sys.executable, "-m", "i2a.cli"]


def i2a(*args: str | Path, cwd: Path | None = None, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `check` is the exit code it must have."""
    done = subprocess.run([*I2A, *map(str, args)], capture_output=True, text=True, cwd=cwd, timeout=100, check=False)
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


class Server:
    """A running `i2a serve`."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._stats = model.partition("@")[2].removesuffix("/v1") + "/stats"

    def stats(self) -> dict[str, Any]:
        with urlopen(self._stats) as answer:
            stats: dict[str, Any] = json.load(answer)
            return stats


def kill_at_random(command: list[str], server: Server, chance: random.Random, *, answers: int) -> bool:
    """Start a command and kill it after at most so many more answers of the server, which may be in the middle of an
    import, a call or a write; whether it was still running. By answers, not by seconds: machines differ in speed."""
    wanted = server.stats()["answered"] + chance.randint(0, answers)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None and server.stats()["answered"] < wanted:
        time.sleep(0.01)
    try:
        process.wait(chance.uniform(0, 0.3))
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, by Playwright; the test is skipped where one of them is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra: dev)")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium, e.g. from Debian's package of that name")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def complaints_of(page: Any, *allowed: str) -> list[str]:
    """What a page will write to its console, where it fails, and what it fetches that begins with none of `allowed`."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((*allowed, "data:")) else found.append(asked.url))
    return found


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    processes: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> Server:
        command = [*I2A, "serve", "--port", "0", *flags]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        found = re.search(r"openai:\S+", process.stdout.readline())
        assert found is not None
        return Server(found[0])

    yield start
    for process in processes:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
