"""`i2a simulate` as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from i2a.cli.main import app
from i2a.errors import UsageError

SMALL = ("--conversations", "2", "--turns", "2", "--seed", "3")


def i2a(*args: str | Path) -> Any:
    done = CliRunner().invoke(app, ["simulate", *SMALL, *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0
    return done


def speaks(run: Path, speaker: str) -> list[str]:
    trees = [json.loads(line) for line in (run / "trees.jsonl").read_text("utf-8").splitlines()]
    return [node["content"] for tree in trees for node in tree["nodes"] if node["speaker"] == speaker]


def test_a_role_is_given_another_prompt(tmp_path: Path) -> None:
    prompt = tmp_path / "curious.txt"
    prompt.write_text("Always ask two questions.", "utf-8")  # which the offline engine does, told so
    i2a("--out", tmp_path / "shipped")
    i2a("--role-prompt", f"preferred={prompt}", "--out", tmp_path / "own")
    assert all("?" in text for text in speaks(tmp_path / "own", "preferred"))
    assert not all("?" in text for text in speaks(tmp_path / "shipped", "preferred"))
    assert speaks(tmp_path / "own", "user")[0] == speaks(tmp_path / "shipped", "user")[0]


def test_a_run_is_not_resumed_with_another_prompt(tmp_path: Path) -> None:
    prompt, config = tmp_path / "plain.txt", tmp_path / "run.toml"
    prompt.write_text("Say little.", "utf-8")
    config.write_text('out = "run"\n[role_prompt]\nrejected = "plain.txt"\n', "utf-8")
    i2a("--config", config)
    before = (tmp_path / "run/trees.jsonl").read_bytes()
    i2a("--config", config, "--resume")
    assert (tmp_path / "run/trees.jsonl").read_bytes() == before
    prompt.write_text("Say much.", "utf-8")
    with pytest.raises(UsageError, match=r"prompts\.rejected was"):
        i2a("--config", config, "--resume")


def test_a_prompt_of_nobody_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no role 'jugde'"):
        i2a("--role-prompt", "jugde=x.txt", "--out", tmp_path / "run")
    with pytest.raises(UsageError, match=r"--role-prompt 'judge': write NAME=VALUE"):
        i2a("--role-prompt", "judge", "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
