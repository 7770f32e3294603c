"""Files that are written completely or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def temp_path(file: Path) -> Path:
    """The file that `atomic_write` writes to; a killed process leaves it behind."""
    return file.with_name(f".{file.name}.part")


@contextmanager
def atomic_write(file: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which replaces `file` at the end. On an error `file` stays as it was. Raises `OSError`."""
    part = temp_path(file)
    try:
        with part.open("wb") as target:
            yield target
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
