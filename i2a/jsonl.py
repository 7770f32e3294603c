"""JSON Lines, one JSON value per line: the one reader and the one writer.

A process that is killed while it writes leaves a torn last line. Readers skip it, and `repair` removes it before the
file is written to again. A last line that only lacks its newline is a line like any other.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from i2a.errors import UsageError

BLANK = b" \t\r\n\0"  # zeros are what a crash can leave where a file was to grow
BOM = b"\xef\xbb\xbf"
# How files begin that are no text of UTF-8, and what to do with them.
FOREIGN = {
    b"\x1f\x8b": "is compressed (gzip); unpack it with gunzip",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd); unpack it with unzstd",
    b"BZh": "is compressed (bzip2); unpack it with bunzip2",
    b"\xfd7zXZ": "is compressed (xz); unpack it with unxz",
    b"PK\x03\x04": "is a ZIP archive; unpack it",
    b"PAR1": "is Parquet; write it as JSON lines",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
    b"{\0": "is UTF-16; save it as UTF-8",
    b"\0{": "is UTF-16; save it as UTF-8",
}

# A JSON object as read from a file, or to be written to one. Whoever only reads takes the second.
JsonObject = dict[str, Any]
JsonMapping = Mapping[str, Any]

T = TypeVar("T")


class Line(NamedTuple):
    """A line without its newline: its `number` from 1, the byte where it starts, and the text."""

    number: int
    start: int
    text: bytes


def lines(file: Path, *, must_exist: bool = False) -> Iterator[Line]:
    """The lines of `file`, one at a time, without blank ones, a byte-order mark and a torn last line.

    A file that is not there has no lines, unless it `must_exist`. Raises `UsageError` if the file cannot be read.
    """
    try:
        source = file.open("rb")
    except FileNotFoundError:
        if not must_exist:
            return
        raise UsageError(f"{file}: cannot be read: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    with source:
        yield from split(refuse_foreign(source, str(file)))


def refuse_foreign(source: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The lines of a file. Raises `UsageError` where the first shows that they are none."""
    for number, line in enumerate(source, 1):
        if number == 1 and (what := next((what for start, what in FOREIGN.items() if line.startswith(start)), None)):
            raise UsageError(f"{name} {what}")
        yield line


def split(source: Iterable[bytes], *, torn: bool = False) -> Iterator[Line]:
    """The lines of an open file, or of anything that gives lines with their newlines, as `lines` gives them.

    With `torn` a torn last line comes too. That is for files that others made and sent: there it means a loss.
    """
    start = 0
    for number, line in enumerate(source, 1):
        text = line.removeprefix(BOM) if number == 1 else line
        if text.strip(BLANK) and (torn or line.endswith(b"\n") or _is_complete(text)):
            yield Line(number, start + len(line) - len(text), text.strip(BLANK))
        start += len(line)


def parse(file: Path, parse_line: Callable[[bytes], T], *, must_exist: bool = False) -> Iterator[T]:
    """What `parse_line` makes of each line. A `UsageError` that it raises gets the file and the line's number."""
    for number, _, text in lines(file, must_exist=must_exist):
        try:
            value = parse_line(text)
        except UsageError as error:
            raise UsageError(f"{file}:{number}: {error}") from None
        yield value


def read(file: Path, *, must_exist: bool = False) -> Iterator[tuple[int, Any]]:
    """The number and the value of each line. Raises `UsageError` that names the first line that is not JSON."""
    for number, _, text in lines(file, must_exist=must_exist):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{file}:{number}: not JSON: {error}") from None
        yield number, value


def is_torn(file: Path) -> bool:
    """Whether the last line is torn, so that readers skip it. What they refuse to read has no lines."""
    with file.open("rb") as source:
        if source.read(6).startswith(tuple(FOREIGN)):
            return False
        source.seek(max(0, source.seek(0, os.SEEK_END) - 1))
        if source.read() in (b"", b"\n"):
            return False
        source.seek(0)
        last = deque(source, maxlen=1).pop()
    return bool(last.strip(BLANK)) and not _is_complete(last)


def append(file: Path, line: str) -> None:
    """Append `line` to `file`, completely or not at all. Raises `UsageError` if the disk is full."""
    size = file.stat().st_size if file.exists() else 0
    try:
        with file.open("ab") as target:
            target.write(line.encode() + b"\n")
    except OSError as error:
        with suppress(OSError):
            os.truncate(file, size)
        raise UsageError(
            f"cannot write {file} ({error.strerror}); free some space, then continue with --resume"
        ) from None


def repair(file: Path) -> None:
    """Remove a torn last line; add the newline if that is all that is missing. Raises `UsageError`."""
    if not file.exists():
        return
    try:
        target = file.open("rb+")
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror}); make it a writable file") from None
    with target as source:
        whole, last = 0, b""
        for last in source:
            whole += len(last)
        if last and not last.endswith(b"\n"):
            if _is_complete(last):
                source.write(b"\n")
            else:
                source.truncate(whole - len(last))


def dumps(value: Mapping[str, object]) -> str:
    """`value` as one line, without the newline. Characters beyond ASCII stay as they are."""
    return json.dumps(value, ensure_ascii=False)


def differences(one: object, other: object, name: str = "") -> Iterator[tuple[str, object, object]]:
    """Where two JSON values differ: the place (`judge.model`), and the value of each, None where it has none."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            yield from differences(one.get(key), other.get(key), f"{name}.{key}".lstrip("."))
    elif one != other:
        yield name, one, other


def _is_complete(text: bytes) -> bool:
    """Whether a last line without a newline is all there. A number never is: more digits may follow."""
    try:
        value = json.loads(text.removeprefix(BOM).strip(BLANK))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, bool) or not isinstance(value, int | float)
