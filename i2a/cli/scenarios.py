"""`i2a scenarios list|new|check`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from i2a.cli.command import command

NEW = """\
i2a scenarios new interview
i2a simulate --scenario ./interview.py --conversations 2 --out runs/try"""

scenarios = typer.Typer(help="List, write and check scenario scripts.", no_args_is_help=True, rich_markup_mode=None)


@scenarios.command("list")
@command(example="i2a scenarios list\ni2a scenarios list ./interview.py")
def list_scenarios(
    names: Annotated[
        list[str] | None,
        Argument(
            metavar="SCENARIO", help="Names of scenarios, or paths of scripts.  [default: all that are installed]"
        ),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List scenarios with their roles and options."""
    from scenarios.script import find, installed

    found = {name: find(name) for name in names or installed()}
    if as_json:
        rows: list[dict[str, object]] = [
            {"name": s.name, "about": s.about, "roles": list(s.roles), "options": dict(s.options), "file": str(s.file)}
            for s in found.values()
        ]
        typer.echo(json.dumps(rows))
        return
    for name, scenario in found.items():
        options = ", ".join(f"{option}={default!r}" for option, default in scenario.options.items())
        typer.echo(
            f"{name:<11} {scenario.about}\n{'':12}roles: {', '.join(scenario.roles)}; options: {options or 'none'}"
        )


@scenarios.command()
@command(example=NEW)
def new(name: Annotated[str, Argument(metavar="NAME", help="Name of the scenario: a Python identifier.")]) -> None:
    """Write NAME.py, a small scenario that runs, to start from."""
    from scenarios.template import write

    path = write(name)
    typer.echo(f"Wrote {path}. Try it:  i2a scenarios check {path}")


@scenarios.command()
@command(example="i2a scenarios check ./interview.py\ni2a scenarios check ./interview.py --show")
def check(
    file: Annotated[Path, Argument(metavar="FILE", help="The script.")],
    show: Annotated[bool, Option("--show", help="Print what each role is sent and answers.")] = False,
) -> None:
    """Check a script: load it, then run one short conversation with the offline engine."""
    import warnings

    from scenarios.trial import trial

    warnings.filterwarnings("ignore", "coroutine .* was never awaited")  # the error says it
    typer.echo(trial(file, seen=typer.echo if show else None))
