"""Writes trees in another format, with one conversation in memory at a time. What a format is: `i2a.trees.formats`."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO

from i2a import jsonl
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.trees.formats import Exported, Format
from i2a.trees.tree import Tree

BATCH = 1000


def export(trees: Iterable[Tree], made_by: Format, done: Exported, out: Path, *, source: Path) -> None:
    """Write what the format makes of the trees to `out`, and count in `done`. `source`: the file they come from.

    `out` is Parquet if its name ends with `.parquet`, else JSON lines. Raises `UsageError`; then nothing is written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(out) as target:
            rows = _rows(trees, made_by, done)
            _write_parquet(rows, target) if out.suffix == ".parquet" else _write_lines(rows, target)
            if not done.rows:
                why = "; ".join(done.left_out_in_words) or "no tree is finished"
                raise UsageError(f"{source}: nothing to write in format {done.format}: {why}")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None


def _rows(trees: Iterable[Tree], made_by: Format, done: Exported) -> Iterator[Mapping[str, object]]:
    """The rows of the trees, counted in `done`."""
    unfit, example = 0, ""
    for tree in trees:
        done.trees += 1
        try:
            made = made_by.rows(tree, **done.options)
        except UsageError as problem:
            unfit, example = unfit + 1, example or str(problem)
            continue
        yield from made.rows
        done.rows += len(made.rows)
        done.written.update(made.written)
        done.left_out.update(made.left_out)
    if unfit:
        done.left_out[f"trees of another shape ({example})"] = unfit


def _write_lines(rows: Iterable[Mapping[str, object]], target: IO[bytes]) -> None:
    for row in rows:
        target.write(jsonl.dumps(row).encode() + b"\n")


def _write_parquet(rows: Iterator[Mapping[str, object]], target: IO[bytes]) -> None:
    """The columns are those of the first rows. Holds one batch."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'i2a[train]', or write JSONL") from None
    if not (batch := list(islice(rows, BATCH))):
        return
    schema = pa.Table.from_pylist(batch).schema
    with parquet.ParquetWriter(target, schema) as writer:
        while batch:
            writer.write_table(pa.Table.from_pylist(batch, schema))
            batch = list(islice(rows, BATCH))
