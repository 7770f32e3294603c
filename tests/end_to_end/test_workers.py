"""Worker processes that die, are interrupted or share a budget: nothing is lost, and nothing is paid for twice."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import I2A, Server, i2a
from tests.end_to_end.test_crash import rows

SIZE = ("--conversations", "8", "--turns", "6", "--seed", "5", "--concurrency", "6", "--quiet")


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in tasks.read_text().split()]
    except OSError:
        return []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc, to find the workers")
def test_workers_that_are_killed_lose_no_answer_and_no_conversation(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server, chance, kills = serve("--latency", "0.1"), random.Random(3), 0
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    i2a("simulate", *SIZE, "--out", whole)
    command = [*I2A, "simulate", *SIZE, "--model", server.model, "--workers", "2", "--out", str(killed)]
    process = subprocess.Popen(command)
    while process.poll() is None and kills < 5:
        wanted = server.stats()["answered"] + chance.randint(10, 60)
        while process.poll() is None and server.stats()["answered"] < wanted:
            time.sleep(0.02)
        for worker in children_of(process.pid)[:1]:
            os.kill(worker, signal.SIGKILL)
            kills += 1
    assert process.wait(60) == 0
    assert kills == 5
    assert (killed / "trees.jsonl").read_bytes() == (whole / "trees.jsonl").read_bytes()
    answers = rows(killed, "SELECT count(*) FROM answers")
    assert answers == rows(whole, "SELECT count(*) FROM answers")
    stats = server.stats()
    assert (stats["answered"], stats["repeated"]) == (answers, 0), "nothing was paid for twice, or in vain"


def test_interrupted_it_finishes_what_is_in_flight_and_goes_on_in_one_process(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server, out = serve("--latency", "0.1"), tmp_path / "run"
    command = ["simulate", *SIZE, "--model", server.model, "--out", str(out)]
    process = subprocess.Popen([*I2A, *command, "--workers", "2"], stderr=subprocess.PIPE, text=True)
    while server.stats()["answered"] < 20:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "--resume" in said
    stats = server.stats()
    assert stats["abandoned"] == 0
    assert stats["answered"] == rows(out, "SELECT count(*) FROM answers")
    i2a(*command, "--resume")
    assert server.stats()["repeated"] == 0
    i2a("simulate", *SIZE, "--out", tmp_path / "whole")
    assert (out / "trees.jsonl").read_bytes() == (tmp_path / "whole/trees.jsonl").read_bytes()


def test_a_budget_that_workers_share_is_passed_by_no_more_than_what_is_in_flight(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server, out = serve("--latency", "0.1"), tmp_path / "run"
    command = ["simulate", *SIZE, "--model", server.model, "--max-calls", "8", "--out", str(out), "--no-check"]
    price = ("--price", f"{server.model}=1000/1000", "--max-cost", "20")
    stopped = i2a(*command, "--workers", "4", *price, check=4)
    assert "budget of $20 is spent" in stopped.stderr
    spent = rows(out, "SELECT sum(prompt_tokens + completion_tokens) FROM answers")
    largest = rows(out, "SELECT max(prompt_tokens + completion_tokens) FROM answers")
    assert 20_000 <= spent <= 20_000 + 8 * largest
    assert server.stats()["answered"] == rows(out, "SELECT count(*) FROM answers")
