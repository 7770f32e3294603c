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
from rich.table import Column
from rich.text import Text

LINE = 10.0  # seconds between two lines
LATELY = 180.0  # seconds whose speed the time that is left is estimated from


class ProgressBar(Progress):
    """The bar: what is done, how much of how much (or `percent`), the time it took and has left, and `more` columns.

    Where `console` cannot redraw (a file, a notebook, TERM=dumb) it is not drawn, and `line` prints instead; if
    `quiet`, neither is shown.
    """

    def __init__(self, console: Console, *more: str, percent: bool = False, quiet: bool = False) -> None:
        whole = Column(no_wrap=True)  # in a narrow terminal it is the bar that gets shorter
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(table_column=whole) if percent else MofNCompleteColumn(table_column=whole),
            TimeElapsedColumn(table_column=whole),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False, table_column=whole),
            *(TextColumn(text) for text in more),
            console=console,
            transient=True,
            speed_estimate_period=LATELY,
            disable=quiet or not console.is_interactive,
        )
        self._prints = not quiet and not console.is_interactive
        self._last_line = time.monotonic()

    def line(self, text: str) -> None:
        """Print `text` where there is no bar, unless the last line is not ten seconds old."""
        now = time.monotonic()
        if self._prints and now - self._last_line >= LINE:
            self._last_line = now
            say(self.console, text)


def say(console: Console, text: str, style: str = "") -> None:
    """Print `text` as it is, and a line of a log file or a pipe unbroken."""
    console.print(Text(text, style=style), soft_wrap=not console.is_terminal)
