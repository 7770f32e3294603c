"""Other people's collections of personas as input: text, JSONL and Parquet, streamed, one text in memory at a time.

Collections are downloads with errors in them; an error names the file and the line or row. Parquet needs pyarrow.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from i2a.errors import UsageError
from i2a.records import first_line, open_parquet
from i2a.trees.persona import clean

if TYPE_CHECKING:
    from pyarrow import DataType
    from pyarrow.parquet import ParquetFile

# A longer line is no text; it is not read on, so that a file without line breaks does not fill the memory.
MAX_LINE = 1 << 20
FORMATS = ".txt, .jsonl (either also as .gz) or .parquet"


def read_texts(path: Path, column: str | None = None) -> Iterator[str]:
    """The texts of a collection in their order, cleaned; blank ones are left out, and so are missing ones.

    `.txt`: one to a line. `.jsonl`: a string to a line, or an object with the text under `column`. `.parquet`: the
    column `column`. Without `column`, records must have exactly one column of text, apart from ids.
    Raises `UsageError` with file and line or row: unreadable, broken, or no such column, with those that there are.
    """
    texts: Iterator[str]
    match _format(path):
        case ".txt" if column is not None:
            raise UsageError(f"{path}: a text file has no columns; leave out the column {column!r}")
        case ".txt":
            texts = (text for _, text in _lines(path))
        case ".parquet":
            texts = _parquet(path, column)
        case _:
            texts = _jsonl(path, column)
    for text in texts:
        if text := clean(text):
            yield text


def columns(path: Path) -> list[str]:
    """The columns with text of the first record, or none where records are strings. Raises as `read_texts` does."""
    match _format(path):
        case ".txt":
            return []
        case ".parquet":
            return _text_columns(open_parquet(path))
        case _:
            first = next((value for _, value in _records(path)), "")
            return [name for name, value in first.items() if isinstance(value, str)] if isinstance(first, dict) else []


def json_values(line: str) -> Iterator[object]:
    """The JSON values of one line, one after the other: published files can hold two. `ValueError` at what is none."""
    decoder, at = json.JSONDecoder(strict=False), 0
    while at < len(line):
        try:
            value, at = decoder.raw_decode(line, at)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        yield value
        while at < len(line) and line[at].isspace():
            at += 1


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    ending = "".join(suffixes[-2:-1] if packed else suffixes[-1:])
    if ending in (".txt", ".jsonl") or (ending == ".parquet" and not packed):
        return ending
    raise UsageError(f"{path}: not a collection that can be read; give {FORMATS}")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines with something in them, each with its number from 1."""
    number = 0
    try:
        with _opened(path) as file:
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                if len(raw) > MAX_LINE:
                    raise UsageError(f"{path}:{number} is longer than {MAX_LINE:,} bytes; give one text to a line")
                line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
                if text := line.decode().strip():
                    yield number, text
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}:{number} is not UTF-8 at byte {error.start + 1}; save the file as UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"{path}: damaged after line {number} ({error}); download it again") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; give {FORMATS}") from None


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def _records(path: Path) -> Iterator[tuple[int, object]]:
    """The JSON values of each line, with its number."""
    for number, line in _lines(path):
        try:
            for value in json_values(line):
                yield number, value
        except ValueError:
            raise UsageError(f"{path}:{number} is not JSON; give a string or an object to a line") from None


def _jsonl(path: Path, column: str | None) -> Iterator[str]:
    for number, value in _records(path):
        where = f"{path}:{number}"
        if isinstance(value, dict):
            value = value[_column(value, column, where)]
        if not isinstance(value, str | None):
            raise UsageError(f"{where} holds {_named(value)} where a text should be")
        yield value or ""


def _column(record: Mapping[str, object], wanted: str | None, where: str) -> str:
    """The name of the column with the text."""
    there = f"the columns there are: {', '.join(map(repr, record)) or 'none'}"
    if wanted is not None:
        if wanted not in record:
            raise UsageError(f"{where} has no column {wanted!r}; {there}")
        return wanted
    texts = [name for name, value in record.items() if isinstance(value, str) and not _is_id(name)]
    if len(texts) != 1:
        found = f"{len(texts)} columns of text" if texts else "no column of text"
        raise UsageError(f"{where} has {found}; name the one to read; {there}")
    return texts[0]


def _is_id(name: str) -> bool:
    return name.lower() in ("id", "uuid", "key") or name.lower().endswith(("_id", "-id"))


def _named(value: object) -> str:
    return {bool: "true or false", dict: "an object", list: "an array"}.get(type(value), "a number")


def _parquet(path: Path, column: str | None) -> Iterator[str]:
    """One row group after the other, and of that some rows at a time: row groups can be large."""
    file = open_parquet(path)
    name = _column(dict.fromkeys(file.schema_arrow.names) | dict.fromkeys(_text_columns(file), ""), column, str(path))
    row = 0
    try:
        for batch in file.iter_batches(batch_size=1024, columns=[name]):
            for value in batch.column(0).to_pylist():
                row += 1
                if not isinstance(value, str | None):
                    raise UsageError(f"{path}, row {row} holds {_named(value)} in {name!r} where a text should be")
                yield value or ""
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: damaged after row {row} ({first_line(error)}); download it again") from None


def _text_columns(file: "ParquetFile") -> list[str]:
    import pyarrow.types as types

    def is_text(type: "DataType") -> bool:
        if types.is_dictionary(type):
            type = type.value_type
        return bool(types.is_string(type) or types.is_large_string(type))

    return [field.name for field in file.schema_arrow if is_text(field.type)]
