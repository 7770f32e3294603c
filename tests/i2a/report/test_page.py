"""The page holds what the runs hold, and runs no foreign text."""

import json
import re
from pathlib import Path

import pytest

from i2a.cli.report import report
from i2a.cli.settings import ReportOptions
from i2a.errors import UsageError
from i2a.report.page import courses, interval, tables
from i2a.report.runs import Run
from tests.evaluation.invented import GENERIC, ORACLE, TUNED, conditions, drifting, scores
from tests.evaluation.test_summary import summary
from tests.i2a.report.folders import run


def test_a_run_that_was_killed_while_it_wrote_a_tree_can_be_reported(tmp_path: Path) -> None:
    corpus = run(tmp_path / "corpus", {"models": {"user": "offline"}})
    persona = {"id": "p+t", "profile": "P.", "personality": "T."}
    whole = json.dumps({"format": "i2a.tree/1", "id": "aloe-0", "persona": persona, "nodes": []})
    (corpus / "trees.jsonl").write_text(whole + '\n{"format":"i2a.tree/1","id":"aloe-1","sc', "utf-8")
    out = tmp_path / "report.html"
    report.function(ReportOptions(runs=[corpus], out=out), False)
    assert 'id="explorer"' in out.read_text("utf-8")


def test_a_report_without_trees_has_no_explorer_and_is_not_overwritten(tmp_path: Path) -> None:
    trained = run(tmp_path / "sft", {"note": "<b>bold</b> & more"}, log_jsonl='{"step": 1, "loss": 2.5}\n')
    out = tmp_path / "report.html"
    report.function(ReportOptions(runs=[trained], out=out), False)
    text = out.read_text("utf-8")
    assert 'id="explorer"' not in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in text
    assert not re.search(r'(src|href)="(?!data:)', text)
    with pytest.raises(UsageError, match="exists already"):
        report.function(ReportOptions(runs=[trained], out=out), False)


def test_each_judge_has_a_best_control_of_its_own(tmp_path: Path) -> None:
    found = summary(list(scores(judges=("a", "b"))), conditions(("a", "b")), controls=[GENERIC]).as_json()
    found["other_judges"]["b"]["best_control"]["candidate"] = TUNED
    both = Run("run", tmp_path, "evaluation", {}, found, ())
    assert [(judge, control) for judge, control, _ in tables(both)] == [("a", GENERIC), ("b", TUNED)]


def test_a_number_is_told_with_its_ends_if_it_has_any() -> None:
    assert interval([0.1, 0.25], 1, percent=True) == "10.0 to 25.0%"
    assert interval(None, 2) == ""
    assert interval([-0.0004, 0.1], 3) == "0.000 to 0.100", "a minus would say that it fell"


def test_a_page_shows_what_was_measured_around_a_change(tmp_path: Path) -> None:
    found = Run("run", tmp_path, "evaluation", {}, drifting().as_json(), ())
    ((judge, course, rows),) = courses(found)
    assert (judge, course.name, [name for name, _ in rows]) == ("judge", "drift", [GENERIC, TUNED, ORACLE])
    assert all(len(cells) == len(course.measures) for _, cells in rows)
    plain = Run("run", tmp_path, "evaluation", {}, summary().as_json(), ())
    assert list(courses(plain)) == []
