"""The report tells what the runs hold, and refuses what is no run."""

import json
import re
from pathlib import Path

import pytest

from i2a.cli.report import report
from i2a.errors import UsageError
from i2a.report.charts import training
from i2a.report.page import interval
from i2a.report.runs import Run


def run(folder: Path, identity: dict[str, object], **files: str) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"format": "x", "identity": identity}), "utf-8")
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")
    return folder


def test_runs_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    corpus = run(tmp_path / "corpus", {"models": {"user": "openai:x", "judge": "offline"}})
    trained = run(tmp_path / "sft", {"stage": "sft"}, log_jsonl='{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    assert (Run.read(corpus).kind, Run.read(corpus).simulated) == ("simulation", True)
    assert (Run.read(trained).kind, Run.read(trained).simulated) == ("training", False)
    assert Run.read(trained).log == ({"step": 1, "loss": 2.5},)  # the last line is being written


def test_a_run_that_was_killed_while_it_wrote_a_tree_can_be_reported(tmp_path: Path) -> None:
    corpus = run(tmp_path / "corpus", {"models": {"user": "offline"}})
    persona = {"id": "p+t", "profile": "P.", "personality": "T."}
    whole = json.dumps({"format": "i2a.tree/1", "id": "aloe-0", "persona": persona, "nodes": []})
    (corpus / "trees.jsonl").write_text(whole + '\n{"format":"i2a.tree/1","id":"aloe-1","sc', "utf-8")
    out = tmp_path / "report.html"
    report([corpus], out, "A title", None, False)
    assert 'id="explorer"' in out.read_text("utf-8")


def test_what_was_run_is_told_name_by_name(tmp_path: Path) -> None:
    found = Run.read(run(tmp_path / "a", {"seed": 3, "personas": {"files": ["p", "q"]}, "none": None}))
    assert list(found.facts) == [("seed", "3"), ("personas files", "p, q")]


def test_a_folder_without_a_run_and_an_unfinished_evaluation_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere holds no run"):
        Run.read(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="not complete; the same command with --resume"):
        Run.read(run(tmp_path / "eval", {"protocol": "aloe"}))


def test_a_report_without_trees_has_no_explorer_and_is_not_overwritten(tmp_path: Path) -> None:
    trained = run(tmp_path / "sft", {"note": "<b>bold</b> & more"}, log_jsonl='{"step": 1, "loss": 2.5}\n')
    out = tmp_path / "report.html"
    report([trained], out, "A title", None, False)
    text = out.read_text("utf-8")
    assert 'id="explorer"' not in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in text
    assert not re.search(r'(src|href)="(?!data:)', text)
    with pytest.raises(UsageError, match="exists already"):
        report([trained], out, "A title", None, False)


def test_a_training_is_drawn_from_what_it_logged_and_only_from_that() -> None:
    drawn = training([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "rewards/margins": 0.1}], "dpo")
    assert drawn is not None
    assert drawn.startswith("data:image/svg+xml;base64,")
    assert training([{"step": 1, "epoch": 0.5}], "dpo") is None


def test_a_number_is_told_with_its_ends_if_it_has_any() -> None:
    assert interval([0.1, 0.25], 1, percent=True) == "10.0 to 25.0%"
    assert interval(None, 2) == ""
    assert interval([-0.0004, 0.1], 3) == "0.000 to 0.100", "a minus would say that it fell"
