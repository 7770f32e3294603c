"""Rows as tokens, in an Arrow file that trainers read from disk: no corpus is too large for memory.

The columns are those that TRL's trainers take, and the tree that a row comes from; the rows of a tree stand together.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from i2a.files import atomic_write
from i2a.models.local.template import ChatTemplate

Row = dict[str, Any]
TOKENS = pa.list_(pa.int32())
CHUNK = 256


@dataclass
class Written:
    """What became of the rows: how many there are, with how many tokens, and what had to be left out or shortened."""

    rows: int = 0
    tokens: int = 0
    shortened: int = 0
    turns_dropped: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def notes(self, max_length: int) -> list[str]:
        """What somebody who trains on the rows ought to know, in sentences."""
        notes = [f"{count:,} {reason}" for reason, count in self.left_out.items() if count]
        if self.shortened:
            notes.append(
                f"{self.shortened:,} rows are longer than {max_length:,} tokens: "
                f"their {self.turns_dropped:,} oldest turns were dropped"
            )
        return notes


@dataclass(frozen=True)
class Encoding:
    """How a row becomes tokens: its columns of replies, the columns of the table, and what fills these."""

    replies: tuple[str, ...]
    columns: tuple[str, ...]
    fill: Callable[[list[list[int]], int], dict[str, list[int]]]


def _one_reply(ids: list[list[int]], start: int) -> dict[str, list[int]]:
    return {"input_ids": ids[0], "labels": [-100] * start + ids[0][start:]}


def _two_replies(ids: list[list[int]], start: int) -> dict[str, list[int]]:
    chosen, rejected = ids
    return {"prompt_ids": chosen[:start], "chosen_ids": chosen[start:], "rejected_ids": rejected[start:]}


SFT_ROWS = Encoding(("completion",), ("input_ids", "labels"), _one_reply)
DPO_ROWS = Encoding(("chosen", "rejected"), ("prompt_ids", "chosen_ids", "rejected_ids"), _two_replies)


def write_table(
    file: Path, rows: Iterable[Row], encoding: Encoding, template: ChatTemplate, max_length: int
) -> Written:
    """Write the rows as tokens. Raises `UsageError` if the template cannot render one, `OSError` for a full disk."""
    written = Written()
    schema = pa.schema([("tree", pa.string()), *((name, TOKENS) for name in encoding.columns)])
    chunk: list[Row] = []
    with atomic_write(file) as target, pa.ipc.new_stream(target, schema) as writer:
        for row in rows:
            if encoded := _encode(row, encoding, template, max_length, written):
                chunk.append(encoded)
            if len(chunk) == CHUNK:
                writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema))
                chunk.clear()
        writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema))
    return written


def _encode(row: Row, encoding: Encoding, template: ChatTemplate, max_length: int, written: Written) -> Row | None:
    """The tokens of a row, or None, which is counted, if not even its last turn fits."""
    fitted = template.fit(row["prompt"], [row[name][0]["content"] for name in encoding.replies], max_length)
    if fitted is None:
        written.left_out[f"rows whose last turn alone is longer than {max_length:,} tokens"] += 1
        return None
    ids = [tokens.ids for tokens in fitted.tokens]
    written.rows += 1
    written.tokens += sum(map(len, ids))
    written.shortened += fitted.dropped > 0
    written.turns_dropped += fitted.dropped
    return {"tree": row["tree"], **encoding.fill(ids, fitted.tokens[0].start)}
