"""The folder of a run: manifest, journal, finished trees and failures. One process at a time writes to it.

manifest.json    what the run is; resume refuses to go on with anything else
journal.sqlite   every paid answer
trees.jsonl      the finished trees, one line each; in drawing order once the run is complete
failures.jsonl   the conversations that failed, with reasons
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.runs.folder import Folder
from i2a.runs.journal import Journal


class RunFolder(Folder):
    """The files of one run."""

    format, what, starts = "i2a.run/1", "run", "i2a simulate"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.trees_file = path / "trees.jsonl"
        self.failures_file = path / "failures.jsonl"

    def mend(self) -> None:
        for lines in (self.trees_file, self.failures_file):
            _drop_torn_line(lines)

    def journal(self) -> Journal:
        return Journal(self.path / "journal.sqlite")

    def finished(self) -> set[str]:
        """The ids of the finished trees."""
        return {_id(line) for line in _lines(self.trees_file)}

    def failures(self) -> dict[str, list[dict[str, Any]]]:
        """What went wrong with each conversation that failed, oldest first, whether or not it was redone later."""
        failures: dict[str, list[dict[str, Any]]] = {}
        for line in _lines(self.failures_file):
            try:
                failure = json.loads(line)
                failures.setdefault(failure["id"], []).append(failure)
            except (ValueError, KeyError, TypeError):
                raise UsageError(f"{self.failures_file} holds a line that is not a failure; move it away") from None
        return failures

    def append_tree(self, line: str) -> None:
        _append(self.trees_file, line)

    def append_failure(self, failure: Mapping[str, Any]) -> None:
        _append(self.failures_file, json.dumps(failure, ensure_ascii=False))

    def sort_trees(self, order: Callable[[str], int]) -> None:
        """Bring the finished trees into their order, so that the same run gives the same bytes. Holds one at a time."""
        places: list[tuple[int, int, int]] = []
        start = 0
        for line in _lines(self.trees_file):
            places.append((order(_id(line)), start, len(line)))
            start += len(line)
        if places == sorted(places):
            return
        with self.trees_file.open("rb") as source, atomic_write(self.trees_file) as target:
            for _, place, length in sorted(places):
                source.seek(place)
                target.write(source.read(length))


def _lines(file: Path) -> Iterator[bytes]:
    if file.exists():
        with file.open("rb") as lines:
            yield from lines


def _id(line: bytes) -> str:
    """The id of the tree in `line`, which stands near its start."""
    found = re.search(rb'"id":"([^"\\]+)"', line)
    if found is None:
        raise UsageError("trees.jsonl holds a line that is not a tree; move it away, then go on with --resume")
    return found[1].decode()


def _append(file: Path, line: str) -> None:
    size = file.stat().st_size if file.exists() else 0
    try:
        with file.open("ab") as target:
            target.write(line.encode() + b"\n")
    except OSError as error:
        with suppress(OSError):
            os.truncate(file, size)
        raise UsageError(f"cannot write {file} ({error.strerror}); free some space, then go on with --resume") from None


def _drop_torn_line(file: Path) -> None:
    """A process that was killed while it wrote leaves a line without an end."""
    if not file.exists():
        return
    with file.open("rb+") as lines:
        whole = 0
        for line in lines:
            if line.endswith(b"\n"):
                whole += len(line)
        lines.truncate(whole)
