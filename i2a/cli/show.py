"""`i2a show`: what a run holds, and one tree in the terminal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command, warn_of_torn_line
from i2a.jsonl import JsonMapping, JsonObject
from i2a.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from i2a.cli.settings import ShowOptions
    from i2a.trees.tree import Node, Tree


EXAMPLE = """\
i2a show runs/first
i2a show runs/first aloe-3"""
TOML = """\
run = "runs/first"
tree = "aloe-3"
"""


@command("i2a.cli.settings:ShowOptions", example=EXAMPLE, toml=TOML)
def show(config: "ShowOptions", as_json: bool) -> None:
    """Show a run and one of its trees: all replies, labels, both verdicts, and what the Inducer knew.

    The Inducer lists, turn by turn, what the dialogue has revealed about the user's persona.

    Without TREE it is the first one; --json then prints the run's counts, and else the tree.
    """
    from rich.console import Console

    from i2a.errors import UsageError
    from i2a.trees.json import dump, read, trees_of

    run, tree = config.run, config.tree
    file = trees_of(run)
    warn_of_torn_line(file)
    console = Console(highlight=False)
    if tree is None and as_json:
        typer.echo(json.dumps(counts(run, file)))
        return
    for number, found in enumerate(read(file)):
        if tree in (None, found.id, str(number)):
            if as_json:
                typer.echo(json.dumps(json.loads(dump(found))))  # ASCII, for any terminal
                return
            console.print(drawing(found))
            if tree is None:
                console.print(f"\n{overview(counts(run, file))}\nAnother one:  i2a show {run} NUMBER", markup=False)
            return
    if tree is None:
        raise UsageError(f"{run} holds no tree yet")
    raise UsageError(f"{run} holds no tree {tree!r}; `i2a show {run} 0` shows the first")


def counts(run: Path, file: Path) -> JsonObject:
    """Counts over all trees of the file, and how many conversations failed."""
    from i2a.runs.run_folder import RunFolder
    from i2a.trees.json import read
    from i2a.trees.summary import Summary

    failed: set[str] = set()
    if run.is_dir():
        folder = RunFolder(run)
        failed = set(folder.failures()) - folder.finished()
    return Summary.of(read(file)).as_json() | {"failed": len(failed)}


def overview(counts: JsonMapping) -> str:
    rate = counts["flip_rate"]
    return (
        f"{counts['trees']} trees, {counts['utterances']} utterances, {counts['pairs']} pairs: {counts['labelled']} "
        f"labelled, {counts['flipped']} flipped{'' if rate is None else f' ({rate:.1%})'}, {counts['unjudged']} "
        f"unjudged; {counts['failed']} conversations failed"
    )


def drawing(tree: "Tree") -> "RenderableType":
    """The tree as a rich renderable. Text of models and personas is never read as markup."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    persona = Text.assemble(
        ("profile      ", "dim"),
        one_line(tree.persona.profile),
        ("\npersonality  ", "dim"),
        one_line(tree.persona.personality),
    )
    title = Text(f"{tree.id}, scenario {tree.scenario}, persona {tree.persona.id}, seed {tree.seed}")
    parts: list[RenderableType] = [Panel(persona, title=title, title_align="left", border_style="dim")]
    for root in tree.roots:
        parts += rows(root, 0)
    return Group(*parts)


def rows(node: "Node", depth: int) -> Iterator["RenderableType"]:
    """The lines of `node` and of what follows it. Only a fork into several continued branches indents."""
    yield utterance(node, depth)
    inner = depth + (sum(child.continued for child in node.children) > 1)
    for child in sorted(node.children, key=lambda child: child.continued):
        yield from rows(child, inner)


def utterance(node: "Node", depth: int) -> "RenderableType":
    from rich.padding import Padding
    from rich.text import Text

    styles = {"preferred": "green", "rejected": "red", None: "default"}
    arrow = "→" if node.continued else "·"
    text = Text.assemble((f"{arrow} {node.speaker}", f"bold {styles[node.label]}"))
    if node.siblings:
        text.append(f" [{node.label or 'no label'}]", style=styles[node.label])
    text.append(f"  {one_line(node.content)}")
    if node.inference is not None:
        known = [*node.inference.profile, *node.inference.personality]
        text.append("\n    inducer knew: " + (one_line("; ".join(known)) or "nothing yet"), style="dim")
    for verdict in node.verdicts:
        winner = verdict.winner.speaker if verdict.winner else "no verdict"
        shown = f"{verdict.first.speaker}, {verdict.second.speaker}"
        text.append(f"\n    judge, shown {shown}: {winner} - {one_line(verdict.reason)}", style="dim")
    for name, note in node.metadata.items():
        text.append(f"\n    {name}: {json.dumps(note, ensure_ascii=False)}", style="dim")
    return Padding(text, (0, 0, 0, 2 * depth))
