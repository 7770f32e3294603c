"""`i2a benchmark build`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command
from i2a.cli.dry_run import tell

if TYPE_CHECKING:
    from evaluation.choice.settings import ItemBuild

EXAMPLE = """\
i2a benchmark build --cases 6 --turns 4 --out runs/items
i2a benchmark build --model openai:gpt-4o --out runs/gpt-items"""
TOML = """\
out = "runs/gpt-items"
model = "openai:gpt-4o"
"""

benchmark = typer.Typer(help="Build the items of `i2a choice`.", no_args_is_help=True, rich_markup_mode=None)


@benchmark.callback()
def group() -> None:
    """Build the items of `i2a choice`."""


@benchmark.command()
@command("evaluation.choice.settings:ItemBuild", example=EXAMPLE, toml=TOML, extra="evaluate")
def build(config: "ItemBuild", as_json: bool) -> None:
    """Make items for `i2a choice`: dialogues, and four replies to some of their messages, one of which fits.

    The four: a reply written with what the chat has shown of this person; one in this person's manner with facts of
    another, or with facts that do not belong there; one with this person's facts in another manner; and a generic one.
    A turn at which no reply can recall what an earlier message revealed gives no item. Writes items.jsonl, and what a
    run needs to be continued with --resume.
    """
    from rich.console import Console

    from evaluation.choice.build import build_items, plan_build
    from i2a.report.choice import items_as_dict, print_items

    if config.dry_run:
        tell(plan_build(config)[0], config, as_json)
        return
    result = build_items(config, console=Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(items_as_dict(result)))
    else:
        print_items(result, Console(stderr=True))
    result.run.raise_for_status()
