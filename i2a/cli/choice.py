"""`i2a choice`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command
from i2a.cli.dry_run import tell

if TYPE_CHECKING:
    from evaluation.choice.settings import Choosing

EXAMPLE = """\
i2a choice offline last=last:offline --cases 4 --out runs/try-choice
i2a choice sft=hf:runs/sft dpo=hf:runs/dpo last=last:hf:runs/dpo \\
    --out runs/choice"""
TOML = """\
out = "runs/choice"
candidates = ["sft=hf:runs/sft", "dpo=hf:runs/dpo", "last=last:hf:runs/dpo"]"""


@command("evaluation.choice.settings:Choosing", example=EXAMPLE, toml=TOML, extra="evaluate")
def choice(config: "Choosing", as_json: bool) -> None:
    """Measure, without any judge, whether candidates know which of four replies suits the person of a dialogue.

    One of the replies was written for this person; the others hold wrong facts, have the wrong manner, or are generic.
    Chance is 25%. Word overlap and length stand beside the candidates; the items that these two get wrong are the
    stratum `hard`, whose accuracy is the number that counts. Writes trees.jsonl, choices.jsonl, summary.json,
    curves.png and curves.svg. Press Ctrl-C once to finish in-flight requests and stop; --resume continues. Exit code 3:
    some dialogues failed; 4: the budget is spent; 130: interrupted.
    """
    from rich.console import Console

    from evaluation.choice.run import choose, plan_choices
    from i2a.report.choice import as_dict, draw, print_result

    if config.dry_run:
        tell(plan_choices(config).run, config, as_json)
        return
    result = choose(config, console=Console(stderr=True), draw=draw)
    if as_json:
        typer.echo(json.dumps(as_dict(result)))
    else:
        print_result(result, Console(stderr=True))
    result.run.raise_for_status()
