"""Training by interaction, from its settings to its model: what was said is kept, and a crash changes nothing."""

import json
import signal
import subprocess
import sys
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from i2a import read_trees, train_grpo
from i2a.errors import BadRequest, UsageError
from i2a.runs.training_folder import read_log
from i2a.testing import Request, ScriptedModel, any_answer
from tests.training.trainings import equal, two_ranks, weights
from training.advantages import advantages

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

SMALL: dict[str, Any] = {
    "iterations": 3,
    "conversations": 2,
    "turns": 2,
    "replies": 3,
    "updates": 2,
    "max_new_tokens": 8,
    "learning_rate": 1e-3,
    "dtype": "fp32",
    "quiet": True,
    "reward": {"length": 1.0, "repetition": 0.0, "judge": 0.0},
}


def user(request: Request) -> str:
    return f"I like number {len(request.text) % 7}."


def train(model: Path, out: Path, clients: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    talkers = {"user": ScriptedModel(user), "judge": ScriptedModel()} if clients is None else clients
    return train_grpo(model=str(model), out=out, clients=talkers, **(SMALL | changed))


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("grpo") / "whole"
    train(base, out)
    return out


def test_a_model_comes_of_it_and_what_was_said_is_kept(base: Path, whole: Path) -> None:
    assert not equal(weights(whole), weights(base))
    assert [folder.name for folder in sorted((whole / "rollouts").iterdir())] == ["0000", "0001", "0002"]
    for number in range(3):
        trees = list(read_trees(whole / "rollouts" / f"{number:04}"))
        assert len(trees) == 2
        replies = [node for tree in trees for node in tree if node.speaker == "policy"]
        assert len(replies) == 2 * 2 * 3
        assert all(node.metadata["reward"] == node.metadata["rewards"]["length"] for node in replies)
    card = (whole / "README.md").read_text("utf-8")
    assert "group-relative policy optimisation" in card


def test_the_log_tells_how_it_went(whole: Path) -> None:
    lines = read_log(whole / "log.jsonl")
    assert len([line for line in lines if "loss" in line]) == 6
    first = lines[0]
    watched = {"reward", "reward/length", "reward/repetition", "reward_spread", "no_spread", "reply_tokens"}
    watched |= {"kl", "entropy", "clip_share", "drift", "mismatch/mean", "mismatch/max", "mismatch/kl"}
    assert watched <= first.keys()
    assert first["mismatch/max"] < 1e-3
    result = json.loads((whole / "result.json").read_text("utf-8"))
    assert result["rows"] == 3 * 12
    assert result["tokens_saved"] > 1.5


@pytest.mark.parametrize("calls", [3, 11])
def test_a_crash_while_it_talks_changes_nothing(base: Path, whole: Path, tmp_path: Path, calls: int) -> None:
    """In the first iteration, and in the third."""
    number = count()

    def crashes(request: Request) -> str:
        if next(number) == calls:
            raise ZeroDivisionError
        return user(request)

    with pytest.raises((ZeroDivisionError, ExceptionGroup)):
        train(base, tmp_path / "out", {"user": ScriptedModel(crashes), "judge": ScriptedModel()})
    train(base, tmp_path / "out", resume=True)
    assert equal(weights(tmp_path / "out"), weights(whole))
    assert [line["loss"] for line in read_log(tmp_path / "out/log.jsonl")] == [
        line["loss"] for line in read_log(whole / "log.jsonl")
    ]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
@pytest.mark.parametrize("where", ["talk", "save"])
def test_a_kill_changes_nothing(base: Path, whole: Path, tmp_path: Path, where: str) -> None:
    command = [sys.executable, "-m", "tests.training.grpo_process", str(base), str(tmp_path / "out"), where]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out/result.json").exists()
    train(base, tmp_path / "out", resume=True)
    assert equal(weights(tmp_path / "out"), weights(whole))


def test_two_processes_talk_once_and_take_the_same_step(base: Path, whole: Path, tmp_path: Path) -> None:
    """Later steps are not compared: Adam makes a whole step of a rounding error where a gradient is tiny."""
    out = tmp_path / "out"
    command = [sys.executable, "-W", "ignore", "-m", "tests.training.grpo_process", str(base), str(out)]
    ranks = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for environment in two_ranks()]
    for process in ranks:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors.decode()
    assert (out / "rollouts/0000/trees.jsonl").read_bytes() == (whole / "rollouts/0000/trees.jsonl").read_bytes()
    (alone, *_), (shared, *_) = read_log(whole / "log.jsonl"), read_log(out / "log.jsonl")
    for name in ("loss", "grad_norm", "reward", "kl", "entropy"):
        assert shared[name] == pytest.approx(alone[name], rel=1e-4, abs=1e-7), name


def test_it_learns_from_what_a_judge_scored_that_fails_a_third_of_the_time(base: Path, tmp_path: Path) -> None:
    number = count()

    def fails(request: Request) -> str:
        if next(number) % 10 in (1, 4, 7):
            raise BadRequest("out of order")
        return any_answer(request)

    judge = ScriptedModel(fails)
    train(base, tmp_path / "out", {"user": ScriptedModel(user), "judge": judge}, reward={"judge": 1.0}, iterations=1)
    trees = list(read_trees(tmp_path / "out/rollouts/0000"))
    replies = [node for tree in trees for node in tree if node.speaker == "policy"]
    scored = [node for node in replies if node.metadata["reward"] is not None]
    assert 0 < len(scored) < len(replies) == 12
    assert all("out of order" in node.metadata["unscored"]["judge"] for node in replies if node not in scored)
    found = advantages(trees)
    assert found.keys() == set(scored)
    for reply in scored:
        group = [node.metadata["reward"] for node in scored if node.parent is reply.parent]
        assert found[reply] == pytest.approx(reply.metadata["reward"] - sum(group) / len(group))
    first = read_log(tmp_path / "out/log.jsonl")[0]
    assert (first["replies_learnt"], first["replies_unscored"]) == (len(scored), 12 - len(scored))


def test_the_same_settings_give_the_same_model_and_others_do_not(base: Path, whole: Path, tmp_path: Path) -> None:
    train(base, tmp_path / "again")
    train(base, tmp_path / "lora", lora=True, iterations=1)
    assert equal(weights(tmp_path / "again"), weights(whole))
    assert (tmp_path / "lora/adapter_config.json").exists()


def test_what_cannot_work_is_refused_before_anything_is_written(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused: list[tuple[dict[str, Any], str]] = [
        ({"reward": {"length": 0.0}}, "no reward counts"),
        ({"scenario": "aloe", "policy": "judge"}, "policy"),
        ({"role_model": {"policy": "offline"}}, "--model"),
        ({"replies": 1}, "greater than or equal to 2"),
    ]
    for settings, reason in refused:
        with pytest.raises(UsageError, match=reason):
            train(base, out, {}, **settings)
    assert not out.exists()


def test_a_finished_training_is_not_begun_again(base: Path, whole: Path) -> None:
    before = (whole / "result.json").read_bytes()
    assert train(base, whole, resume=True)["rows"] == 36
    assert (whole / "result.json").read_bytes() == before


def test_a_server_that_is_given_the_weights_draws_what_the_model_itself_would(
    base: Path, whole: Path, tmp_path: Path
) -> None:
    """With TRL's client and a stand-in for vLLM, see there."""
    command = [sys.executable, "-m", "tests.vllm_stand_in", str(base), str(tmp_path / "served")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    asked = Counter(json.loads(done.stdout.splitlines()[-1]))
    assert asked["/update_weights"] == asked["/reset_prefix_cache"] == SMALL["iterations"]
    assert asked["/v1/completions"] > 3 * 12, "some are asked again after an HTTP 500"
    for number in range(SMALL["iterations"]):
        folder = f"rollouts/{number:04}/trees.jsonl"
        said, alone = (
            [node.content for tree in read_trees(out / folder) for node in tree] for out in (tmp_path / "served", whole)
        )
        assert said == alone
    assert equal(weights(tmp_path / "served"), weights(whole))


def test_without_vllm_a_server_is_refused_in_one_line(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--vllm-server needs vLLM here too"):
        train(base, tmp_path / "out", vllm_server="http://127.0.0.1:9")
