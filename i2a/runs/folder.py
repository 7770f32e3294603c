"""An output folder of one run, written by one process at a time. Knows only these two files:

manifest.json    what the run is; resuming another one is refused
lock             held by the process that writes
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self

from filelock import FileLock, Timeout

from i2a import jsonl
from i2a.errors import UsageError
from i2a.files import atomic_write, temp_path
from i2a.jsonl import JsonObject

PATIENCE = 0.2  # seconds; who only asks whether a folder is in use holds its lock for a moment
OURS = {"lock", temp_path(Path("manifest.json")).name}


def is_in_use(path: Path) -> bool:
    """Whether a process on this machine writes to a folder of ours."""
    lock = path / "lock"
    try:
        if lock.is_file():
            with FileLock(lock, blocking=False):
                return False
    except Timeout:
        return True
    except OSError:  # not ours to lock
        pass
    return False


class Folder:
    """Subclasses define the `format` of the manifest, `what` the folder contains, and the command that `starts` one.

    Use `open` to write, the constructor to read.
    """

    format: ClassVar[str]
    what: ClassVar[str]
    starts: ClassVar[str]
    formerly: ClassVar[frozenset[str]] = frozenset()  # keys that only fingerprints of version 0.1 have

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_file = path / "manifest.json"

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, fingerprint: Mapping[str, object], metadata: Mapping[str, object], *, resume: bool
    ) -> Iterator[Self]:
        """The folder, locked. If it exists, its fingerprint must equal `fingerprint`; `metadata` is only stored.

        Raises `UsageError`: another process writes to it, it contains something else, or it contains this run and
        `resume` is not set.
        """
        folder = cls(path)
        folder._refuse_other_files()
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / "lock", timeout=PATIENCE)
            lock.acquire(poll_interval=0.02)
        except Timeout:
            raise UsageError(
                f"{path}: another run is writing to this folder; wait for it or choose another --out"
            ) from None
        except OSError as error:
            raise UsageError(f"{path}: cannot write there ({error.strerror}); choose another --out") from None
        try:
            folder._resolve(fingerprint, metadata, resume=resume)
            folder.repair()
            yield folder
        finally:
            lock.release()

    def repair(self) -> None:
        """Remove what a killed process left half written."""

    def _refuse_other_files(self) -> None:
        if self.manifest_file.exists() or not self.path.is_dir():
            return
        if others := [file.name for file in self.path.iterdir() if file.name not in OURS]:
            raise UsageError(f"{self.path} is not empty and holds no {self.what} ({others[0]}); choose another --out")

    def _resolve(self, fingerprint: Mapping[str, object], metadata: Mapping[str, object], *, resume: bool) -> None:
        """Write the manifest of a new run, or check that an existing one is of this run."""
        if self.manifest_file.exists():
            if not resume:
                raise UsageError(
                    f"{self.path} already holds a {self.what}; add --resume to continue it, or choose another --out"
                )
            stored = {name: value for name, value in self.manifest()["identity"].items() if name not in self.formerly}
            for name, was, now in jsonl.differences(stored, json.loads(json.dumps(fingerprint))):
                what = f"{name} was {was!r} and now is {now!r}"
                raise UsageError(f"{self.path} holds another {self.what}: {what}; choose another --out")
        else:
            manifest = json.dumps({"format": self.format, "identity": fingerprint, **metadata}, indent=2)
            with atomic_write(self.manifest_file) as file:
                file.write(manifest.encode() + b"\n")

    def amend(self, values: Mapping[str, object]) -> None:
        """Put `values` into the manifest, beside what is there."""
        manifest = json.dumps({**self.manifest(), **values}, indent=2)
        with atomic_write(self.manifest_file) as file:
            file.write(manifest.encode() + b"\n")

    def add_notes(self, notes: Sequence[str]) -> None:
        """Record in the manifest what was found out during the run."""
        known = self.manifest().get("notes", [])
        if new := [note for note in notes if note not in known]:
            self.amend({"notes": [*known, *new]})

    def manifest(self) -> JsonObject:
        """Raises `UsageError` if the folder contains nothing of this kind."""
        try:
            manifest = json.loads(self.manifest_file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(
                f"{self.path} holds no {self.what}; `{self.starts} --out {self.path}` would start one"
            ) from None
        except OSError as error:
            raise UsageError(f"{self.manifest_file}: cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise UsageError(f"{self.manifest_file}: not a manifest: {error}") from None
        if not isinstance(manifest, dict) or manifest.get("format") != self.format or "identity" not in manifest:
            raise UsageError(f"{self.manifest_file}: not a manifest of format {self.format}")
        return manifest
