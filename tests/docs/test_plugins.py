"""The page on plug-ins is what happens: its files are written, its commands typed, each plug-in found in three ways."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from evaluation.candidates import Candidate
from evaluation.judge import find_rater
from i2a.cli.main import app
from i2a.models.spec import ModelSpec
from i2a.personas.encoders import open_encoder
from i2a.plugins import find
from i2a.trees.formats import Format
from scenarios.rewards import find_reward
from scenarios.script import find as find_scenario
from tests.fakes import install_plugins

PAGE = (Path(__file__).parents[2] / "docs/plugins.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\w[^\n]*)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
RUN = [name for name, text in SECTIONS.items() if "```console" in text and "pytest" not in text]


def found_command(name: str) -> Any:
    found = typer.main.get_command(app).get_command(typer.Context(typer.main.get_command(app)), name)  # type: ignore[attr-defined]
    assert found is not None
    return found.help


# Group, file, object, and what is found under a name.
KINDS: list[tuple[str, str, str, Callable[[str], Any]]] = [
    ("scenarios", "interview", "interview", lambda name: find_scenario(name).about),
    ("models", "echo", "Echo", lambda name: ModelSpec.parse(name).load_kind().__name__),
    ("formats", "lines", "lines", lambda name: find("formats", name, Format).rows.__name__),
    ("protocols", "polite", "Polite", lambda name: find_rater(name).protocol),
    ("candidates", "curious", "Curious", lambda name: Candidate.parse(f"{name}:offline").role.__name__),
    ("rewards", "curiosity", "curiosity", lambda name: find_reward(name).about),
    ("encoders", "trigrams", "Trigrams", lambda name: open_encoder(name).name),
    ("commands", "longest", "longest", found_command),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page, where the commands are typed."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("section", RUN)
def test_the_commands_of_a_section_do_what_they_say(section: str, here: Path) -> None:
    for block in re.findall(r"```console\n(.*?)```", SECTIONS[section], re.DOTALL):
        for line in block.splitlines():
            program, *words = shlex.split(line)
            assert program == "i2a"
            assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    check: Callable[[Path], None] = globals()[f"{section.lower()}_worked"]
    check(here)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def scenario_worked(here: Path) -> None:
    for tree in lines_of(here / "runs/interviews/trees.jsonl"):
        assert [node["speaker"] for node in tree["nodes"]] == ["user", "interviewer"] * 2


def model_worked(here: Path) -> None:
    for tree in lines_of(here / "runs/echo/trees.jsonl"):
        loud = [node["content"] for node in tree["nodes"] if node["speaker"] == "preferred"]
        assert loud == [text.upper() for text in loud]
        assert len(loud) == 2


def format_worked(here: Path) -> None:
    rows = lines_of(here / "lines.jsonl")
    assert len(rows) == 4
    assert {row["speaker"] for row in rows} == {"user"}


def protocol_worked(here: Path) -> None:
    for run, judges in (("polite", 1), ("second", 1)):
        summary = json.loads((here / f"runs/{run}/summary.json").read_text("utf-8"))
        assert summary["protocol"] == "polite"
        assert summary["scale"] == {"label": "politeness 0-10", "lowest": 0, "highest": 10, "unit": 1.0}
        assert len(summary["judges"]) == judges
        assert {score["score"] for score in lines_of(here / f"runs/{run}/scores.jsonl")} <= set(range(11))
    assert (here / "report.html").stat().st_size > 10_000


def candidate_worked(here: Path) -> None:
    summary = json.loads((here / "runs/curious/summary.json").read_text("utf-8"))
    assert list(summary["candidates"]) == ["offline", "curious"]
    assert summary["models"]["curious"]["wrapper"] == "Curious"


def reward_worked(here: Path) -> None:
    nodes = [node for tree in lines_of(here / "runs/asked/trees.jsonl") for node in tree["nodes"]]
    replies = [node for node in nodes if node["speaker"] == "policy"]
    assert len(replies) == 2 * 2 * 4
    for reply in replies:
        terms = reply["notes"]["rewards"]
        assert reply["notes"]["reward"] == terms["./curiosity.py"] - 0.1 * terms["length"]


def encoder_worked(here: Path) -> None:
    assert len(lines_of(here / "profiles.jsonl")) == 25


def command_worked(here: Path) -> None:
    done = CliRunner().invoke(app, ["./longest.py", "runs/few"])
    spoken = [n for tree in lines_of(here / "runs/few/trees.jsonl") for n in tree["nodes"] if n["speaker"] == "user"]
    assert done.stdout.strip() == max((node["content"] for node in spoken), key=len)


def test_every_kind_has_a_section_and_is_in_the_table() -> None:
    assert [name.lower() for name in RUN] == [group.removesuffix("s") for group, *_ in KINDS]
    for group, *_ in KINDS:
        assert f"`i2a.{group}`" in PAGE


@pytest.mark.parametrize(("group", "file", "name", "found"), KINDS, ids=[kind[0] for kind in KINDS])
def test_a_plug_in_of_every_kind_is_found_by_path_by_import_and_by_name(
    group: str, file: str, name: str, found: Callable[[str], Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = here / "their_package" / "inner"
    package.mkdir(parents=True)
    (package / f"{file}.py").write_text(FILES[f"{file}.py"], "utf-8")
    install_plugins(here, monkeypatch, group, theirs=f"their_package.inner.{file}:{name}")
    forms = (f"./{file}.py", f"./{file}.py:{name}", f"their_package.inner.{file}:{name}", "theirs")
    assert len({repr(found(form)) for form in forms}) == 1


def test_the_files_of_the_page_are_short_and_have_the_types_that_a_strict_checker_wants(here: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(here / "cache")]
    done = subprocess.run([*command, *FILES], capture_output=True, text=True, check=False, cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(len(text.splitlines()) for text in FILES.values()) <= 27


def test_the_test_of_a_plug_in_passes(here: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_interview.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
