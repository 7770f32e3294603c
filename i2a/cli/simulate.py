"""`i2a simulate`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command
from i2a.cli.dry_run import tell

if TYPE_CHECKING:
    from scenarios.settings import Simulation

EXAMPLE = """\
i2a simulate --conversations 4 --turns 3 --out runs/first
i2a simulate --conversations 20 --turns 5 --out runs/server \\
    --model openai:qwen3@http://localhost:8000/v1 \\
    --role-model judge=openai:gpt-4o-mini"""
TOML = """\
out = "runs/server"
conversations = 20
turns = 5
model = "openai:qwen3@http://localhost:8000/v1"
role-model = { judge = "openai:gpt-4o-mini" }"""


@command("scenarios.settings:Simulation", example=EXAMPLE, toml=TOML)
def simulate(config: "Simulation", as_json: bool) -> None:
    """Grow a corpus of conversation trees: personas and models in, `OUT/trees.jsonl` out.

    In the scenario `aloe`, the User plays a hidden persona; the Inducer lists what the dialogue has revealed about it;
    two Responders reply, with and without that list as a hint; and the Judge labels the reply that suits the user.

    Every answer is stored in a journal before it is used: after a crash or Ctrl-C, the same command with --resume
    continues where it stopped, and no call is paid for twice. Press Ctrl-C once to finish in-flight requests and stop;
    press it twice to stop immediately. Exit code 3: some conversations failed; 4: the budget is spent; 130:
    interrupted.
    """
    from rich.console import Console

    from i2a.runs.outcome import as_dict, print_result
    from scenarios.simulation import plan_simulation
    from scenarios.simulation import simulate as run

    if config.dry_run:
        tell(plan_simulation(config), config, as_json)
        return
    result = run(config, console=Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(as_dict(result)))
    else:
        print_result(result, Console(stderr=True))
    result.raise_for_status()
