"""From a corpus to a model that prefers, as a user types it: SFT by two processes, DPO by one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import i2a
from tests.tiny import checkpoint

SMALL = ["--batch", "6", "--micro-batch", "2", "--learning-rate", "3e-3", "--max-steps", "6"]
LAUNCH = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--num_processes", "2"]


def test_trees_become_a_model_and_then_one_that_prefers(tmp_path: Path) -> None:
    i2a("simulate", "--conversations", "6", "--turns", "3", "--out", "run", "--quiet", cwd=tmp_path)
    checkpoint(tmp_path / "base")
    config = ["--config_file", i2a("train", "accelerate", "ddp").stdout.strip()]
    small = [*SMALL, "--batch", "4", "--dtype", "fp32"]
    sft = ["train", "sft", "run", "--model", "base", "--lora", *small, "--out", "sft"]
    command = [*LAUNCH, *config, "-m", "i2a.cli", *sft]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("sft holds an adapter. Use it as hf:sft") == 1
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    result = json.loads((tmp_path / "sft/result.json").read_text())
    assert result["settings"]["processes"] == 2
    assert (result["settings"]["packing"], result["settings"]["trees_per_step"]) == ("tree", 2)
    assert result["first"]["loss"] == pytest.approx(alone(tmp_path), rel=1e-5)

    done = i2a("train", "dpo", "run", "--model", "sft", *SMALL, "--out", "dpo", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert result["adapter"]
    assert result["last"]["loss"] < result["first"]["loss"]
    assert result["last"]["rewards/margins"] > result["first"]["rewards/margins"]


def alone(folder: Path) -> float:
    """The loss that a single process begins with, on the same two trees."""
    from tests.training.trainings import train

    return float(
        train(
            "sft", folder / "run", folder / "base", folder / "alone", lora=True, batch=4, packing="tree", dtype="fp32"
        )["first"]["loss"]
    )
