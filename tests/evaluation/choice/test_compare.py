"""Runs of the protocol `choice` side by side."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from evaluation.choice.compare import compare_choices
from evaluation.choice.run import choose
from evaluation.choice.settings import Choosing
from i2a.cli.compare import compare
from i2a.errors import UsageError
from tests.evaluation.choice.parts import LLM, Likely, by_letter, items
from tests.evaluation.choice.test_run import perfect, remembers


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    items().write(tmp_path / "items.jsonl")
    models = {"one": by_letter(perfect), "other": Likely(remembers)}
    folders = []
    for name, model in models.items():
        folders.append(tmp_path / name)
        text = f"it={LLM}" if name == "one" else f"it=last:{LLM}"
        config = Choosing(out=folders[-1], candidates=[text], items=tmp_path / "items.jsonl", quiet=True)
        choose(config, clients={"it": model})
    return folders


def test_candidates_of_two_runs_stand_side_by_side(runs: list[Path]) -> None:
    found = compare_choices(runs).as_json()
    rows = found["strata"]["all"]
    assert list(rows) == ["it [one]", "it [other]", "word overlap", "length"]
    assert (rows["it [one]"]["accuracy"]["value"], rows["it [other]"]["accuracy"]["value"]) == (100, 50)
    assert rows["it [other]"]["minus_baseline"]["accuracy"]["value"] == -50
    assert found["methods"] == {"it [one]": "letters", "it [other]": "logprobs"}


def test_a_comparison_has_the_numbers_of_the_runs(runs: list[Path]) -> None:
    alone = json.loads((runs[0] / "summary.json").read_text("utf-8"))["strata"]
    together = json.loads(json.dumps(compare_choices(runs).as_json()["strata"]))
    for stratum in ("hard", "all"):
        assert together[stratum]["it [one]"] == alone[stratum]["it"]
        assert together[stratum]["length"]["accuracy"] == alone[stratum]["length"]["accuracy"]


def test_the_command_prints_them(runs: list[Path]) -> None:
    app = typer.Typer()
    app.command()(compare)
    done = CliRunner().invoke(app, [str(run) for run in runs], catch_exceptions=False)
    assert "it [other]" in done.stdout
    assert "hard items" in done.stdout


def test_runs_on_other_items_are_refused(runs: list[Path], tmp_path: Path) -> None:
    items(profiles=3).write(tmp_path / "others.jsonl")
    config = Choosing(out=tmp_path / "third", candidates=["offline"], items=tmp_path / "others.jsonl", quiet=True)
    choose(config)
    with pytest.raises(UsageError, match=r"cannot be compared: items\."):
        compare_choices([*runs, tmp_path / "third"])
    with pytest.raises(UsageError, match="holds no complete run"):
        compare_choices([*runs, tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="named twice"):
        compare_choices([runs[0], runs[0].parent / "one" / ".." / "one"])
