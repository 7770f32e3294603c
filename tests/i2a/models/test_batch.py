"""Batches as a run writes them down, and what they cost."""

from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.models.batch import Batch, BatchLog, half
from i2a.models.model import Price


def test_what_was_handed_in_is_read_again(tmp_path: Path) -> None:
    log = BatchLog(tmp_path / "batches.jsonl")
    first, second = Batch("openai:x", "file-0", ["a", "b"]), Batch("openai:x", "file-1", ["c"])
    log.handed_in(first)
    log.handed_in(second)
    log.handed_in(Batch("openai:y", "file-2", ["d"]))
    first.id = "batch_0"
    log.started(first)
    assert BatchLog(tmp_path / "batches.jsonl").read("openai:x") == [first, second]


def test_half_a_price_is_half_of_all_that_is_known() -> None:
    assert half(Price(2.0, 8.0, 0.5)) == Price(1.0, 4.0, 0.25, None)
    assert half(None) is None


def test_a_line_that_is_no_batch_is_named(tmp_path: Path) -> None:
    (tmp_path / "batches.jsonl").write_text('{"file": "f", "batch": "b"}\n', "utf-8")
    with pytest.raises(UsageError, match=r"batches\.jsonl:1: no batch"):
        BatchLog(tmp_path / "batches.jsonl").read("openai:x")
