"""How a simulation ended, for people and for scripts."""

from typing import Any

from rich.console import Console
from rich.text import Text

from i2a.runs.live import money, roles_table
from scenarios.simulation import Result


def as_dict(result: Result) -> dict[str, Any]:
    """The result as JSON values; an unknown cost is null."""
    return {
        "folder": str(result.folder),
        "stopped": result.stopped and str(result.stopped),
        "failed": result.failed,
        "left": result.left,
        "summary": result.summary.as_json(),
        "cost": result.meter.cost(),
        "roles": result.meter.as_json(),
    }


def print_result(result: Result, console: Console) -> None:
    console.print(roles_table(result.meter))
    summary = result.summary
    lines = [f"{summary.trees} trees with {summary.utterances} utterances in {result.folder}/trees.jsonl"]
    if summary.pairs:
        rate = "" if summary.flip_rate is None else f" (flip rate {summary.flip_rate:.1%})"
        lines.append(
            f"{summary.labelled} of {summary.pairs} pairs labelled, {summary.hint_won} for the hinted reply; "
            f"{summary.flipped} not, for the judge's two orders disagree{rate}, {summary.unjudged} without a verdict"
        )
    lines.append(f"cost: {money(result.meter.cost())}")
    if result.left:
        lines.append(f"{result.left} conversations left; the same command with --resume goes on")
    elif summary.trees:
        lines.append(f"Look at one:  i2a show {result.folder}")
    console.print(Text("\n".join(lines)))
