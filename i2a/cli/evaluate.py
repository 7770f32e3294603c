"""`i2a evaluate`, with `i2a compare` beside it."""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from i2a.cli.compare import compare

__all__ = ["compare", "evaluate"]


def evaluate(
    candidates: Annotated[
        list[str] | None,
        Argument(metavar="CANDIDATE...", help="MODEL or NAME=MODEL; reminder:, brief:, oracle: or shuffled:MODEL."),
    ] = None,
    config: Annotated[Path | None, Option(help="A TOML file with any of these settings; flags win over it.")] = None,
    replay: Annotated[
        Path | None, Option(help="A run: the users of its stored dialogues are replayed to every candidate.")
    ] = None,
    rejudge: Annotated[Path | None, Option(help="An evaluation: other judges rate its stored dialogues.")] = None,
    profiles: Annotated[Path | None, Option(help="A file of profiles.  [default: 20 of the benchmark]")] = None,
    personalities: Annotated[
        Path | None, Option(help="A file of personalities.  [default: 5 of the benchmark]")
    ] = None,
    cases: Annotated[
        int | None, Option(help="Draw so many cases.  [default: every profile x every personality]")
    ] = None,
    turns: Annotated[int | None, Option(help="Turns of each dialogue.  [default: 10]")] = None,
    seed: Annotated[int | None, Option(help="The same seed and models give the same numbers.  [default: 0]")] = None,
    user: Annotated[str | None, Option(help="The model that plays the user.  [default: offline]")] = None,
    judge: Annotated[list[str] | None, Option("--judge", help="A judge; repeatable.  [default: offline]")] = None,
    protocol: Annotated[
        str | None, Option(help="aloe (a score of 1-5) or strict (pass or fail).  [default: aloe]")
    ] = None,
    inducer: Annotated[
        str | None, Option(help="The Inducer whose precision is audited.  [default: offline, with an offline user]")
    ] = None,
    ratings: Annotated[Path | None, Option(help="Human ratings, for their agreement with the judges.")] = None,
    baseline: Annotated[
        str | None, Option(help="The candidate that others are compared with.  [default: the first]")
    ] = None,
    concurrency: Annotated[int | None, Option(help="Dialogues held at once.  [default: 32]")] = None,
    max_calls: Annotated[
        int | None, Option(help="Calls to one model at once, at most; adapts below.  [default: 4 x concurrency]")
    ] = None,
    retries: Annotated[int | None, Option(help="How often a failed call is tried again.  [default: 8]")] = None,
    max_cost: Annotated[float | None, Option(help="Stop when this many US dollars are spent on the run.")] = None,
    max_tokens: Annotated[int | None, Option(help="Stop when this many tokens are used by the run.")] = None,
    price: Annotated[
        list[str] | None, Option("--price", help="MODEL=IN/OUT, US dollars for a million tokens; repeatable.")
    ] = None,
    out: Annotated[Path | None, Option(help="The folder for the evaluation.")] = None,
    resume: Annotated[
        bool, Option("--resume", help="Go on with the run in --out; of a complete one, only derive.")
    ] = False,
    retry_failed: Annotated[bool, Option("--retry-failed", help="Go on, and redo the failed dialogues.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No live view.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure how well candidates adapt to a person as the dialogue goes on: the ALOE benchmark.

    Each candidate talks with the same simulated users, and a judge rates every reply. Controls: offline:generic (the
    floor), offline:oracle (told the persona, the ceiling), offline:parrot, offline:facts and offline:salad (what no
    judge should like). Writes trees.jsonl, scores.jsonl, summary.json and curves.png and .svg. Exit code 3: some
    dialogues failed; 4: the budget is spent; 130: interrupted; --resume goes on.

    Example:  i2a evaluate base=hf:models/base tuned=hf:runs/dpo/model offline:oracle --judge openai:gpt-4o
    --user openai:gpt-4o-mini --out runs/eval
    """
    from rich.console import Console

    from i2a.errors import UsageError

    try:
        from evaluation.benchmark import evaluate as run
        from evaluation.settings import settings
        from i2a.report.evaluation_result import as_dict, print_result
        from i2a.report.plots import draw
    except ImportError as error:
        raise UsageError(f"evaluation needs {error.name}: pip install 'i2a[evaluate]'") from None

    given = {
        name: value
        for name, value in {
            "candidates": candidates or None,
            "replay": replay,
            "rejudge": rejudge,
            "profiles": profiles,
            "personalities": personalities,
            "cases": cases,
            "turns": turns,
            "seed": seed,
            "user": user,
            "judges": judge,
            "protocol": protocol,
            "inducer": inducer,
            "ratings": ratings,
            "baseline": baseline,
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
    result = run(settings(config, given), console=Console(stderr=True), draw=draw)
    if as_json:
        typer.echo(json.dumps(as_dict(result)))
    else:
        print_result(result, Console(stderr=True))
    result.run.raise_for_status()
