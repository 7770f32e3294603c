"""The runs of a report are read from their folders; what is no run is refused."""

from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.report.runs import Run
from tests.i2a.report.folders import run


def test_runs_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    corpus = run(tmp_path / "corpus", {"models": {"user": "openai:x", "judge": "offline"}})
    trained = run(tmp_path / "sft", {"stage": "sft"}, log_jsonl='{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    assert (Run.read(corpus).kind, Run.read(corpus).simulated) == ("simulation", True)
    assert (Run.read(trained).kind, Run.read(trained).simulated) == ("training", False)
    assert Run.read(trained).log == ({"step": 1, "loss": 2.5},)  # the last line is being written


def test_what_was_run_is_told_name_by_name(tmp_path: Path) -> None:
    found = Run.read(run(tmp_path / "a", {"seed": 3, "personas": {"files": ["p", "q"]}, "none": None}))
    assert list(found.facts) == [("seed", "3"), ("personas files", "p, q")]


def test_a_folder_without_a_run_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere holds no run"):
        Run.read(tmp_path / "nowhere")


def test_a_run_that_is_still_going_is_read_and_known_as_unfinished(tmp_path: Path) -> None:
    going = Run.read(run(tmp_path / "eval", {"protocol": "aloe"}))
    assert (going.kind, going.unfinished, going.summary) == ("evaluation", True, {})
    one = '{"format":"i2a.tree/1","id":"a"}\n'
    corpus = run(tmp_path / "corpus", {"personas": {"conversations": 2}}, trees_jsonl=one)
    assert Run.read(corpus).unfinished
    (corpus / "failures.jsonl").write_text('{"id": "b", "reason": "gone"}\n')
    assert not Run.read(corpus).unfinished
