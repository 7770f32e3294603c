"""`i2a evaluate` as it is typed: what it prints, what it refuses, with which exit code it ends."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest
import typer
from typer.testing import CliRunner

from i2a.cli.compare import compare
from i2a.cli.evaluate import evaluate
from i2a.errors import BadRequest, BudgetSpent, ConversationsFailed, UsageError
from i2a.testing import Request, ScriptedModel
from tests.fakes import install_plugins

SMALL = ("--cases", "3", "--turns", "2", "--quiet")

app = typer.Typer()
app.command()(evaluate)
app.command()(compare)


def i2a(*args: str | Path, raises: type[Exception] | None = None) -> Any:
    """The output of `i2a evaluate`; an expected error is raised, as the core wants it."""
    run = CliRunner()
    words = ["evaluate", *map(str, args)]
    if raises:
        with pytest.raises(raises) as caught:
            run.invoke(app, words, catch_exceptions=False)
        assert "\n" not in str(caught.value)
        return str(caught.value)
    return run.invoke(app, words, catch_exceptions=False)


def test_it_prints_table_audit_and_where_everything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = i2a("offline:generic", "told=offline:oracle", *SMALL, "--out", tmp_path / "run").stderr
    for piece in (
        "protocol aloe (score 1-5), offline simulator, live, 2 turns, judge offline",
        "told",
        "AVG",
        "3 cases from the benchmark of i2a",
        "simulator audit, 6 dialogues",
        "invent a fact",
        "inducer, asked 6 times",
        "scores.jsonl",
        "cost: $0.00",
    ):
        assert piece in said
    written = {file.name for file in (tmp_path / "run").iterdir()}
    assert {"trees.jsonl", "scores.jsonl", "summary.json", "curves.png", "curves.svg", "manifest.json"} <= written


def test_a_script_gets_json_with_the_summary(tmp_path: Path) -> None:
    result = json.loads(i2a("offline", *SMALL, "--out", tmp_path / "run", "--json").stdout)
    assert (result["failed"], result["left"], result["stopped"]) == (0, 0, None)
    assert result["summary"] == json.loads((tmp_path / "run/summary.json").read_text("utf-8"))


def test_settings_from_a_file_and_flags_go_together_and_flags_win(tmp_path: Path) -> None:
    lines = ['candidates = ["offline"]', "cases = 3", "turns = 9", 'judge = "offline"', 'out = "run"']
    (tmp_path / "eval.toml").write_text("\n".join(lines))
    result = json.loads(i2a("--config", tmp_path / "eval.toml", "--turns", "2", "--quiet", "--json").stdout)
    assert (result["summary"]["turns"], Path(result["folder"])) == (2, tmp_path / "run")


def test_rejudge_and_replay_take_a_run(tmp_path: Path) -> None:
    i2a("offline", *SMALL, "--out", tmp_path / "run")
    judged = json.loads(
        i2a("--rejudge", tmp_path / "run", "--protocol", "strict", "--out", tmp_path / "b", "--json").stdout
    )
    assert judged["summary"]["protocol"] == "strict"
    replayed = json.loads(
        i2a("offline:parrot", "--replay", tmp_path / "run", "--quiet", "--out", tmp_path / "c", "--json").stdout
    )
    assert (replayed["summary"]["mode"], replayed["summary"]["turns"]) == ("replay", 2)


def test_a_spent_budget_ends_it_and_says_how_much_is_left(tmp_path: Path) -> None:
    limits = ("--max-tokens", "8000", "--concurrency", "1")
    assert "the budget of 8,000 tokens is spent" in i2a(
        "offline", *SMALL, *limits, "--out", tmp_path / "run", raises=BudgetSpent
    )
    assert not (tmp_path / "run/summary.json").exists()


class Refusing(ScriptedModel):
    """A kind of model that answers nobody."""

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        def refuse(request: Request) -> str:
            raise BadRequest(f"{name} is not served")

        return cls(refuse)


def test_failed_dialogues_end_it_with_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugins(tmp_path, monkeypatch, "models", refusing="tests.i2a.cli.test_evaluate:Refusing")
    nobody = "refusing:x"
    said = i2a(nobody, "offline", *SMALL, "--out", tmp_path / "run", raises=ConversationsFailed)
    assert said.startswith("3 dialogues failed, most often because: x is not served")
    assert "--retry-failed" in said
    assert json.loads((tmp_path / "run/summary.json").read_text("utf-8"))["failed"] == {nobody: 3, "offline": 0}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["offline"], "--out is required: Folder that the evaluation is written to, e.g. --out runs/eval"),
        (["--out", "run"], "name at least one candidate"),
        (["gpt-4o", "--out", "run"], "'gpt-4o' is not a model"),
        (["offline", "--out", "run", "--protocol", "rlpa"], "there is no protocol 'rlpa'; there are: aloe, strict"),
        (["offline", "--out", "run", "--turns", "0"], "--turns"),
        (["offline", "--out", "run", "--profiles", "x.jsonl"], "--profiles and --personalities go together"),
        (["offline", "--out", "run", "--replay", "x", "--user", "offline"], "leave out --user"),
        (["offline", "--out", "run", "--rejudge", "x"], "leave out CANDIDATE"),
        (["--out", "run", "--rejudge", "nowhere"], "nowhere holds no run"),
        (["run.toml", "--out", "run"], "pass a file of settings with --config: --config run.toml"),
        (["offline", "--out", "run", "--config", "nowhere.toml"], "nowhere.toml: there is no such file"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in i2a(*args, "--quiet", raises=UsageError)
    assert not (tmp_path / "run").exists()
