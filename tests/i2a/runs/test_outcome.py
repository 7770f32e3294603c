"""How a run ended, in one form for every command."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from i2a.errors import BudgetSpent, ConversationsFailed
from i2a.models.model import Completion, Price
from i2a.models.usage import UsageTracker
from i2a.runs.outcome import RunResult, as_dict, print_result
from i2a.trees.summary import Summary


def result(**changed: Any) -> RunResult:
    usage = UsageTracker({"m": Price(1.0, 1.0)})
    usage.add("user", "m", Completion("Hello.", "stop", 500_000, 500_000))
    fields: dict[str, Any] = {
        "summary": Summary(trees=3, utterances=12),
        "failures": {},
        "left": 0,
        "stopped": None,
    } | changed
    return RunResult(folder=Path("runs/a"), unit="conversations", usage=usage, **fields)


def printed(result: RunResult) -> str:
    console = Console(file=io.StringIO(), width=160)
    print_result(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


FAILED = {"t-1": {"reason": "too long"}, "t-2": {"reason": "busy"}, "t-3": {"reason": "too long"}}


def test_a_complete_run_says_what_there_is_what_it_cost_and_what_comes_next() -> None:
    text = printed(result())
    assert "3 trees with 12 utterances in runs/a/trees.jsonl" in text
    assert "cost: $1.00" in text
    assert "Look at one:  i2a show runs/a" in text
    result().raise_for_status()


def test_what_is_left_goes_on_with_resume() -> None:
    stopped = result(left=2, stopped=BudgetSpent("the budget of $1 is spent"))
    assert "2 conversations left; the same command with --resume continues" in printed(stopped)
    assert not stopped.complete
    with pytest.raises(BudgetSpent):
        stopped.raise_for_status()


def test_failures_are_counted_and_the_most_frequent_reason_is_named() -> None:
    failed = result(failures=FAILED)
    assert (failed.failed, failed.reasons) == (3, {"too long": 2, "busy": 1})
    with pytest.raises(
        ConversationsFailed, match=r"3 conversations failed, most often because: too long.*--retry-failed"
    ):
        failed.raise_for_status()


def test_as_json_an_unknown_cost_is_null() -> None:
    unknown = result(failures=FAILED)
    unknown.usage.usage["judge", "n"].calls = 1
    values = as_dict(unknown)
    assert values["cost"] is None
    assert (values["folder"], values["failed"], values["left"], values["stopped"]) == ("runs/a", 3, 0, None)
    assert values["roles"]["user"]["calls"] == 1


def test_what_was_cut_and_what_was_estimated_is_said() -> None:
    found = result(summary=Summary(trees=3, utterances=12, cut=1, overran=2, unclear=3))
    found.usage.add("user", "m", Completion("Hello.", "stop", 1, 1, estimated=True))
    text = printed(found)
    assert "cut at their limit of tokens: 1" in text
    assert "ran past their end, and are cut there: 2" in text
    assert "hold what may be a thought or a special token: 3" in text
    assert "cost: ~$1.00 (tokens of 1 call estimated)" in text
    assert as_dict(found)["roles"]["user"]["estimated"] == 1
    assert as_dict(found)["summary"]["cut"] == 1
