"""Files of one JSON value a line: the one reader and the one writer.

A process that is killed while it writes leaves a last line without an end. It is no line: readers pass over it, and
`repair` takes it away before a file is written to again.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from i2a.errors import UsageError

BLANK = b" \t\r\n"


class Line(NamedTuple):
    """A line that is whole, without its end: its `number` from 1, the byte where it starts, and the text."""

    number: int
    start: int
    text: bytes


def lines(file: Path) -> Iterator[Line]:
    """The lines of `file` that hold something, one at a time; none if there is no such file.

    A byte-order mark, blank lines and the ends of lines that Windows writes are passed over, and so is a last line
    without an end unless it is JSON as it stands: an editor leaves that, a process that was killed does not.
    """
    if not file.exists():
        return
    start = 0
    with file.open("rb") as source:
        for number, line in enumerate(source, 1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip(BLANK) and (line.endswith(b"\n") or _is_json(text)):
                yield Line(number, start + len(line) - len(text), text.strip(BLANK))
            start += len(line)


def read(file: Path) -> Iterator[tuple[int, Any]]:
    """The number and the value of each line. Raises `UsageError` that names the first line that is not JSON."""
    for number, _, text in lines(file):
        try:
            yield number, json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{file}:{number}: not JSON: {error}") from None


def append(file: Path, line: str) -> None:
    """Write `line` at the end of `file`, whole or not at all. Raises `UsageError` if the disk is full."""
    size = file.stat().st_size if file.exists() else 0
    try:
        with file.open("ab") as target:
            target.write(line.encode() + b"\n")
    except OSError as error:
        with suppress(OSError):
            os.truncate(file, size)
        raise UsageError(f"cannot write {file} ({error.strerror}); free some space, then go on with --resume") from None


def repair(file: Path) -> None:
    """Take away a last line that was torn, and give a whole one its end."""
    if not file.exists():
        return
    with file.open("rb+") as source:
        whole, last = 0, b""
        for last in source:
            whole += len(last)
        if last and not last.endswith(b"\n"):
            if _is_json(last):
                source.write(b"\n")
            else:
                source.truncate(whole - len(last))


def dumps(value: Mapping[str, Any]) -> str:
    """One line; text stays readable."""
    return json.dumps(value, ensure_ascii=False)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
