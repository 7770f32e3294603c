"""`i2a select`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command, progress_bar, warn_of_torn_line

if TYPE_CHECKING:
    from scenarios.selection import Selection

EXAMPLE = """\
i2a select runs/first --max-faults 0 --max-per persona=3 --out runs/good
i2a select runs/first --min-turns 2 --max-cut 0 --out runs/whole-ones"""
TOML = """\
runs = ["runs/first"]
min_agreement = 0.5
max_per = { persona = 3 }
out = "runs/good"
"""


@command("scenarios.selection:Selection", example=EXAMPLE, toml=TOML)
def select(config: "Selection", as_json: bool) -> None:
    """Keep the conversations that are good enough, as a run to train on, look at or export.

    Every rule that is given must hold; where there is nothing to measure, it does not. The reasons of each conversation
    that is left out are in OUT/rejected.jsonl, and nothing changes in the runs that are read.
    """
    from i2a.trees.json import trees_of
    from scenarios.selection import select

    for run in config.runs:
        warn_of_torn_line(trees_of(run))
    with progress_bar() as bar:
        found = select(config, lambda trees, total: bar.track(trees, total=total, description="selecting"))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    typer.echo(f"{found.kept:,} of {found.read:,} conversations are in {config.out}")
    for name, count in found.rejected.most_common():
        typer.echo(f"  {count:,} left out by {name}")
    if found.rejected:
        typer.echo(f"why: {config.out}/rejected.jsonl")
    typer.echo(f"Next:  i2a show {config.out}")
