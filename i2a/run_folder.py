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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from i2a.errors import UsageError
from i2a.files import part_of, whole
from i2a.journal import Journal

MANIFEST = "i2a.run/1"
OURS = {"lock", part_of(Path("manifest.json")).name}


class RunFolder:
    """The files of one run. Use `RunFolder.open` to write, the constructor to read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_file = path / "manifest.json"
        self.trees_file = path / "trees.jsonl"
        self.failures_file = path / "failures.jsonl"

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, identity: Mapping[str, Any], about: Mapping[str, Any], *, resume: bool
    ) -> Iterator["RunFolder"]:
        """The folder, locked. `identity` must equal that of the run it holds; `about` is only written down.

        Raises `UsageError`: another process works there, it holds a run already, or it holds another run.
        """
        folder = cls(path)
        folder._refuse_strangers()
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / "lock", blocking=False)
            lock.acquire()
        except Timeout:
            raise UsageError(
                f"{path}: another run is writing to this folder; wait for it or choose another --out"
            ) from None
        except OSError as error:
            raise UsageError(f"{path}: cannot write there ({error.strerror}); choose another --out") from None
        try:
            folder._settle(identity, about, resume=resume)
            yield folder
        finally:
            lock.release()

    def _refuse_strangers(self) -> None:
        if self.manifest_file.exists() or not self.path.is_dir():
            return
        if strangers := [file.name for file in self.path.iterdir() if file.name not in OURS]:
            raise UsageError(f"{self.path} is not empty and holds no run ({strangers[0]}); choose another --out")

    def _settle(self, identity: Mapping[str, Any], about: Mapping[str, Any], *, resume: bool) -> None:
        if self.manifest_file.exists():
            if not resume:
                raise UsageError(
                    f"{self.path} already holds a run; add --resume to go on with it, or choose another --out"
                )
            difference = _difference(self.manifest()["identity"], json.loads(json.dumps(identity)))
            if difference:
                raise UsageError(f"{self.path} holds another run: {difference}; choose another --out")
        else:
            manifest = json.dumps({"format": MANIFEST, "identity": identity, **about}, indent=2)
            with whole(self.manifest_file) as file:
                file.write(manifest.encode() + b"\n")
        for lines in (self.trees_file, self.failures_file):
            _drop_torn_line(lines)

    def manifest(self) -> dict[str, Any]:
        """Raises `UsageError` if the folder holds no run."""
        try:
            manifest = json.loads(self.manifest_file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(f"{self.path} holds no run; `i2a simulate --out {self.path}` would start one") from None
        except ValueError as error:
            raise UsageError(f"{self.manifest_file}: not a manifest: {error}") from None
        if not isinstance(manifest, dict) or manifest.get("format") != MANIFEST or "identity" not in manifest:
            raise UsageError(f"{self.manifest_file}: not a manifest of format {MANIFEST}")
        return manifest

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
        with self.trees_file.open("rb") as source, whole(self.trees_file) as target:
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


def _difference(stored: Any, given: Any, name: str = "") -> str:
    """The first difference between two manifests, in words; empty if there is none."""
    if isinstance(stored, dict) and isinstance(given, dict):
        for key in [*stored, *(key for key in given if key not in stored)]:
            if difference := _difference(stored.get(key), given.get(key), f"{name}.{key}".lstrip(".")):
                return difference
        return ""
    return "" if stored == given else f"{name} was {stored!r} and now is {given!r}"
