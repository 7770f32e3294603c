"""What a run of the protocol `choice` looks like: a table, curves, and a section that stands first in a report."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from evaluation.choice.baselines import Shares
from evaluation.choice.numbers import summarise
from evaluation.choice.run import ChoiceRunResult
from i2a.cli.report import report
from i2a.cli.settings import ReportOptions
from i2a.jsonl import JsonMapping
from i2a.report.choice import choice_table, draw, explanations, tables_of
from tests.evaluation.choice.parts import Likely, chosen_by, items


@pytest.fixture
def result(tmp_path: Path) -> ChoiceRunResult:
    liked = {"Ha!": -1.0, "One": -2.0, "How": -3.0}
    return chosen_by(tmp_path, Likely(lambda messages, reply: liked.get(reply[:3], -2.0)), name="a & b")


def shown(summary: JsonMapping) -> str:
    console = Console(width=120, file=StringIO())
    console.print(choice_table(summary))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_table_shows_numbers_intervals_and_kinds_of_error(result: ChoiceRunResult) -> None:
    lines = [line.rstrip() for line in shown(result.written).splitlines()]
    row = next(place for place, line in enumerate(lines) if line.startswith("it "))
    assert lines[row].split() == ["it", "50.0", "-", "baseline", "50%", "0%", "0%"]
    assert "[50.0, 50.0]" in lines[row + 1]  # all hard items stand at one turn: no slope
    assert "- asked by it: logprobs" in lines


def test_the_numbers_on_disk_give_the_same_table(result: ChoiceRunResult) -> None:
    stored = json.loads((result.run.folder / "summary.json").read_text("utf-8"))
    assert shown(stored) == shown(result.written)


def test_the_same_choices_give_the_same_curves(result: ChoiceRunResult, tmp_path: Path) -> None:
    assert result.summary is not None
    drawn = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        draw(result.summary, tmp_path / name)
        drawn.append((tmp_path / name / "curves.svg").read_bytes())
    assert drawn[0] == drawn[1]
    assert b"word overlap" in drawn[0]


def test_in_a_report_it_stands_before_everything_else_and_holds_no_foreign_markup(
    result: ChoiceRunResult, tmp_path: Path
) -> None:
    assert result.summary is not None
    draw(result.summary, result.run.folder)
    report.function(ReportOptions(runs=[result.run.folder], out=tmp_path / "report.html"), False)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert text.index("Choice, without a judge: a &amp; b") < text.index(">Runs<") < text.index(">Conversations<")
    assert "24 items in all, in percent" in text
    assert "data:image/svg+xml" in text


def test_around_a_change_there_is_a_table_more_with_its_words() -> None:
    made = items(turns=(2, 3, 4))
    right: Shares = {"fits": 1.0, "facts": 0.0, "manner": 0.0, "generic": 0.0}
    choices = {(dialogue.case, item.turn): right for dialogue in made.dialogues for item in dialogue.items}
    conditions = {"items": {**made.described, "change": 4}, "seed": 0, "reference": None}
    found = summarise(made.dialogues, {"it": choices}, conditions, {"it": "letters"}, resamples=50).as_json()
    captions = [caption for _, tables in tables_of(found) for caption, _ in tables]
    assert sum("around the change at turn 4" in caption for caption in captions) == 2
    assert any(line.startswith("clings: ") for line in explanations(found))
    assert "lets" in shown(found)
