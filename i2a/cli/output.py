"""What commands have in common on their way out: a progress bar, and how a run ends that had failures."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from i2a.errors import ConversationsFailed, I2AError

if TYPE_CHECKING:
    from rich.progress import Progress


def progress_bar() -> "Progress":
    """A bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def end(folder: Path, stopped: I2AError | None, failures: Counter[str], what: str) -> None:
    """Raise the error that gives the exit code, if a run stopped early or if some of `what` it holds failed."""
    if stopped:
        raise stopped
    if failures:
        ((reason, _),) = failures.most_common(1)
        raise ConversationsFailed(
            f"{failures.total()} {what} failed, most often because: {reason}; all reasons are in "
            f"{folder}/failures.jsonl; --retry-failed redoes them"
        )
