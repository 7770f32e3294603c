"""The records of other people's files: CSV, JSON, JSON lines (each also as .gz), Parquet, or a folder of these.

One record at a time, each with its place. What cannot be read is a record with a `problem`, so that its reader can name
all of them; a file that cannot be read at all raises. Knows nothing of what the records are about.
"""

import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from i2a import jsonl
from i2a.errors import UsageError
from i2a.extras import needs

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

ENDINGS = ".jsonl, .json, .csv, .tsv (each also as .gz), .parquet, or a folder of these"
MAX_CELL = 1 << 27  # bytes; Python's own limit for a field of CSV is 128 kB


class Record(NamedTuple):
    """A value of a file, with the number of its line, or of its row in Parquet, from 1. With a `problem`, no value."""

    file: str
    number: int
    value: object
    problem: str = ""
    in_rows: bool = False

    @property
    def short(self) -> str:
        """Its place in the file: `line 3`."""
        return f"{'row' if self.in_rows else 'line'} {self.number:,}"

    @property
    def place(self) -> str:
        return f"{self.file}, row {self.number}" if self.in_rows else f"{self.file}:{self.number}"


def read(path: Path) -> Iterator[Record]:
    """The records of a file, or of all files of a folder by their names. Raises `UsageError` for an unreadable file."""
    files = files_of(path)
    for file in files:
        yield from _read_file(file, str(file))


def files_of(path: Path) -> list[Path]:
    """The files that a path stands for. Raises `UsageError`."""
    if not path.is_dir():
        return [path]
    shown = (file for file in path.rglob("*") if not any(part.startswith(".") for part in file.relative_to(path).parts))
    known = sorted(file for file in shown if file.is_file() and ending(file) in READERS)
    # A clone of a dataset has descriptions in JSON beside its data.
    data = [file for file in known if ending(file) != ".json"] or known
    if not data:
        raise UsageError(f"{path}: a folder without a file that can be read; give {ENDINGS}")
    return data


def ending(path: Path) -> str:
    """What is in a file, as its name says, however it is packed: `.csv` for `people.csv.gz`."""
    name = path.name.lower().removesuffix(".gz")
    return f".{name.rpartition('.')[2]}" if "." in name else ""


def of_lines(lines: Iterable[bytes], file: str) -> Iterator[Record]:
    """The records of JSON lines, one to a line. A torn last line is a problem as any other."""
    for number, _, text in jsonl.split(jsonl.refuse_foreign(lines, file), torn=True):
        yield _parsed(text, file, number)


def _parsed(text: bytes, file: str, number: int) -> Record:
    try:
        return Record(file, number, json.loads(text.decode(), strict=False))
    except UnicodeDecodeError as error:
        return Record(file, number, None, f"not UTF-8 at byte {error.start + 1}")
    except json.JSONDecodeError as error:
        return Record(file, number, None, f"not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError):
        return Record(file, number, None, "not JSON that can be read: a number too long, or nested too deeply")


def _read_file(path: Path, file: str) -> Iterator[Record]:
    kind = ending(path)
    if kind not in READERS:
        raise UsageError(f"{path}: not a file that can be read; give {ENDINGS}")
    if kind == ".parquet":
        yield from _parquet(path, file)
        return
    try:
        with ExitStack() as stack:
            source: IO[bytes] = stack.enter_context(path.open("rb"))
            if path.suffix.lower() == ".gz":
                source = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=source)))
            yield from READERS[kind](source, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"{path}: damaged ({error}); download it again") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; give {ENDINGS}") from None


def _json_lines(source: IO[bytes], file: str) -> Iterator[Record]:
    """A file that begins with a lone bracket is one array, whatever its name says."""
    start = source.readline()
    source.seek(0)
    yield from _array(source, file) if start.strip() == b"[" else of_lines(source, file)


def _array(source: IO[bytes], file: str) -> Iterator[Record]:
    """The items of a JSON array, or values one after the other. Holds the text, and one value."""
    raw = source.read().removeprefix(jsonl.BOM)
    next(jsonl.refuse_foreign([raw[:16]], file), None)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        yield Record(file, raw.count(b"\n", 0, error.start) + 1, None, f"not UTF-8 at byte {error.start + 1}")
        return
    decoder, blank = json.JSONDecoder(strict=False), " \t\r\n"
    at = len(text) - len(text.lstrip(blank))
    listed = text[at : at + 1] == "["
    at += listed
    line, counted = 1, 0
    while True:
        while at < len(text) and text[at] in (blank + "," if listed else blank):
            at += 1
        if at >= len(text) or (listed and text[at] == "]"):
            if listed and at >= len(text):
                yield Record(file, line, None, "not JSON: the array does not end; the file is cut off")
            return
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield Record(file, line, None, f"not JSON: {str(error).partition(':')[0]}")
            following = text.find("\n", at)
            if listed or following < 0:  # where the next item begins cannot be told
                return
            at = following
            continue
        yield Record(file, line, value)


def _table(source: IO[bytes], file: str, delimiter: str = ",") -> Iterator[Record]:
    """A record for each line below the names; an empty cell is a missing value."""
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for number, raw in enumerate(jsonl.refuse_foreign(source, file), 1):
            yield (raw.removeprefix(jsonl.BOM) if number == 1 else raw).decode()

    csv.field_size_limit(MAX_CELL)
    rows = csv.reader(texts(), delimiter=delimiter, strict=True)
    names: list[str] = []
    while True:
        first = number + 1
        try:
            cells = next(rows, None)
        except UnicodeDecodeError as error:
            yield Record(file, number, None, f"not UTF-8 at byte {error.start + 1}; save the file as UTF-8")
            return
        except csv.Error as error:
            yield Record(file, first, None, f"not CSV: {error}")
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if not names:
            names = [name.strip() for name in cells]
            if len(set(names)) < len(names):
                raise UsageError(f"{file}:1 names a column twice; rename one of: {', '.join(names)}")
        elif len(cells) != len(names):
            yield Record(file, first, None, f"{len(cells)} cells for {len(names)} columns")
        else:
            there = {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()}
            yield Record(file, first, there)


def _tabs(source: IO[bytes], file: str) -> Iterator[Record]:
    return _table(source, file, "\t")


def _parquet(path: Path, file: str) -> Iterator[Record]:
    """Some rows at a time: row groups can be large. Missing values are left out."""
    opened = open_parquet(path)
    row = 0
    try:
        for batch in opened.iter_batches(batch_size=256):
            for value in batch.to_pylist():
                row += 1
                yield Record(file, row, _without_missing(value), in_rows=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: damaged after row {row} ({first_line(error)}); download it again") from None


def _without_missing(value: object) -> object:
    """Parquet gives every row, also of objects in lists, all columns. What JSON lacks, such as dates, is text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, dict | list | str | int | float | None):
        return str(value)
    if isinstance(value, dict):
        return {name: _without_missing(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_without_missing(part) for part in value]
    return value


def open_parquet(path: Path) -> "ParquetFile":
    """Raises `UsageError` for what is no Parquet, and without pyarrow."""
    with needs("personas", f"{path}: Parquet"):
        import pyarrow.parquet as parquet
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are both
        raise UsageError(f"{path}: cannot be read as Parquet: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")[:200]


def _no_reader(source: IO[bytes], file: str) -> Iterator[Record]:
    raise UsageError(f"{file}: Parquet is read from a file")


READERS: dict[str, Callable[[IO[bytes], str], Iterator[Record]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _array,
    ".csv": _table,
    ".tsv": _tabs,
    ".parquet": _no_reader,
}
