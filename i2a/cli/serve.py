"""`i2a serve`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command

if TYPE_CHECKING:
    from i2a.simulator.settings import ServeOptions


EXAMPLE = "i2a serve --port 0 --latency 0.2 --slots 64 --faults 0.05"
TOML = """\
port = 0
latency = 0.2
slots = 64
faults = 0.05"""


@command("i2a.simulator.settings:ServeOptions", example=EXAMPLE, toml=TOML)
def serve(config: "ServeOptions", as_json: bool) -> None:
    """Serve the offline engine over the OpenAI protocol, on loopback, with faults on request.

    It prints the model to use, such as openai:offline@http://127.0.0.1:8000/v1; GET /stats shows what it was asked.
    The models generic, parrot, facts, salad, manner, babble and retrieval each behave like offline:generic etc.,
    whatever the prompt. Ctrl-C stops the server.
    """
    import asyncio

    from i2a.simulator.server import serve as run

    def ready(url: str) -> None:
        model = f"openai:offline@{url}"
        typer.echo(json.dumps({"model": model}) if as_json else model)

    asyncio.run(run(config, config.port, ready, host=config.host))
