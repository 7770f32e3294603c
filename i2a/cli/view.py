"""`i2a view`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command

if TYPE_CHECKING:
    from i2a.cli.settings import ViewOptions

EXAMPLE = """\
i2a view runs
i2a view runs/eval --rate ann --items 100 --overlap 30"""
TOML = """\
runs = ["runs"]
rate = "ann"
"""


@command("i2a.cli.settings:ViewOptions", example=EXAMPLE, toml=TOML)
def view(config: "ViewOptions", as_json: bool) -> None:
    """Look at runs in a browser, also while they are made, and rate replies.

    It prints an address on this machine that only you know. Ctrl-C stops it; the runs go on.
    """
    import asyncio

    from i2a.view.rating import RatingSession
    from i2a.view.server import ViewServer, serve
    from i2a.view.shelf import Shelf, ShownRun

    rater = config.rate

    def rating(run: ShownRun) -> RatingSession:
        return RatingSession(run, str(rater), items=config.items, overlap=config.overlap, seed=config.seed)

    def ready(address: str) -> None:
        typer.echo(json.dumps({"address": address}) if as_json else f"Open {address}  (Ctrl-C stops it)")

    async def run() -> None:
        server = ViewServer(Shelf(config.runs), rating if rater else None)
        await serve(server, config.port, ready, browser=config.browser)

    asyncio.run(run())
