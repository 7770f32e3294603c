"""An output folder that belongs to one run and, at a time, to one process. Knows nothing of what else is in it.

manifest.json    what the run is; resuming another one is refused
lock             of the process that writes
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from filelock import FileLock, Timeout

from i2a.errors import UsageError
from i2a.files import atomic_write, temp_path

OURS = {"lock", temp_path(Path("manifest.json")).name}


class Folder:
    """Subclasses state the `format` of the manifest, `what` the folder holds, and the command that `starts` one.

    Use `open` to write, the constructor to read.
    """

    format: ClassVar[str]
    what: ClassVar[str]
    starts: ClassVar[str]
    formerly: ClassVar[frozenset[str]] = frozenset()  # what only version 0.1 had in its fingerprints

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_file = path / "manifest.json"

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, fingerprint: Mapping[str, Any], metadata: Mapping[str, Any], *, resume: bool
    ) -> Iterator[Self]:
        """The folder, locked. `fingerprint` must equal that of what it holds; `metadata` is only written down.

        Raises `UsageError`: another process works there, the folder holds something else, or it holds this already and
        `resume` is not set.
        """
        folder = cls(path)
        folder._refuse_other_files()
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

    def _resolve(self, fingerprint: Mapping[str, Any], metadata: Mapping[str, Any], *, resume: bool) -> None:
        """Write the manifest of a new run, or check that it is this one that is resumed."""
        if self.manifest_file.exists():
            if not resume:
                raise UsageError(
                    f"{self.path} already holds a {self.what}; add --resume to go on with it, or choose another --out"
                )
            stored = {name: value for name, value in self.manifest()["identity"].items() if name not in self.formerly}
            if difference := _difference(stored, json.loads(json.dumps(fingerprint))):
                raise UsageError(f"{self.path} holds another {self.what}: {difference}; choose another --out")
        else:
            manifest = json.dumps({"format": self.format, "identity": fingerprint, **metadata}, indent=2)
            with atomic_write(self.manifest_file) as file:
                file.write(manifest.encode() + b"\n")

    def add_notes(self, notes: Sequence[str]) -> None:
        """Write down in the manifest what came out while the run went on."""
        manifest = self.manifest()
        known = manifest.setdefault("notes", [])
        if new := [note for note in notes if note not in known]:
            manifest["notes"] = [*known, *new]
            with atomic_write(self.manifest_file) as file:
                file.write(json.dumps(manifest, indent=2).encode() + b"\n")

    def manifest(self) -> dict[str, Any]:
        """Raises `UsageError` if the folder holds nothing of this kind."""
        try:
            manifest = json.loads(self.manifest_file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(
                f"{self.path} holds no {self.what}; `{self.starts} --out {self.path}` would start one"
            ) from None
        except ValueError as error:
            raise UsageError(f"{self.manifest_file}: not a manifest: {error}") from None
        if not isinstance(manifest, dict) or manifest.get("format") != self.format or "identity" not in manifest:
            raise UsageError(f"{self.manifest_file}: not a manifest of format {self.format}")
        return manifest


def _difference(stored: Any, new: Any, name: str = "") -> str:
    """The first difference between two fingerprints, in words; empty if there is none."""
    if isinstance(stored, dict) and isinstance(new, dict):
        for key in [*stored, *(key for key in new if key not in stored)]:
            if difference := _difference(stored.get(key), new.get(key), f"{name}.{key}".lstrip(".")):
                return difference
        return ""
    return "" if stored == new else f"{name} was {stored!r} and now is {new!r}"
