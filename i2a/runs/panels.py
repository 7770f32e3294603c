"""Conversations in progress, as panels of the live view. Model text is never read as markup."""

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from i2a.text import one_line
from i2a.trees.tree import Node, Tree

WIDTH, HEIGHT = 72, 9  # that a panel should have, in characters and lines
NAME = 14  # of a speaker, in characters
LATEST = 16  # utterances of a path that are drawn: more do not fit
COLOURS = ("cyan", "green", "yellow", "magenta", "blue")


def conversations(growing: Sequence[Tree], width: int, height: int) -> RenderableType | None:
    """As many of the conversations as there is room for; None if none has."""
    if not growing or height < 3:
        return None
    columns = max(1, min(width // WIDTH, len(growing)))
    rows = max(1, min(height // HEIGHT, -(-len(growing) // columns)))
    shown = growing[: rows * columns]
    grid = Table.grid(expand=True)
    for _ in range(columns):
        grid.add_column(ratio=1)
    for row in range(rows):
        high = height // rows + (row < height % rows)
        grid.add_row(*(conversation(tree, high) for tree in shown[row * columns : (row + 1) * columns]))
    return grid


def conversation(tree: Tree, height: int | None = None) -> Panel:
    """The last utterances of a dialogue in progress, in `height` lines with the frame; default: as many as it has."""
    speakers = sorted({node.speaker for node in tree})
    wide = max(map(len, speakers), default=0)
    lines = Table.grid(padding=(0, 1, 0, 0), expand=True)
    lines.add_column(width=min(wide, NAME), no_wrap=True, overflow="ellipsis", justify="right")
    lines.add_column(ratio=1)
    for node, followed in list(utterances(tree))[-LATEST:]:
        text = Text(one_line(node.content))
        if not followed:  # one line of it says enough
            text = Text(text.plain, style="dim", no_wrap=True, overflow="ellipsis")
        colour = COLOURS[speakers.index(node.speaker) % len(COLOURS)]
        lines.add_row(Text(node.speaker, style=colour if followed else "dim"), text)
    done, turns = turns_of(tree)
    title = Text(f"{tree.id}, {done}/{turns} turns" if turns else tree.id)
    return Panel(Bottom(lines), title=title, title_align="left", border_style="dim", height=height)


def utterances(tree: Tree) -> Iterator[tuple[Node, bool]]:
    """Turn after turn what was said, and whether the dialogue goes on from it; what was left behind comes first."""
    path, here = set(current_path(tree)), tree.roots
    while here:
        ahead = [node for node in here if node in path]
        # Before one of them is followed, all may be.
        yield from ((node, not ahead) for node in here if node not in path)
        yield from ((node, True) for node in ahead)
        here = ahead[0].children if ahead else []


def current_path(tree: Tree) -> list[Node]:
    """What the dialogue has gone through; of several branches, the last one."""
    path: list[Node] = []
    here = tree.roots
    while ahead := [node for node in here if node.continued]:
        path.append(ahead[-1])
        here = ahead[-1].children
    return path


def turns_of(tree: Tree) -> tuple[int, int]:
    """In how many turns the one who opened the dialogue was answered, and in how many they are to be.

    0 if the scenario has no option `turns`.
    """
    turns, path = tree.options.get("turns"), current_path(tree)
    answered = sum(node.speaker == path[0].speaker for node in path)
    return answered, turns if isinstance(turns, int) else 0


class Bottom:
    """The last lines of what it holds, where there is no room for all."""

    def __init__(self, content: RenderableType) -> None:
        self.content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self.content, options.update(height=None))
        for line in lines[-options.height :] if options.height else lines:
            yield from line
            yield Segment.line()
