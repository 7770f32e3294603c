"""What the README shows is what happens. See also tests/docs/test_pages.py, which reads it as it does all documents."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_pages import CHECKOUT, blocks, commands
from tests.end_to_end.conftest import i2a

README = CHECKOUT / "README.md"
FIRST = "i2a simulate --conversations 4 --turns 3 --seed 1 --out runs/first"


def test_the_first_conversation_is_the_one_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "112")
    assert FIRST in commands(README)
    i2a(*shlex.split(FIRST)[1:], "--quiet", cwd=tmp_path)
    printed = i2a("show", "runs/first", cwd=tmp_path).stdout.splitlines()
    shown = next(code for _, code in blocks(README) if "inducer knew:" in code).splitlines()
    assert {line for line in shown if "[...]" not in line} <= {line.rstrip() for line in printed}


def test_the_program_runs(tmp_path: Path) -> None:
    program = next(code for language, code in blocks(README) if language == "python" and "simulate(" in code)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "|" in done.stdout
    assert (tmp_path / "runs/python/trees.jsonl").exists()


def test_the_extras_are_those_of_the_project() -> None:
    from importlib.metadata import metadata

    ours = set(metadata("interact-to-align").get_all("Provides-Extra") or ()) - {"dev", "docs"}
    assert set(re.findall(r"^\| `(\w+)` \| \+", README.read_text("utf-8"), re.MULTILINE)) == ours


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README.read_text("utf-8")
