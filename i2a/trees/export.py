"""Writes trees in another format, with one conversation in memory at a time. What a format is: `i2a.trees.formats`."""

import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from typing import IO, cast

from i2a import jsonl
from i2a.errors import UsageError
from i2a.extras import needs
from i2a.files import atomic_write
from i2a.trees.formats import Exported, Format
from i2a.trees.tree import Tree

BATCH = 1000
STDOUT = Path("-")
Row = Mapping[str, object]


def export(trees: Iterable[Tree], made_by: Format, done: Exported, out: Path, *, source: Path) -> None:
    """Write what the format makes of the trees to `out`, and count in `done`. `source`: the file they come from.

    The name of `out` says in which form, see `form_of`; `-` is standard output. Raises `UsageError`; then nothing is
    written.
    """
    write = form_of(out, made_by, done.format)
    rows = _rows(trees, made_by, done)
    if out == STDOUT:
        first = list(islice(rows, 1))
        _refuse_nothing(done, source)
        write(chain(first, rows), sys.stdout.buffer)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            target: IO[bytes] = stack.enter_context(atomic_write(out))
            if out.suffix.lower() == ".gz":  # without name and time, so that the same rows give the same bytes
                target = cast(IO[bytes], stack.enter_context(gzip.GzipFile("", "wb", fileobj=target, mtime=0)))
            write(rows, target)
            _refuse_nothing(done, source)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None


def form_of(out: Path, made_by: Format, format: str) -> Callable[[Iterator[Row], IO[bytes]], None]:
    """What writes rows in the form that the name of `out` says: JSON lines where it says nothing.

    Raises `UsageError` for an ending that means something else, and for columns where the format has none.
    """
    compressed = out.suffix.lower() == ".gz"
    suffix = (out.with_suffix("") if compressed else out).suffix.lower()
    text = " (--format dialogue writes text)" if suffix in TEXTS else ""
    if suffix not in FORMS or (text and not made_by.text) or (compressed and suffix == ".parquet"):
        raise UsageError(
            f"{out}: rows are written as .jsonl, .json, .csv, each also with .gz, or as .parquet, and not as "
            f"{out.suffix}{text}; choose another --out"
        )
    if suffix in COLUMNS and not made_by.flat:
        raise UsageError(f"{out}: format {format} has no fixed columns, as {COLUMNS[suffix]} needs; write JSONL")
    return FORMS[suffix]


def _refuse_nothing(done: Exported, source: Path) -> None:
    if not done.rows:
        why = "; ".join(done.left_out_in_words) or "no tree is finished"
        raise UsageError(f"{source}: nothing to write in format {done.format}: {why}")


def _rows(trees: Iterable[Tree], made_by: Format, done: Exported) -> Iterator[Row]:
    """The rows of the trees, counted in `done`."""
    unfit, example = 0, ""
    for tree in trees:
        done.trees += 1
        try:
            made = made_by.rows(tree, **done.options)
        except UsageError as problem:
            unfit, example = unfit + 1, example or str(problem)
            continue
        done.rows += len(made.rows)
        done.written.update(made.written)
        done.left_out.update(made.left_out)
        yield from made.rows
    if unfit:
        done.left_out[f"trees of another shape ({example})"] = unfit


def _write_lines(rows: Iterator[Row], target: IO[bytes]) -> None:
    for row in rows:
        target.write(jsonl.dumps(row).encode() + b"\n")


def _write_array(rows: Iterator[Row], target: IO[bytes]) -> None:
    """One JSON value, a row a line."""
    before = b"[\n"
    for row in rows:
        target.write(before + jsonl.dumps(row).encode())
        before = b",\n"
    target.write(b"\n]\n")


def _write_csv(rows: Iterator[Row], target: IO[bytes]) -> None:
    """As RFC 4180 has it, with a line of names; what is no text and no number is JSON."""
    names: list[str] = []
    for row in rows:
        if not names:
            names = list(row)
            target.write(_csv_line(names))
        target.write(_csv_line([row[name] for name in names]))


def _csv_line(values: Iterable[object]) -> bytes:
    cells = [json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value for value in values]
    line = StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


def _write_parquet(rows: Iterator[Row], target: IO[bytes]) -> None:
    """The columns are those of the first rows. Holds one batch."""
    with needs("personas", "Parquet"):
        import pyarrow as pa
        import pyarrow.parquet as parquet
    if not (batch := list(islice(rows, BATCH))):
        return
    schema = pa.Table.from_pylist(batch).schema
    with parquet.ParquetWriter(target, schema) as writer:
        while batch:
            writer.write_table(pa.Table.from_pylist(batch, schema))
            batch = list(islice(rows, BATCH))


def _write_text(rows: Iterator[Row], target: IO[bytes]) -> None:
    """The texts, with two blank lines between them."""
    before = b""
    for row in rows:
        target.write(before + str(row["text"]).encode() + b"\n")
        before = b"\n\n"


TEXTS = (".txt", ".md")
COLUMNS = {".csv": "CSV", ".parquet": "Parquet"}
FORMS: Mapping[str, Callable[[Iterator[Row], IO[bytes]], None]] = {
    "": _write_lines,
    ".jsonl": _write_lines,
    ".ndjson": _write_lines,
    ".json": _write_array,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".txt": _write_text,
    ".md": _write_text,
}
