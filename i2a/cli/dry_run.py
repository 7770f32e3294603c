"""`--dry-run` of every command that pays."""

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from i2a.runs.config import RunConfig
    from i2a.runs.plan import RunPlan


def tell(plan: "RunPlan", config: "RunConfig", as_json: bool) -> None:
    """Print what the run would take, instead of making it."""
    from rich.console import Console

    from i2a.runs.dry_run import estimate, print_estimate
    from i2a.runs.sync import run_sync

    console = Console(stderr=True)
    found = run_sync(estimate(plan, config, console))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        print_estimate(found, config, console)
