"""The runs that a view shows: folders given by name, and those that lie in them.

A request names a run by its key, which is looked up and never made into a path. What leads out of the given folders,
such as a link, is not there.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.report.runs import Kind, kind_of, manifest_of
from i2a.runs.simulated import is_simulated
from i2a.trees.index import TreeIndex

DEEP = 4  # folders below a given one in which runs are looked for
MOST = 2000  # runs


@dataclass
class ShownRun:
    """A run under its key; `inside` is the given folder that it may not be left."""

    key: str
    path: Path
    inside: Path
    kind: Kind
    manifest: JsonMapping
    _index: TreeIndex | None = None
    _lock: Lock = field(default_factory=Lock)

    def file(self, name: str) -> Path | None:
        """A file of the run; None if there is none, or if it leads out of the folder."""
        file = self.path / name
        if not file.is_file() or not file.resolve().is_relative_to(self.inside):
            return None
        return file

    @property
    def index(self) -> TreeIndex | None:
        """The index of its trees, opened once there are any."""
        with self._lock:
            if self._index is None and (file := self.file("trees.jsonl")):
                self._index = TreeIndex(file)
            return self._index

    def changed(self) -> float:
        """When something was last written, in seconds of the epoch."""
        names = ("manifest.json", "trees.jsonl", "journal.sqlite", "log.jsonl", "failures.jsonl", "journal.sqlite-wal")
        found = [file.stat() for name in names if (file := self.file(name))]
        return max((stat.st_mtime for stat in found if stat.st_size), default=0.0)  # to read makes an empty -wal

    def as_json(self) -> JsonObject:
        return {
            "run": self.key,
            "kind": self.kind,
            "changed": self.changed(),
            "simulated": is_simulated(self.manifest),
            "bytes": file.stat().st_size if (file := self.file("trees.jsonl")) else 0,
        }

    def close(self) -> None:
        if self._index is not None:
            self._index.close()


class Shelf:
    """The runs in some folders, by key. Raises `UsageError` if there are none."""

    def __init__(self, roots: list[Path]) -> None:
        for root in roots:
            if not root.is_dir():
                raise UsageError(
                    f"{root}: there is no such folder; name folders that i2a wrote, or one that holds them"
                )
        self._roots = [root.resolve() for root in roots]
        self._runs: dict[str, ShownRun] = {}
        self._lock = Lock()
        self.refresh()
        if not self._runs:
            raise UsageError(f"{roots[0]} holds no run; `i2a simulate --out {roots[0] / 'first'}` makes one")

    def refresh(self) -> list[ShownRun]:
        """All runs, those that were begun since then too; what was last written comes first."""
        with self._lock:
            self._look()
            return sorted(self._runs.values(), key=lambda run: -run.changed())

    def _look(self) -> None:
        """Take in the runs that are new, and drop those that are gone."""
        for root in self._roots:
            for path in _folders(root):
                key = "/".join([root.name, *path.relative_to(root).parts])
                known = self._runs.get(key)
                if known and known.path != path:  # two given folders of one name
                    key = f"{path}"
                    known = self._runs.get(key)
                if known is None and len(self._runs) < MOST and (made := _read(key, path, root)):
                    self._runs[key] = made
        gone = [key for key, run in self._runs.items() if not run.file("manifest.json")]
        for key in gone:
            self._runs.pop(key).close()

    def run(self, key: str) -> ShownRun | None:
        return self._runs.get(key)

    def close(self) -> None:
        for run in self._runs.values():
            run.close()


def _folders(root: Path) -> list[Path]:
    """Folders with a manifest, no link among them."""
    found = []
    for path, names, files in os.walk(root, followlinks=False):
        here = Path(path)
        depth = len(here.relative_to(root).parts)
        names[:] = sorted(name for name in names if depth < DEEP and not name.startswith(".") and name != "checkpoints")
        names[:] = [name for name in names if not (here / name).is_symlink()]
        if "manifest.json" in files and not (here / "manifest.json").is_symlink():
            found.append(here)
    return found


def _read(key: str, path: Path, root: Path) -> ShownRun | None:
    try:
        manifest = manifest_of(path)
    except UsageError:  # somebody else's manifest
        return None
    return ShownRun(key, path, root, kind_of(path, manifest), manifest) if "identity" in manifest else None
