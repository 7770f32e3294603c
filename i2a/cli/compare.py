"""`i2a compare`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option


def compare(
    runs: Annotated[list[Path], Argument(metavar="RUN", help="Folders of complete evaluations.")],
    mix: Annotated[
        bool, Option("--mix", help="Also where protocols, judges, simulators or cases differ; the table says so.")
    ] = False,
    baseline: Annotated[
        str | None, Option(help="The candidate that others are compared with.  [default: the first]")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Put the candidates of several evaluations side by side, with paired differences where they met the same users.

    Runs under different protocols, engines, modes, judges, simulators, personas, seeds or turns are refused; --mix
    shows them all the same. A candidate that several runs hold is called "NAME [RUN]".

    Example:  i2a compare runs/eval-base runs/eval-dpo --baseline base
    """
    from i2a.errors import UsageError

    try:
        from evaluation.compare import compare as compared
    except ImportError as error:
        raise UsageError(f"compare needs {error.name}: pip install 'i2a[evaluate]'") from None
    from rich.console import Console

    from i2a.report.tables import comparison_table

    comparison = compared(runs, mix=mix, baseline=baseline)
    if as_json:
        typer.echo(json.dumps(comparison.as_json(), ensure_ascii=False))
    else:
        Console().print(comparison_table(comparison))
