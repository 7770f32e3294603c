"""An evaluation as a user runs it: candidates behind a server and from a folder, killed and resumed, a broken judge."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import I2A, Server, i2a, kill_at_random

SIZE = ("--cases", "6", "--turns", "4", "--seed", "2", "--quiet")
KILLS = 5
NUMBERS = ("candidates", "differences", "audit", "failed")


def evaluated(*args: str | Path, size: tuple[str, ...] = SIZE) -> Any:
    return json.loads(i2a("evaluate", *args, *size, "--json").stdout)["summary"]


def test_a_user_and_a_judge_behind_a_server_give_the_numbers_of_the_same_ones_in_process(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    """And a candidate there is served, too; its seeds are its own, so its words may differ."""
    server = serve()
    who = ("--user", server.model, "--judge", server.model)
    near = evaluated("it=oracle:offline", "generic=offline", "--out", tmp_path / "near")
    far = evaluated("it=oracle:offline", "generic=offline", *who, "--inducer", "offline", "--out", tmp_path / "far")
    for name in NUMBERS:
        assert far[name] == near[name]
    before = server.stats()["answered"]
    served = evaluated(f"it=oracle:{server.model}", f"generic={server.model}", "--out", tmp_path / "served")
    assert server.stats()["answered"] == before + 2 * 6 * 4
    assert served["candidates"]["it"]["avg"] > served["candidates"]["generic"]["avg"] + 1


@pytest.mark.timeout(240)
def test_killed_at_random_moments_and_resumed_it_gives_the_same_numbers(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server, chance = serve("--latency", "0.2"), random.Random(3)
    candidates = (f"it=oracle:{server.model}", f"far=shuffled:{server.model}", "offline:parrot")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    size = ("--cases", "10", *SIZE[2:])
    i2a("evaluate", *candidates, *size, "--out", whole)
    killed.mkdir()
    shutil.copy(whole / "manifest.json", killed)  # whose salt makes the seeds

    command = [*I2A, "evaluate", *candidates, *size, "--out", str(killed), "--concurrency", "4", "--resume"]
    kills = sum(kill_at_random(command, server, chance, answers=4) for _ in range(KILLS))
    i2a(*command[len(I2A) :])
    assert kills == KILLS, "the run was through before it was killed often enough: make it longer"
    for name in ("trees.jsonl", "scores.jsonl", "summary.json", "curves.svg"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_a_judge_that_breaks_its_answers_leaves_replies_unscored_and_nothing_else_happens(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    broken = serve("--malformed", "0.75")  # three of four answers, so that a third of all replies stays without one
    found = evaluated("offline", "offline:oracle", "--judge", broken.model, "--out", tmp_path / "run")
    scores = [json.loads(line) for line in (tmp_path / "run/scores.jsonl").read_text("utf-8").splitlines()]
    assert len(scores) == 48
    unscored = [score for score in scores if score["score"] is None]
    assert 5 < len(unscored) < 30
    reasons = ("no usable answer in 4 tries", "no whole answer in 2 tries: cut at the limit of tokens")
    assert all(any(reason in score["reason"] for reason in reasons) for score in unscored)
    assert {score["score"] for score in scores} <= {None, 1, 2, 3, 4, 5}
    counted = [candidate["counts"]["unscored"] for candidate in found["candidates"].values()]
    assert sum(map(sum, counted)) == len(unscored)
    assert found["failed"] == {"offline": 0, "offline:oracle": 0}


@pytest.mark.timeout(240)  # torch alone takes long to start on a busy machine
def test_a_local_model_is_evaluated_like_any_other(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    from tests.tiny import checkpoint

    model = f"hf:{checkpoint(tmp_path / 'model')}?max_new_tokens=12"
    size = ("--cases", "3", "--turns", "2", "--quiet")
    found = evaluated(f"tiny={model}", f"brief=brief:{model}", "--out", tmp_path / "run", size=size)
    assert found["failed"] == {"tiny": 0, "brief": 0}
    assert [sum(candidate["counts"]["scored"]) for candidate in found["candidates"].values()] == [6, 6]
    assert found["models"]["brief"]["effective"]["max_new_tokens"] == 12
