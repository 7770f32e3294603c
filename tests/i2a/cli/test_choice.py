"""`i2a choice` and `i2a benchmark build` as they are typed: what they print, and what they refuse in one line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from i2a.cli.benchmark import build
from i2a.cli.choice import choice
from i2a.errors import UsageError
from tests.evaluation.choice.parts import stored

app = typer.Typer()
app.command()(choice)
app.command()(build)


def i2a(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def test_it_prints_both_strata_and_the_baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    said = i2a("choice", "it=offline:generic", "--items", stored(tmp_path), "--out", tmp_path / "run", "--quiet").stderr
    for piece in (
        "protocol choice (right of four replies, in percent; chance 25), items: LLM",
        "hard items, on which word overlap and length are wrong",
        "24 items in all",
        "word overlap",
        "length",
        "generic",
        "asked by it: letters",
        "choices.jsonl",
    ):
        assert piece in said
    written = {file.name for file in (tmp_path / "run").iterdir()}
    assert {"trees.jsonl", "choices.jsonl", "summary.json", "curves.png", "curves.svg", "manifest.json"} <= written


def test_a_script_gets_json_with_the_summary(tmp_path: Path) -> None:
    done = i2a("choice", "offline", "--items", stored(tmp_path), "--out", tmp_path / "run", "--json", "--quiet")
    result = json.loads(done.stdout)
    assert (result["failed"], result["left"], result["stopped"]) == (0, 0, None)
    assert result["summary"] == json.loads((tmp_path / "run/summary.json").read_text("utf-8"))


def test_a_build_says_how_many_items_there_are(tmp_path: Path) -> None:
    done = i2a("build", "--cases", "4", "--turns", "4", "--out", tmp_path / "items", "--quiet")
    assert "dialogue" in done.stderr
    assert str(tmp_path / "items/items.jsonl") in done.stderr.replace("\n", "")


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.jsonl: cannot be read: there is no such file"):
        i2a("choice", "offline", "--items", tmp_path / "nowhere.jsonl", "--out", tmp_path / "run")
    with pytest.raises(UsageError, match="--drafts"):
        i2a("build", "--drafts", "0", "--out", tmp_path / "items")
    assert not list(tmp_path.iterdir())
