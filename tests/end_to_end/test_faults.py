"""With a third of the answers faulty in every way, nothing false is written, and what failed can be redone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from i2a.trees.json import read
from tests.end_to_end.conftest import Server, i2a

SIZE = ("--conversations", "16", "--turns", "4", "--seed", "3", "--concurrency", "16", "--quiet")
FAULTS = ("--faults", "0.3", "--slow-seconds", "0.3", "--retry-after", "0.05")


@pytest.mark.timeout(240)
def test_no_label_without_a_judge_and_failures_can_be_redone(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server, out = serve(*FAULTS), tmp_path / "run"
    # One retry is too few for a third of faults, so that some conversations must fail.
    command = ("simulate", *SIZE, "--model", server.model, "--out", out)
    first = i2a(*command, "--retries", "1", "--json", check=3)
    result = json.loads(first.stdout)
    assert result["failed"] > 0
    assert result["failed"] + result["summary"]["trees"] == 16
    assert server.stats()["faults"].keys() == {kind for kind, count in server.stats()["faults"].items() if count}

    failures = [json.loads(line) for line in (out / "failures.jsonl").read_text("utf-8").splitlines()]
    assert len(failures) == result["failed"]
    assert all(failure["reason"] and failure["error"] for failure in failures)
    finished = {tree.id for tree in read(out / "trees.jsonl")}
    assert finished.isdisjoint(failure["id"] for failure in failures)

    again = i2a(*command, "--retry-failed", "--retries", "12", "--json")
    assert json.loads(again.stdout)["summary"]["trees"] == 16
    for tree in read(out / "trees.jsonl"):
        for node in tree:
            for child in node.children:
                if child.label:
                    winner = {verdict.winner for verdict in node.verdicts}
                    assert len(node.verdicts) == 2
                    assert (child.label == "preferred") == (winner == {child})


def test_a_wrong_key_stops_the_run_with_one_line(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve("--require-key", "sk-right")
    done = i2a("simulate", *SIZE, "--model", server.model, "--out", tmp_path / "run", check=None)
    assert done.returncode not in (0, 3)
    assert "OPENAI_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run/failures.jsonl").exists()


def test_a_budget_stops_the_run_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    command = ("simulate", *SIZE, "--out", tmp_path / "run")
    done = i2a(*command, "--max-tokens", "30000", check=4)
    assert "the budget of 30,000 tokens is spent" in done.stderr
    i2a(*command, "--resume")


def test_an_unknown_price_is_not_taken_for_nothing(tmp_path: Path) -> None:
    model = "openai:some-model@http://127.0.0.1:9/v1"
    done = i2a("simulate", *SIZE, "--model", model, "--max-cost", "1", "--out", tmp_path / "run", check=2)
    assert f"--price '{model}=IN/OUT'" in done.stderr
    assert not (tmp_path / "run").exists()
