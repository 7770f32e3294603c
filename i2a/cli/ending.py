"""How a command ends whose run may have stopped early, or have failures in it."""

from collections import Counter
from pathlib import Path

from i2a.errors import ConversationsFailed, I2AError


def end(folder: Path, stopped: I2AError | None, failures: Counter[str], what: str) -> None:
    """Raise what the exit code follows from, if a run stopped early or if some of `what` it holds failed."""
    if stopped:
        raise stopped
    if failures:
        ((reason, _),) = failures.most_common(1)
        raise ConversationsFailed(
            f"{failures.total()} {what} failed, most often so: {reason}; all reasons are in {folder}/failures.jsonl; "
            "--retry-failed redoes them"
        )
