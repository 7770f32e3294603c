"""An output folder that belongs to one piece of work and, at a time, to one process. Knows nothing of what is in it.

manifest.json    what the work is; going on with anything else is refused
lock             held by the process that writes
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from filelock import FileLock, Timeout

from i2a.errors import UsageError
from i2a.files import atomic_write, temp_path

OURS = {"lock", temp_path(Path("manifest.json")).name}


class Folder:
    """A kind of folder is a subclass: the `format` of its manifest, `what` it holds, and the command that `starts` one.

    Use `open` to write, the constructor to read.
    """

    format: ClassVar[str]
    what: ClassVar[str]
    starts: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_file = path / "manifest.json"

    @classmethod
    @contextmanager
    def open(cls, path: Path, identity: Mapping[str, Any], about: Mapping[str, Any], *, resume: bool) -> Iterator[Self]:
        """The folder, locked. `identity` must equal that of what it holds; `about` is only written down.

        Raises `UsageError`: another process works there, or it holds something already and that is another thing, or
        `resume` was not asked for.
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
            folder.mend()
            yield folder
        finally:
            lock.release()

    def mend(self) -> None:
        """Put right what a killed process left behind."""

    def _refuse_strangers(self) -> None:
        if self.manifest_file.exists() or not self.path.is_dir():
            return
        if strangers := [file.name for file in self.path.iterdir() if file.name not in OURS]:
            raise UsageError(
                f"{self.path} is not empty and holds no {self.what} ({strangers[0]}); choose another --out"
            )

    def _settle(self, identity: Mapping[str, Any], about: Mapping[str, Any], *, resume: bool) -> None:
        if self.manifest_file.exists():
            if not resume:
                raise UsageError(
                    f"{self.path} already holds a {self.what}; add --resume to go on with it, or choose another --out"
                )
            difference = _difference(self.manifest()["identity"], json.loads(json.dumps(identity)))
            if difference:
                raise UsageError(f"{self.path} holds another {self.what}: {difference}; choose another --out")
        else:
            manifest = json.dumps({"format": self.format, "identity": identity, **about}, indent=2)
            with atomic_write(self.manifest_file) as file:
                file.write(manifest.encode() + b"\n")

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


def _difference(stored: Any, given: Any, name: str = "") -> str:
    """The first difference between two manifests, in words; empty if there is none."""
    if isinstance(stored, dict) and isinstance(given, dict):
        for key in [*stored, *(key for key in given if key not in stored)]:
            if difference := _difference(stored.get(key), given.get(key), f"{name}.{key}".lstrip(".")):
                return difference
        return ""
    return "" if stored == given else f"{name} was {stored!r} and now is {given!r}"
