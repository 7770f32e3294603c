"""What a base training shows while it runs: a bar with loss and recall in a terminal, else a line now and then."""

import time
from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.text import Text

from i2a.simulator.model.settings import Base

LINE = 10.0


class Progress:
    """Shows the lines of the log as they are written."""

    def __init__(self, console: Console, config: Base) -> None:
        self._console, self._total = console, config.tokens
        self._quiet = config.quiet
        self._last, self._recalled = 0.0, "not measured yet"
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[found]}"),
            console=console,
            transient=True,
            disable=self._quiet or not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("base", total=self._total, found="")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, line: Mapping[str, Any]) -> None:
        if "recall" in line:
            self._recalled = in_words(line["recall"])
        found = f"loss {line['loss']:.3f}, tokens recalled: {self._recalled}"
        self._bar.update(self._task, description=line["stage"], completed=line["tokens"], found=found)
        now = time.monotonic()
        if not self._quiet and not self._console.is_terminal and now - self._last >= LINE:
            self._last = now
            share = min(1.0, line["tokens"] / self._total)
            self._console.print(Text(f"{line['stage']} {share:.0%}, {found}"))


def in_words(recalled: Mapping[str, Mapping[str, float]]) -> str:
    """The share of held-out tokens recalled, for each kind of document."""
    return ", ".join(f"{name} {found['tokens']:.0%}" for name, found in recalled.items())
