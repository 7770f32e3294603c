"""What the README and the other documents show is what happens."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from i2a.cli.main import app
from i2a.settings import load
from scenarios.settings import Simulation
from scenarios.template import write
from tests.end_to_end.conftest import i2a

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCUMENTS += sorted((CHECKOUT / "docs").glob("*.md"))
README = DOCUMENTS[0].read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
FIRST = "i2a simulate --conversations 4 --turns 3 --seed 1 --out runs/first"


def commands() -> list[str]:
    """The commands of `i2a` in the README, one line each."""
    text = "\n".join(code for language, code in BLOCKS if not language).replace("\\\n", " ")
    return [line.partition(" # ")[0].strip() for line in text.splitlines() if line.startswith("i2a ")]


@pytest.mark.parametrize("line", commands())
def test_a_command_has_these_flags(line: str) -> None:
    command: Any = typer.main.get_command(app)
    name, *words = shlex.split(line)
    context = command.make_context(name, words)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, words, parent=context)


def test_the_first_conversation_is_the_one_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "112")
    assert FIRST in commands()
    i2a(*shlex.split(FIRST)[1:], "--quiet", cwd=tmp_path)
    printed = i2a("show", "runs/first", cwd=tmp_path).stdout.splitlines()
    shown = next(code for _, code in BLOCKS if "inducer knew:" in code).splitlines()
    assert {line for line in shown if "[...]" not in line} <= {line.rstrip() for line in printed}


def test_the_settings_in_toml_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(next(code for language, code in BLOCKS if language == "toml"), encoding="utf-8")
    assert load(Simulation, file, {}).role_model == {"judge": "openai:gpt-4o-mini"}


def test_the_program_runs(tmp_path: Path) -> None:
    program = next(block for block in PYTHON if "simulate(" in block)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "|" in done.stdout
    assert (tmp_path / "runs/python/trees.jsonl").exists()


def test_the_scenario_is_the_one_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write("interview").read_text("utf-8") in PYTHON


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_file_and_heading_that_is_linked_exists(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text("utf-8")):
        file = document.parent / target if target else document
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_path_in_code_marks_exists(document: Path) -> None:
    rooms = "i2a|agents|scenarios|training|evaluation|examples|benchmarks|docs|tests"
    for path in re.findall(rf"`((?:{rooms})/[\w./]*)`", document.read_text("utf-8")):
        assert (CHECKOUT / path).exists(), path


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README
