"""What needs a package of an extra (`pip install 'i2a[train]'`) says so in one line where that is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from i2a.errors import UsageError

OURS = ("i2a", "agents", "scenarios", "training", "evaluation")


@contextmanager
def needs(extra: str | None) -> Iterator[None]:
    """Turns a missing package into a `UsageError` that says what to install; None: it stays what it is."""
    try:
        yield
    except ModuleNotFoundError as error:
        if extra is None or (error.name or "").partition(".")[0] in ("", *OURS):
            raise
        raise UsageError(f"this needs the package {error.name}: pip install 'i2a[{extra}]'") from None
