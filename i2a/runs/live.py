"""The live view of a run: how far it is, what failed, conversations in progress; plain lines without a terminal."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from i2a.errors import ModelError
from i2a.models.call import InFlight
from i2a.models.usage import Usage, UsageTracker
from i2a.progress import LINE, ProgressBar, say
from i2a.runs.panels import conversations, turns_of
from i2a.text import counted, one_line
from i2a.trees.tree import FAULTS, Tree

FRAME = 0.25
REASONS, SAID = 3, 8  # of failures: in the view, and printed at a time
UNPRICED = "price unknown"

Steps = Callable[[Tree], tuple[int, int]]


class View:
    """Progress of one run on `console`, counted in `unit`. `quiet` shows messages only.

    `steps` tells how far a tree is that grows, and how far it is to come, in `step_unit`; `steps_done` and
    `steps_total` are those of the run so far and of all its trees, 0 if unknown. `panel` renders the part below the
    numbers; default: the conversations in progress. `waiting`: what calls are waiting for now. `notes`: what was found
    out so far; each is printed once.
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
        steps: Steps = turns_of,
        step_unit: str = "turns",
        steps_done: int = 0,
        steps_total: int = 0,
        panel: Callable[[], RenderableType | None] | None = None,
        in_flight: InFlight | None = None,
        waiting: Callable[[], Sequence[str]] = tuple,
        notes: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._console, self._usage, self._unit, self._quiet = console or Console(quiet=True), usage, unit, quiet
        self._done, self._total = done, total
        self._slots: list[Tree | None] = []  # a conversation keeps its place in the view
        self._grown = self._utterances = self._faulty = 0  # of the trees that were finished here
        self._steps, self._step_unit, self._steps_done, self._steps_total = steps, step_unit, steps_done, steps_total
        self._panel, self._in_flight, self._waiting, self._notes = panel, in_flight or InFlight(), waiting, notes
        self._said = set[str]()
        self._failures = Counter[str]()
        self._unsaid: dict[str, list[str]] = {}
        self._said_at: dict[str, float] = {}
        self._recent: list[tuple[float, int]] = []
        self._bar = ProgressBar(self._console, percent=True)
        self._task = self._bar.add_task(unit, total=total, completed=done)

    def begins(self, tree: Tree) -> None:
        free = self._slots.index(None) if None in self._slots else len(self._slots)
        self._slots[free : free + 1] = [tree]

    def breaks_off(self, tree: Tree) -> None:
        """It will begin again."""
        self._slots[self._slots.index(tree)] = None

    @property
    def watched(self) -> bool:
        """Whether somebody sees the conversations grow."""
        return not self._quiet and self._console.is_interactive

    def ends(self, tree: Tree, failed: ModelError | None = None) -> None:
        self._slots[self._slots.index(tree)] = None
        self._steps_done += self._steps(tree)[1]
        self.advance()
        if failed is None:
            self._grown += 1
            self._utterances += sum(1 for _ in tree)
            self._faulty += sum(FAULTS in node.metadata for node in tree)
        else:
            self.failed(failed, tree.id)

    @property
    def _growing(self) -> list[Tree]:
        return [tree for tree in self._slots if tree is not None]

    def advance(self, steps: int = 1) -> None:
        self._done += steps

    def failed(self, reason: ModelError, what: str = "a call") -> None:
        """Count and list a failure of `what`."""
        text = one_line(str(reason)) or type(reason).__name__
        self._failures[text] += 1
        self._unsaid.setdefault(text, []).append(what)

    def say(self, text: str, style: str = "") -> None:
        """Print a line, quiet or not."""
        say(self._console, text, style)

    def say_news(self, *, final: bool = False) -> None:
        """Say what came out since the last time, quiet or not, and what failed."""
        for note in self._notes():
            if note not in self._said:
                self._said.add(note)
                self.say(note)
        if self._unsaid and not self._quiet and (final or not self._console.is_interactive):
            self._say_failures(final)

    def _say_failures(self, final: bool) -> None:
        """A line for every new reason; of one that was said before, again after a while."""
        now = asyncio.get_running_loop().time()
        due = [why for why in self._unsaid if final or now - self._said_at.get(why, -LINE) >= LINE]
        for place, reason in enumerate(due):
            ids = self._unsaid.pop(reason)
            self._said_at[reason] = now
            if place < SAID:
                more = f" and {counted(len(ids) - 1, 'others')}" if len(ids) > 1 else ""
                self.say(f"failed: {ids[0]}{more}: {reason}", "red")
        if len(due) > SAID:
            self.say(f"failed for {len(due) - SAID} other reasons, see failures.jsonl", "red")

    def interrupted(self) -> None:
        """Say that the run stops; the view shows how many calls are left."""
        if self._quiet or not self._console.is_interactive:
            self.say(self._hint())

    async def watch(self) -> None:
        """Show how the run goes until cancelled."""
        if self._quiet:
            return
        if not self._console.is_interactive:
            await self._log()
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                self.say_news()
                live.update(self._frame(), refresh=True)
                await asyncio.sleep(FRAME)

    async def _log(self) -> None:
        last = asyncio.get_running_loop().time()
        self._calls_per_second()
        while True:
            await asyncio.sleep(1)
            self.say_news()
            if (now := asyncio.get_running_loop().time()) - last >= LINE:
                last = now
                self.say(", ".join([*self._numbers(), *self._waiting()]))

    def _far(self) -> tuple[float, int]:
        """How far the run is, in its unit; and in steps."""
        far, taken = float(self._done), self._steps_done
        usual = self._utterances / max(self._grown, 1)
        for tree in self._growing:
            done, total = self._steps(tree)
            taken += min(done, total)
            if total:
                far += min(done / total, 1.0)
            elif usual:
                far += min(sum(1 for _ in tree) / usual, 1.0)
        return far, taken

    def _calls_per_second(self) -> float:
        now = asyncio.get_running_loop().time()
        self._recent = [*self._recent[-40:], (now, self._usage.session_calls)]
        (then, before), (now, calls) = self._recent[0], self._recent[-1]
        return (calls - before) / (now - then) if now > then else 0.0

    def _numbers(self) -> list[str]:
        counts = self._usage.usage.values()
        about = "~" if self._usage.estimated else ""
        far, taken = self._far()
        retries = sum(count.retries for count in counts)
        return [
            f"{self._done}/{self._total} {self._unit} ({far / max(self._total, 1):.0%})",
            *([f"{taken}/{self._steps_total} {self._step_unit}"] if self._steps_total else []),
            f"{self._failures.total()} failed",
            f"{self._calls_per_second():.1f} calls/s",
            f"{about}{sum(count.tokens for count in counts):,} tokens",
            f"{about}{money(self._usage.cost())}",
            *([counted(retries, "retries")] if retries else []),
            *([f"{counted(self._faulty, 'utterances')} kept with a fault"] if self._faulty else []),
        ]

    def _frame(self) -> RenderableType:
        """As high as the terminal. The last line is short: what a terminal echoes of Ctrl-C must not break it."""
        self._move_bar()
        size = self._console.size
        style = "yellow" if self._in_flight.stopped else "dim"
        last = Text(self._hint()[: size.width - 4], style=style)
        parts: list[RenderableType] = [self._bar, Text(", ".join(self._numbers()[1:]), style="dim")]
        parts += [Text(line, style="yellow") for line in self._waiting()]
        parts += [
            Text(f"{count} failed: {reason}", style="red", no_wrap=True, overflow="ellipsis")
            for reason, count in self._failures.most_common(REASONS)
        ]
        if size.height >= 16:
            parts.append(roles_table(self._usage, size.width))
        left = size.height - 2 - len(self._console.render_lines(Group(*parts)))
        if (
            panel := self._panel()
            if self._panel
            else conversations(sorted(self._growing, key=_unseen), size.width, left)
        ):
            parts.append(panel)
        return Group(*parts, last)

    def _move_bar(self) -> None:
        """What comes from the journal takes no time, and says nothing about the time that is left."""
        far = self._far()[0]
        text = f"{self._done}/{self._total} {self._unit}"
        self._bar.update(self._task, description=text, total=self._total)
        new = far - self._bar.tasks[0].completed
        if new > 0 and not self._usage.session_calls:
            self._bar.reset(self._task, completed=far)  # type: ignore[arg-type]
        else:
            self._bar.advance(self._task, new)

    def _hint(self) -> str:
        if self._in_flight.stopped is None:
            return "Ctrl-C: finish the calls in flight, and stop"
        return f"Finishing {counted(self._in_flight.count, 'calls')}; Ctrl-C again: stop at once"


def _unseen(tree: Tree) -> bool:
    """Of those that grow in a worker process not all are seen here."""
    return not tree.roots


def roles_table(usage: UsageTracker, width: int = 80) -> Table:
    """Calls, tokens, money and retries of each role; ~ marks what is estimated in part.

    Without the columns that hold nothing, and, of the rest, with as many as fit into `width`.
    """
    roles = sorted(usage.by_role().items())
    known = [role for role, _ in roles if usage.cost(role) is not None]

    def about(count: Usage) -> str:
        return "~" if count.estimated else ""

    columns: dict[str, list[str]] = {
        "calls": [f"{count.calls:,}" for _, count in roles],
        "prompt tokens": [
            f"{about(count)}{count.prompt_tokens:,}"
            + (f" ({count.cached_tokens / count.prompt_tokens:.0%} cached)" if count.cached_tokens else "")
            for _, count in roles
        ],
        "answer tokens": [f"{about(count)}{count.completion_tokens:,}" for _, count in roles],
    }
    if known:
        columns["cost"] = [f"{about(c)}{money(usage.cost(role))}" if role in known else "?" for role, c in roles]
    if any(count.cached_tokens for _, count in roles):
        columns["cached"] = [f"{count.cached_tokens:,}" for _, count in roles]
    if any(count.retries for _, count in roles):
        columns["retries"] = [f"{count.retries:,}" for _, count in roles]
    if any(count.replayed for _, count in roles):
        columns["stored"] = [f"{count.replayed:,}" for _, count in roles]
    names = [role for role, _ in roles]
    least = min(max(map(len, names), default=4), 16)
    widths = {name: max(map(len, [name, *cells])) + 2 for name, cells in columns.items()}
    while len(columns) > 1 and least + sum(widths[name] for name in columns) > width:
        columns.popitem()
    table = Table(box=None, header_style="dim", padding=(0, 0, 0, 2), pad_edge=False)
    room = width - sum(widths[name] for name in columns)
    table.add_column("role", no_wrap=True, overflow="ellipsis", max_width=max(room, least))
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for role, *cells in zip(names, *columns.values(), strict=True):
        table.add_row(Text(role), *cells)
    return table


def money(amount: float | None) -> str:
    return UNPRICED if amount is None else f"${amount:,.4f}" if 0 < amount < 1 else f"${amount:,.2f}"
