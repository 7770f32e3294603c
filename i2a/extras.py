"""The name under which i2a is installed, and one line for a missing package of an extra: what to install."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from i2a.errors import UsageError

DISTRIBUTION = "interact-to-align"  # the project `i2a` on the package index is somebody else's
OURS = ("i2a", "agents", "scenarios", "training", "evaluation")


def our_version() -> str:
    """The version of i2a that is installed."""
    return version(DISTRIBUTION)


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


@contextmanager
def needs(extra: str | None, what: str = "this") -> Iterator[None]:
    """Turns a missing package into a `UsageError` that says what to install; None: the error is raised as it is.

    `what` needs it, in the words of the error.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if extra is None or package in ("", *OURS):
            raise
        raise UsageError(f"{what} needs the package {package}: {install(extra)}") from None
