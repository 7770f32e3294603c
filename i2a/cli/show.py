"""`i2a show`: what a run holds, and one tree in the terminal."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command, warn_of_torn_line
from i2a.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from i2a.cli.settings import ShowOptions
    from i2a.trees.persona import Persona
    from i2a.trees.summary import Summary
    from i2a.trees.tree import Node, SentPrompt, Tree


EXAMPLE = """\
i2a show runs/first
i2a show runs/first aloe-0-000003
i2a show runs/first --prompts"""
TOML = """\
run = "runs/first"
tree = "aloe-0-000003"
"""


@command("i2a.cli.settings:ShowOptions", example=EXAMPLE, toml=TOML)
def show(config: "ShowOptions", as_json: bool) -> None:
    """Show a run and one of its trees: all replies, labels, both verdicts, and what the Inducer knew.

    The Inducer lists, turn by turn, what the dialogue has revealed about the user's persona.

    Without TREE it is the first one; --json then prints the run's counts, and else the tree.
    """
    from rich.console import Console

    from i2a.errors import UsageError
    from i2a.progress import say
    from i2a.trees.json import dump, read, trees_of

    run, tree = config.run, config.tree
    file = trees_of(run)
    warn_of_torn_line(file)
    console = Console(highlight=False)
    if tree is None and as_json:
        summary, failed = counts(run, file)
        typer.echo(json.dumps(summary.as_json() | {"failed": failed}))
        return
    for number, found in enumerate(read(file)):
        if tree in (None, found.id, str(number)):
            if as_json:
                typer.echo(json.dumps(json.loads(dump(found))))  # ASCII, for any terminal
                return
            told = uses_personas(run) and not found.persona.unknown
            console.print(drawing(found, persona=told or bool(found.personas), prompts=config.prompts))
            if tree is None:
                lines = [*overview(*counts(run, file)), f"Another one:  i2a show {run} NUMBER"]
                say(console, "\n" + "\n".join(lines))
            return
    if tree is None:
        raise UsageError(f"{run} holds no tree yet")
    raise UsageError(f"{run} holds no tree {tree!r}; `i2a show {run} 0` shows the first")


def counts(run: Path, file: Path) -> "tuple[Summary, int]":
    """Counts over all trees of the file, and how many conversations failed."""
    from i2a.runs.run_folder import RunFolder
    from i2a.trees.json import read
    from i2a.trees.summary import Summary

    failed: set[str] = set()
    if run.is_dir():
        folder = RunFolder(run)
        failed = set(folder.failures()) - folder.finished()
    return Summary.of(read(file)), len(failed)


def overview(summary: "Summary", failed: int) -> Iterator[str]:
    from i2a.runs.outcome import in_words
    from i2a.text import counted

    yield from in_words(summary)
    if failed:
        yield f"{counted(failed, 'conversations')} failed; the reasons are in failures.jsonl"


def uses_personas(run: Path) -> bool:
    """Whether a role of the run was told of a persona, as far as its manifest says."""
    from i2a.runs.run_folder import RunFolder

    folder = RunFolder(run if run.is_dir() else run.parent)
    return not folder.manifest_file.exists() or bool(folder.manifest().get("uses_personas", True))


def drawing(tree: "Tree", *, persona: bool = True, prompts: bool = False) -> "RenderableType":
    """The tree as a rich renderable. Text of models and personas is never read as markup.

    `prompts`: first the distinct prompts that are kept, by number, and below each utterance under which it was said.
    """
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    title = f"{tree.id}, scenario {tree.scenario}, seed {tree.seed}"
    parts: list[RenderableType] = []
    if persona:
        title = f"{tree.id}, scenario {tree.scenario}, persona {tree.persona.id}, seed {tree.seed}"
        parts.append(Panel(known(tree.persona), title=Text(title), title_align="left", border_style="dim"))
        for role, other in tree.personas.items():
            title = f"{role}, persona {other.id}"
            parts.append(Panel(known(other), title=Text(title), title_align="left", border_style="dim"))
    else:
        parts.append(Text(title, style="dim"))
    kept = kept_prompts(tree) if prompts else {}
    parts += [prompt_panel(number, prompt, roles) for prompt, (number, roles) in kept.items()]
    if prompts and not kept:
        parts.append(Text("No prompt is kept; `i2a simulate --keep-prompts` keeps those of all roles", style="dim"))
    return Group(*parts, *rows(tree.roots, 0, {prompt: number for prompt, (number, _) in kept.items()}))


def known(persona: "Persona") -> "Text":
    """What a scenario can tell of a person, a line for each field."""
    from rich.text import Text

    named = {name: value for name, value in persona.values.items() if name not in ("profile", "personality")}
    halves = {"profile": persona.profile, "personality": persona.personality}
    texts = {name: one_line(value) for name, value in (halves | named).items() if value}
    width = max(map(len, texts), default=0) + 2
    lines = [Text.assemble((f"{name:{width}}", "dim"), value) for name, value in texts.items()]
    return Text("\n").join(lines)


def kept_prompts(tree: "Tree") -> "dict[SentPrompt, tuple[int, dict[str, None]]]":
    """The distinct prompts of a tree in the order of their use, each with a number from 1 and who was sent it."""
    found: dict[SentPrompt, tuple[int, dict[str, None]]] = {}
    for node in tree:
        sent = [(node.speaker, node.prompt), *((answer.role, answer.prompt) for answer in node.answers)]
        for role, prompt in sent:
            if prompt is not None:
                found.setdefault(prompt, (len(found) + 1, {}))[1][role] = None
    return found


def prompt_panel(number: int, prompt: "SentPrompt", roles: "Iterable[str]") -> "RenderableType":
    from rich.panel import Panel
    from rich.text import Text

    lines = [("system  ", prompt.system), ("request ", prompt.request)]
    text = Text("\n").join(
        Text.assemble((name, "dim"), "\n".join(map(one_line, said.splitlines()))) for name, said in lines if said
    )
    title = f"prompt {number}, sent to {', '.join(roles)}{' (private)' if prompt.private else ''}"
    return Panel(text, title=Text(title), title_align="left", border_style="dim")


def rows(
    replies: "Sequence[Node]", depth: int, prompts: "Mapping[SentPrompt, int]" = MappingProxyType({})
) -> Iterator["RenderableType"]:
    """The lines of alternatives and of what follows each; what the dialogue left behind comes first.

    Only a fork into several continued branches indents.
    """
    named = names(replies)
    for node in sorted(replies, key=lambda node: node.continued):
        yield utterance(node, named[node], len(replies) > 1, depth, prompts)
        yield from rows(node.children, depth + (sum(child.continued for child in node.children) > 1), prompts)


def names(replies: "Sequence[Node]") -> "dict[Node, str]":
    """What each of some alternatives is called: its speaker, with a number where that one spoke several."""
    speakers = [node.speaker for node in replies]
    return {
        node: node.speaker
        if speakers.count(node.speaker) == 1
        else f"{node.speaker} {speakers[: place + 1].count(node.speaker)}"
        for place, node in enumerate(replies)
    }


def utterance(
    node: "Node",
    name: str,
    alternative: bool,
    depth: int,
    prompts: "Mapping[SentPrompt, int]" = MappingProxyType({}),
) -> "RenderableType":
    """A node under its `name`. `alternative`: whether there are others in its place. `prompts`: those to show."""
    from rich.padding import Padding
    from rich.text import Text

    styles = {"preferred": "green", "rejected": "red", None: "default"}
    arrow = "→" if node.continued else "·"
    text = Text.assemble((f"{arrow} {name}", f"bold {styles[node.label]}"))
    if alternative or node.label:
        text.append(f" [{node.label or 'no label'}]", style=styles[node.label])
    text.append(f"  {one_line(node.content)}")
    if node.inference is not None:
        known = [*node.inference.profile, *node.inference.personality]
        text.append("\n    inducer knew: " + (one_line("; ".join(known)) or "nothing yet"), style="dim")
    called = names(node.children)
    for verdict in node.verdicts:
        first, second = (called.get(shown, shown.speaker) for shown in (verdict.first, verdict.second))
        winner = called.get(verdict.winner, verdict.winner.speaker) if verdict.winner else "no verdict"
        text.append(f"\n    judge, shown {first}, {second}: {winner} - {one_line(verdict.reason)}", style="dim")
    if node.prompt is not None and node.prompt in prompts:
        text.append(f"\n    said under prompt {prompts[node.prompt]}", style="dim")
    for answer in node.answers if prompts else ():
        said = f"{answer.role}, under prompt {prompts[answer.prompt]}: {one_line(answer.content)}"
        text.append(f"\n    {said}", style="dim")
    for key, note in node.metadata.items():
        text.append(f"\n    {key}: {json.dumps(note, ensure_ascii=False)}", style="dim")
    return Padding(text, (0, 0, 0, 2 * depth))
