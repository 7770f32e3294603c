"""`i2a simulate` and `i2a scenarios list|new|check`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

scenarios = typer.Typer(help="List, write and check scenario scripts.", no_args_is_help=True, rich_markup_mode=None)


def simulate(
    config: Annotated[Path | None, Argument(help="A TOML file with any of these settings; flags win over it.")] = None,
    scenario: Annotated[str | None, Option(help="A scenario's name, or the path of a script.  [default: aloe]")] = None,
    profiles: Annotated[Path | None, Option(help="A file of profiles.  [default: the 20 that come with i2a]")] = None,
    personalities: Annotated[Path | None, Option(help="A file of personalities.  [default: 20 of ours]")] = None,
    conversations: Annotated[int | None, Option(help="How many, each with another persona.  [default: 10]")] = None,
    turns: Annotated[int | None, Option(help="Turns of each.  [default: the scenario's]")] = None,
    option: Annotated[list[str] | None, Option("--option", help="NAME=VALUE for the scenario; repeatable.")] = None,
    seed: Annotated[int | None, Option(help="The same seed and models give the same corpus.  [default: 0]")] = None,
    model: Annotated[
        str | None,
        Option(
            help="offline, openai:NAME, openai:NAME@URL (key: OPENAI_API_KEY) or hf:FOLDER_OR_ID.  [default: offline]"
        ),
    ] = None,
    role_model: Annotated[
        list[str] | None, Option("--role-model", help="ROLE=MODEL, e.g. judge=openai:gpt-4o; repeatable.")
    ] = None,
    concurrency: Annotated[int | None, Option(help="Conversations held at once.  [default: 32]")] = None,
    max_calls: Annotated[
        int | None, Option(help="Calls to one model at once, at most; adapts below.  [default: 4 x concurrency]")
    ] = None,
    retries: Annotated[int | None, Option(help="How often a failed call is tried again.  [default: 8]")] = None,
    max_cost: Annotated[float | None, Option(help="Stop when this many US dollars are spent on the run.")] = None,
    max_tokens: Annotated[int | None, Option(help="Stop when this many tokens are used by the run.")] = None,
    price: Annotated[
        list[str] | None, Option("--price", help="MODEL=IN/OUT, US dollars for a million tokens; repeatable.")
    ] = None,
    out: Annotated[Path | None, Option(help="The folder for the corpus.")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    retry_failed: Annotated[bool, Option("--retry-failed", help="Go on, and redo the failed conversations.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No live view.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Grow a corpus of conversation trees: personas and models in, `OUT/trees.jsonl` out.

    Every paid answer is journaled before it is used: after a crash or Ctrl-C, the same command with --resume goes on
    where it stopped. Exit code 3: some conversations failed; 4: the budget is spent; 130: interrupted.

    Example:  i2a simulate --scenario aloe --conversations 20 --turns 5 --model openai:qwen3@http://localhost:8000/v1
    --role-model judge=openai:gpt-4o-mini --out runs/first
    """
    from rich.console import Console

    from i2a.cli.flags import assignments
    from i2a.runs.outcome import as_dict, print_result
    from scenarios.settings import settings
    from scenarios.simulation import simulate as run

    given = {
        name: value
        for name, value in {
            "scenario": scenario,
            "profiles": profiles,
            "personalities": personalities,
            "conversations": conversations,
            "turns": turns,
            "options": assignments(option, "--option") or None,
            "seed": seed,
            "model": model,
            "role_models": assignments(role_model, "--role-model") or None,
            "concurrency": concurrency,
            "max_calls": max_calls,
            "retries": retries,
            "max_cost": max_cost,
            "max_tokens": max_tokens,
            "prices": price,
            "out": out,
            "resume": resume or None,
            "retry_failed": retry_failed or None,
            "view": "quiet" if quiet else None,
        }.items()
        if value is not None
    }
    result = run(settings(config, given), console=Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(as_dict(result)))
    else:
        print_result(result, Console(stderr=True))
    result.raise_for_status()


@scenarios.command("list")
def list_scenarios(as_json: Annotated[bool, Option("--json", help="Print JSON.")] = False) -> None:
    """List the scenarios that can be named, with their roles and options.

    Example:  i2a scenarios list
    """
    from scenarios.script import find, installed

    found = {name: find(name) for name in installed()}
    if as_json:
        rows: list[dict[str, Any]] = [
            {"name": s.name, "about": s.about, "roles": list(s.roles), "options": dict(s.options), "file": str(s.file)}
            for s in found.values()
        ]
        typer.echo(json.dumps(rows))
        return
    for name, scenario in found.items():
        options = ", ".join(f"{option}={default!r}" for option, default in scenario.options.items())
        typer.echo(
            f"{name:<12}{scenario.about}\n{'':12}roles: {', '.join(scenario.roles)}; options: {options or 'none'}"
        )


@scenarios.command()
def new(name: Annotated[str, Argument(help="Name of the scenario: a Python identifier.")]) -> None:
    """Write NAME.py, a small scenario that runs, to start from.

    Example:  i2a scenarios new interview  &&  i2a simulate --scenario ./interview.py --conversations 2 --out runs/try
    """
    from scenarios.template import write

    path = write(name)
    typer.echo(f"Wrote {path}. Try it:  i2a scenarios check {path}")


@scenarios.command()
def check(file: Annotated[Path, Argument(help="The script.")]) -> None:
    """Check a script: load it, then hold one short conversation on the offline engine.

    Example:  i2a scenarios check ./interview.py
    """
    from scenarios.trial import trial

    typer.echo(trial(file))
