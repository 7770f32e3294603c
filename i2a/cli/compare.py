"""`i2a compare`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command

if TYPE_CHECKING:
    from i2a.cli.settings import CompareOptions

EXAMPLE = """\
i2a compare runs/controls
i2a compare runs/eval runs/eval-2 --baseline sft
i2a compare runs/eval --by personality"""
TOML = """\
runs = ["runs/eval", "runs/eval-2"]
baseline = "sft"
"""


@command("i2a.cli.settings:CompareOptions", example=EXAMPLE, toml=TOML, extra="evaluate")
def compare(config: "CompareOptions", as_json: bool) -> None:
    """Put the candidates of several evaluations side by side.

    Differences are paired where candidates met the same users. Runs that differ in protocol, engine, mode, judges,
    simulator, personas, seed or turns are refused, unless --mix is given. A candidate of several runs is called
    "NAME [RUN]". Runs of `i2a choice` are compared if their items are the same.
    """
    from rich.console import Console

    from evaluation.choice.compare import compare_choices, is_choice
    from evaluation.compare import compare as compared
    from i2a.errors import UsageError
    from i2a.report.choice import choice_table
    from i2a.report.tables import comparison_table

    if is_choice(config.runs[0]):
        if config.by:
            raise UsageError("--by is for runs of `i2a evaluate`; leave it out for runs of `i2a choice`")
        chosen = compare_choices(config.runs, baseline=config.baseline).as_json()
        if as_json:
            typer.echo(json.dumps(chosen, ensure_ascii=False))
        else:
            Console().print(choice_table(chosen))
        return
    comparison = compared(config.runs, mix=config.mix, baseline=config.baseline, by=config.by or "")
    if as_json:
        typer.echo(json.dumps(comparison.as_json()))
    else:
        Console().print(comparison_table(comparison))
