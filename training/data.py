"""The rows of a corpus as tokens: an Arrow file that trainers read from disk, so no corpus is too large for memory.

The columns are those that TRL's trainers take, and the tree that a row comes from; the rows of a tree stand together.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self

import datasets
import pyarrow as pa

from i2a.files import atomic_write
from i2a.jsonl import JsonMapping
from i2a.models.local.template import ChatTemplate
from i2a.runs.training_folder import TrainingFolder
from training.corpus import Corpus
from training.leaks import Part
from training.packing.dataset import PackedRows

TOKENS = pa.list_(pa.int32())
CHUNK = 256
# A conversation with more makes several trees. All of a tree is in memory at once, and one of ten turns has some 2,000.
LARGEST_TREE = 8192

# (rows of the corpus, folder for a cache) -> further rows to train on.
MoreRows = Callable[[int, Path], Iterable[JsonMapping]]


@dataclass(frozen=True)
class Columns:
    """How a row becomes tokens: its columns of `replies`, the `names` of the columns of tokens, and what fills these,
    given the tokens of the prompt with each reply and where the replies begin."""

    replies: tuple[str, ...]
    names: tuple[str, ...]
    fill: Callable[[list[list[int]], int], dict[str, list[int]]]


def _one_reply(ids: list[list[int]], start: int) -> dict[str, list[int]]:
    return {"input_ids": ids[0], "labels": [-100] * start + ids[0][start:]}


def _two_replies(ids: list[list[int]], start: int) -> dict[str, list[int]]:
    chosen, rejected = ids
    return {"prompt_ids": chosen[:start], "chosen_ids": chosen[start:], "rejected_ids": rejected[start:]}


SFT_COLUMNS = Columns(("completion",), ("input_ids", "labels"), _one_reply)
DPO_COLUMNS = Columns(("chosen", "rejected"), ("prompt_ids", "chosen_ids", "rejected_ids"), _two_replies)


@dataclass
class TokenizeStats:
    """What became of the rows: how many there are, with how many tokens, and what had to be left out or shortened."""

    rows: int = 0
    tokens: int = 0
    shortened: int = 0
    turns_dropped: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def warnings(self, max_length: int) -> list[str]:
        """What users of the rows should know, in sentences."""
        warnings = [f"{count:,} {reason}" for reason, count in self.left_out.items() if count]
        if self.shortened:
            warnings.append(
                f"rows longer than {max_length:,} tokens, {self.shortened:,} in all, lost their oldest turns: "
                f"{self.turns_dropped:,} of them"
            )
        return warnings


@dataclass(frozen=True)
class TokenizedData:
    """`train` and `validation` (None without) are `datasets.Dataset`s of tokens, or `PackedRows` of them if trees are
    packed. `rows`: those of `train`. `warnings`: what was left out, shortened or rendered in another way."""

    train: datasets.Dataset | PackedRows
    validation: datasets.Dataset | PackedRows | None
    rows: int
    warnings: tuple[str, ...]

    @classmethod
    def read(
        cls, folder: TrainingFolder, stats: Mapping[Part, TokenizeStats], warnings: tuple[str, ...], *, packs: bool
    ) -> Self:
        """What `tokenize` has written."""
        parts: dict[Part, datasets.Dataset | PackedRows] = {
            part: datasets.Dataset.from_file(str(folder.rows_file(part))) for part, found in stats.items() if found.rows
        }
        if packs:
            parts = {part: PackedRows(rows, max_tokens=LARGEST_TREE) for part, rows in parts.items()}
        return cls(parts["train"], parts.get("validation"), stats["train"].rows, warnings)


def tokenize(
    folder: TrainingFolder,
    corpus: Corpus,
    columns: Columns,
    template: ChatTemplate,
    max_length: int,
    more: MoreRows | None = None,
) -> dict[Part, TokenizeStats]:
    """Write the rows of each part of the corpus into the folder; `more` are added to those to train on.

    Raises `UsageError` if the template cannot render a row, `OSError` for a full disk.
    """
    stats: dict[Part, TokenizeStats] = {}
    for part, share in corpus.shares.items():
        with tempfile.TemporaryDirectory(dir=folder.path, prefix=".mix") as cache:
            added = more(share.rows, Path(cache)) if more and part == "train" else ()
            rows = chain(corpus.rows(part), added)
            stats[part] = write_tokens(folder.rows_file(part), rows, columns, template, max_length)
    return stats


def write_tokens(
    file: Path, rows: Iterable[JsonMapping], columns: Columns, template: ChatTemplate, max_length: int
) -> TokenizeStats:
    """Write the rows as tokens. Raises as `tokenize` does."""
    stats = TokenizeStats()
    schema = pa.schema([("tree", pa.string()), *((name, TOKENS) for name in columns.names)])
    chunk: list[JsonMapping] = []
    with atomic_write(file) as target, pa.ipc.new_stream(target, schema) as writer:
        for row in rows:
            if encoded := _encode(row, columns, template, max_length, stats):
                chunk.append(encoded)
            if len(chunk) == CHUNK:
                writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema))
                chunk.clear()
        writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema))
    return stats


def _encode(
    row: JsonMapping, columns: Columns, template: ChatTemplate, max_length: int, stats: TokenizeStats
) -> JsonMapping | None:
    """The tokens of a row, or None, which is counted, if not even its last turn fits."""
    fitted = template.fit(row["prompt"], [row[name][0]["content"] for name in columns.replies], max_length)
    if fitted is None:
        stats.left_out[f"rows whose last turn alone is longer than {max_length:,} tokens"] += 1
        return None
    ids = [tokens.ids for tokens in fitted.tokens]
    stats.rows += 1
    stats.tokens += sum(map(len, ids))
    stats.shortened += fitted.dropped > 0
    stats.turns_dropped += fitted.dropped
    return {"tree": row["tree"], **columns.fill(ids, fitted.tokens[0].start)}
