"""The live view of a run: numbers and one conversation in progress; plain lines without a terminal."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from i2a.errors import ModelError
from i2a.models.usage import UsageTracker
from i2a.progress import LINE, ProgressBar
from i2a.text import one_line
from i2a.trees.tree import Tree

FRAME = 0.25
SHOWN = 6
COLOURS = ("cyan", "green", "yellow", "magenta", "blue")


class View:
    """Progress of one run on `console`, counted in `unit`. `quiet` shows messages only.

    `panel` renders the part below the numbers; default: one of the conversations in progress. `waiting`: what calls
    are waiting for now. `notes`: what was found out so far; each is printed once.
    """

    def __init__(
        self,
        console: Console | None,
        usage: UsageTracker,
        *,
        unit: str,
        total: int,
        done: int = 0,
        quiet: bool = False,
        panel: Callable[[], RenderableType | None] | None = None,
        waiting: Callable[[], Sequence[str]] = tuple,
        notes: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._console, self._usage, self._unit, self._quiet = console or Console(quiet=True), usage, unit, quiet
        self._done, self._total = done, total
        self._growing: dict[str, Tree] = {}
        self._waiting, self._notes, self._said = waiting, notes, set[str]()
        self._panel = panel or self._conversation
        self._failures: Counter[str] = Counter()
        self._recent: list[tuple[float, int]] = []
        self._progress = ProgressBar(self._console)
        self._task = self._progress.add_task(unit, total=total, completed=done)

    def begins(self, tree: Tree) -> None:
        self._growing[tree.id] = tree

    def ends(self, tree: Tree, failed: ModelError | None = None) -> None:
        self._growing.pop(tree.id, None)
        self.advance()
        if failed is not None:
            self.failed(failed)

    def advance(self, steps: int = 1) -> None:
        self._done += steps

    def failed(self, reason: ModelError) -> None:
        self._failures[type(reason).__name__] += 1

    def say(self, text: str) -> None:
        """Print a line, quiet or not."""
        self._console.print(Text(text))

    def say_notes(self) -> None:
        """Say what came out since the last time, quiet or not."""
        for note in self._notes():
            if note not in self._said:
                self._said.add(note)
                self.say(note)

    async def watch(self) -> None:
        """Show how the run goes until cancelled."""
        if self._quiet:
            return
        if not self._console.is_terminal:
            while True:
                await asyncio.sleep(LINE)
                self.say_notes()
                self.say(self._line())
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                self.say_notes()
                live.update(self._frame(), refresh=True)
                await asyncio.sleep(FRAME)

    def _calls_per_second(self) -> float:
        now = time.monotonic()
        self._recent = [*self._recent[-40:], (now, self._usage.session_calls)]
        (then, before), (now, calls) = self._recent[0], self._recent[-1]
        return (calls - before) / (now - then) if now > then else 0.0

    def _line(self) -> str:
        counts = self._usage.usage.values()
        about = "~" if self._usage.estimated else ""
        parts = [
            f"{self._done}/{self._total} {self._unit}",
            f"{self._failures.total()} failed",
            f"{self._calls_per_second():.1f} calls/s",
            f"{about}{sum(count.tokens for count in counts):,} tokens",
            f"{about}{money(self._usage.cost())}",
            f"{sum(count.retries for count in counts)} retries",
            *self._waiting(),
        ]
        return ", ".join(parts)

    def _frame(self) -> RenderableType:
        self._progress.update(self._task, completed=self._done)
        parts: list[RenderableType] = [self._progress, roles_table(self._usage), Text(self._line(), style="dim")]
        if panel := self._panel():
            parts.append(panel)
        return Group(*parts)

    def _conversation(self) -> RenderableType | None:
        return conversation(next(iter(self._growing.values()))) if self._growing else None


def roles_table(usage: UsageTracker) -> Table:
    """Calls, tokens, money and retries of each role; ~ marks what is estimated in part."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("role", "calls", "from journal", "prompt tokens", "answer tokens", "money", "retries"):
        table.add_column(name, justify="left" if name == "role" else "right")
    for role, count in sorted(usage.by_role().items()):
        about = "~" if count.estimated else ""
        table.add_row(
            Text(role),
            f"{count.calls:,}",
            f"{count.replayed:,}",
            f"{about}{count.prompt_tokens:,}"
            + (f" ({count.cached_tokens / count.prompt_tokens:.0%} cached)" if count.cached_tokens else ""),
            f"{about}{count.completion_tokens:,}",
            f"{about}{money(usage.cost(role))}",
            str(count.retries),
        )
    return table


def conversation(tree: Tree) -> Panel:
    """The last utterances of a dialogue in progress. Model text is never read as markup."""
    nodes = list(tree)[-SHOWN:]
    speakers = sorted({node.speaker for node in tree})
    text = Text()
    for node in nodes:
        text.append(f"{node.speaker:>9} ", style=COLOURS[speakers.index(node.speaker) % len(COLOURS)])
        text.append(one_line(node.content) + "\n")
    return Panel(text, title=Text(f"{tree.id}, persona {tree.persona.id}"), title_align="left", border_style="dim")


def money(amount: float | None) -> str:
    return "price unknown" if amount is None else f"${amount:,.4f}" if 0 < amount < 1 else f"${amount:,.2f}"
