"""Runs to export training rows from, and the rows and cards that come of them."""

import json
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from i2a.cli.export import export
from i2a.runs.run_folder import RunFolder
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance, Verdict

app = typer.Typer()
app.command("export")(export)
PARTS = {"user": "openai:a|b", "preferred": "openai:c", "rejected": "openai:c", "judge": "openai:d"}
GROWN = {"scenario": {"name": "aloe", "options": {"turns": 2}}, "seed": 7, "models": PARTS, "prompts": {"user": "f51b"}}


def tree(id: str = "t-0", *, agreed: bool = True) -> Tree:
    """Two turns: the first is labelled, the second only if the verdicts agreed."""
    made = Tree(id, "aloe", Persona("", "P.", "T.", "p-1", "t-1"), 3)
    here = None
    for turn, agree in enumerate((True, agreed)):
        user = made.add(here, Utterance("user", f"Message {turn}."))
        one, other = made.add(user, Utterance("preferred", "Oh?")), made.add(user, Utterance("rejected", "Okay."))
        user.verdicts = [Verdict(one, other, one, "why"), Verdict(other, one, one if agree else other, "why")]
        if agree:
            one.label, other.label = "preferred", "rejected"
        here = made.keep(other)
    return made


def run_of(folder: Path, *trees: Tree, identity: Any = GROWN) -> Path:
    """The folder of a run that holds `trees`, with this identity in its manifest."""
    with RunFolder.open(folder / "run", identity, {}, resume=False) as run:
        write(run.trees_file, trees)
    return folder / "run"


def exported(folder: Path, format: str, name: str, *options: str) -> Path:
    """The file that the command writes beside the run."""
    out = folder.parent / name
    flags = [flag for option in options for flag in ("--option", option)]
    args = [str(folder), "--format", format, "--out", str(out), *flags]
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def card(file: Path) -> str:
    return file.with_name(f"{file.name}.md").read_text("utf-8")
