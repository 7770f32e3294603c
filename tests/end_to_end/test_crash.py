"""Killed at any moment and resumed, a run ends with the same corpus, and pays for nothing twice."""

import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.conftest import I2A, Server, i2a, kill_at_random

KILLS = 20
SIZE = ("--conversations", "16", "--turns", "10", "--seed", "5", "--concurrency", "6", "--quiet")


def rows(out: Path, query: str) -> int:
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        (count,) = journal.execute(query).fetchone()
        return int(count)


@pytest.mark.timeout(300)
def test_killed_at_random_moments_the_corpus_is_that_of_an_uninterrupted_run(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server, chance = serve("--latency", "0.2"), random.Random(7)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    i2a("simulate", *SIZE, "--out", whole)

    command = [*I2A, "simulate", *SIZE, "--model", server.model, "--out", str(killed), "--resume"]
    kills = sum(kill_at_random(command, server, chance, answers=20) for _ in range(KILLS))
    i2a(*command[len(I2A) :])

    assert kills == KILLS, "the run was through before it was killed often enough: make it longer"
    assert (killed / "trees.jsonl").read_bytes() == (whole / "trees.jsonl").read_bytes()
    answers = rows(killed, "SELECT count(*) FROM answers")
    assert answers == rows(killed, "SELECT count(*) FROM (SELECT DISTINCT tree, key FROM answers)"), "paid for twice"
    assert answers == rows(whole, "SELECT count(*) FROM answers")
    stats = server.stats()
    on_the_wire = stats["answered"] - answers  # answers that were sent to a process which was dead before it read them
    assert stats["repeated"] == on_the_wire
    assert on_the_wire <= 4 * 6 * kills
    print(f"{kills} kills, {answers} answers in the journal, {on_the_wire} lost on the wire at a kill")


def test_the_second_run_on_a_folder_is_refused(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server, out = serve("--latency", "0.3"), tmp_path / "run"
    command = ["simulate", *SIZE, "--model", server.model, "--out", str(out)]
    first = subprocess.Popen([*I2A, *command], stderr=subprocess.DEVNULL)
    try:
        while not (out / "journal.sqlite").exists():
            time.sleep(0.02)
        second = i2a(*command, "--resume", check=2)
        assert "another run is writing to this folder" in second.stderr
    finally:
        first.kill()
        first.wait()


def test_a_run_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    command = ("simulate", "--conversations", "1", "--turns", "1", "--out", tmp_path / "run")
    i2a(*command)
    before = (tmp_path / "run/trees.jsonl").read_bytes()
    assert "already holds a run" in i2a(*command, check=2).stderr
    other = i2a(*command, "--resume", "--seed", "9", check=2)
    assert "seed was 0 and now is 9" in other.stderr
    i2a(*command, "--resume", "--concurrency", "7")
    assert (tmp_path / "run/trees.jsonl").read_bytes() == before


def test_interrupted_once_it_saves_and_says_how_to_go_on(tmp_path: Path, serve: Callable[..., Server]) -> None:
    import signal

    server, out = serve("--latency", "0.2"), tmp_path / "run"
    command = ["simulate", *SIZE, "--model", server.model, "--out", str(out)]
    process = subprocess.Popen([*I2A, *command], stderr=subprocess.PIPE, text=True)
    while not server.stats()["answered"]:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert "--resume" in said
    stats = server.stats()
    assert stats["abandoned"] == 0, "what was out must come home"
    assert stats["answered"] == rows(out, "SELECT count(*) FROM answers")
    i2a(*command, "--resume")
    assert server.stats()["repeated"] == 0
