"""How far something is that takes long: a bar in a terminal, else a line now and then."""

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE = 10.0  # seconds between two lines


class ProgressBar(Progress):
    """The bar: what is done, how much of how much (or `percent`), the time it took and has left, and `more` columns.

    Where `console` is no terminal it is not drawn, and `line` prints instead; if `quiet`, neither is shown.
    """

    def __init__(self, console: Console, *more: str, percent: bool = False, quiet: bool = False) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn() if percent else MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            *(TextColumn(text) for text in more),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._prints = not quiet and not console.is_terminal
        self._last_line = time.monotonic()

    def line(self, text: str) -> None:
        """Print `text` where there is no bar, unless the last line is not ten seconds old."""
        now = time.monotonic()
        if self._prints and now - self._last_line >= LINE:
            self._last_line = now
            self.console.print(Text(text))
