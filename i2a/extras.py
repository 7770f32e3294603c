"""One line for a missing package of an extra: what to install, e.g. `pip install 'i2a[train]'`."""

from collections.abc import Iterator
from contextlib import contextmanager

from i2a.errors import UsageError

OURS = ("i2a", "agents", "scenarios", "training", "evaluation")


@contextmanager
def needs(extra: str | None) -> Iterator[None]:
    """Turns a missing package into a `UsageError` that says what to install; None: the error is raised as it is."""
    try:
        yield
    except ModuleNotFoundError as error:
        if extra is None or (error.name or "").partition(".")[0] in ("", *OURS):
            raise
        raise UsageError(f"this needs the package {error.name}: pip install 'i2a[{extra}]'") from None
