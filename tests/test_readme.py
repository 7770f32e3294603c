"""What the README shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.template import write

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_program_runs(tmp_path: Path) -> None:
    program = next(block for block in BLOCKS if "simulate(" in block)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "|" in done.stdout
    assert (tmp_path / "runs/python/trees.jsonl").exists()


def test_the_scenario_is_the_one_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write("interview").read_text("utf-8") in BLOCKS


def test_every_file_it_names_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README
