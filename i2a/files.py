"""Files that are there as a whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def temp_path(file: Path) -> Path:
    """Where `atomic_write` writes; a process that is killed leaves it behind."""
    return file.with_name(f".{file.name}.part")


@contextmanager
def atomic_write(file: Path) -> Iterator[IO[bytes]]:
    """Write to a file that is there as a whole in the end, or stays as it was. Raises `OSError`."""
    part = temp_path(file)
    try:
        with part.open("wb") as target:
            yield target
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
