"""`i2a compare`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from i2a.cli.command import command


@command(example="i2a compare runs/eval-base runs/eval-dpo --baseline base", extra="evaluate")
def compare(
    runs: Annotated[list[Path], Argument(metavar="RUN", help="Folders of complete evaluations.")],
    mix: Annotated[
        bool,
        Option("--mix", help="Compare runs that differ in protocol, judges, simulator or cases; the table says so."),
    ] = False,
    baseline: Annotated[
        str | None, Option(help="Name of the candidate that others are compared with.  [default: the first]")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Put the candidates of several evaluations side by side.

    Differences are paired where candidates met the same users. Runs that differ in protocol, engine, mode, judges,
    simulator, personas, seed or turns are refused, unless --mix is given. A candidate of several runs is called
    "NAME [RUN]". Runs of `i2a choice` are compared if their items are the same.
    """
    from rich.console import Console

    from evaluation.choice.compare import compare_choices, is_choice
    from evaluation.compare import compare as compared
    from i2a.report.choice import choice_table
    from i2a.report.tables import comparison_table

    if is_choice(runs[0]):
        chosen = compare_choices(runs, baseline=baseline).as_json()
        if as_json:
            typer.echo(json.dumps(chosen, ensure_ascii=False))
        else:
            Console().print(choice_table(chosen))
        return
    comparison = compared(runs, mix=mix, baseline=baseline)
    if as_json:
        typer.echo(json.dumps(comparison.as_json()))
    else:
        Console().print(comparison_table(comparison))
