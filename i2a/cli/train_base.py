"""`i2a train base`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

EXTRA = {"torch", "transformers", "tokenizers", "safetensors"}


def base(
    out: Annotated[Path, Option(help="The folder for the model.")],
    seed: Annotated[int | None, Option(help="The same seed gives the same model.  [default: 0]")] = None,
    tokens: Annotated[int | None, Option(help="Tokens to read; more recalls better.  [default: 1200000]")] = None,
    vocabulary: Annotated[int | None, Option(help="Tokens of the vocabulary.  [default: 6000]")] = None,
    hidden: Annotated[int | None, Option(help="Width of the model.  [default: 192]")] = None,
    layers: Annotated[int | None, Option(help="Its layers; copying takes two, finding three.  [default: 3]")] = None,
    heads: Annotated[int | None, Option(help="Attention heads of each.  [default: 4]")] = None,
    learning_rate: Annotated[float | None, Option(help="Highest rate of the schedule.  [default: 0.0005]")] = None,
    threads: Annotated[
        int | None, Option(help="CPU threads; another number gives slightly other weights.  [default: 2]")
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the training in --out.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a small model from scratch that can follow a chat and recall what was said, and adapts to nobody.

    It is what the demo and the tests start from: minutes on two CPU cores, no download. It reads dialogues of the
    offline engine with generic replies, after learning to copy. Ctrl-C loses seconds; the same command with --resume
    goes on. Exit code 130: interrupted.

    Example:  i2a train base --out runs/base
    """
    from rich.console import Console

    from i2a.errors import Interrupted, UsageError
    from i2a.settings import settle
    from i2a.simulator.model.settings import Base

    given: dict[str, Any] = {
        "out": out,
        "seed": seed,
        "tokens": tokens,
        "vocabulary": vocabulary,
        "hidden": hidden,
        "layers": layers,
        "heads": heads,
        "learning_rate": learning_rate,
        "threads": threads,
        "resume": resume,
        "view": "quiet" if quiet else None,
    }
    flags = {name: value for name, value in given.items() if value is not None}
    config = settle(Base, {}, flags, file=None, missing={})
    try:
        from i2a.simulator.model.card import card
        from i2a.simulator.model.loop import train_base
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        raise UsageError(f"training needs the package {error.name}: pip install 'i2a[train]'") from None
    try:
        result = train_base(config, Console(stderr=True), card)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the same command with --resume goes on") from None
    typer.echo(json.dumps(result)) if as_json else typer.echo(_in_words(result), err=True)


def _in_words(result: dict[str, Any]) -> str:
    """The finishing lines: what came of it, and what to do with it."""
    last = list(result["stages"].values())[-1]
    recalled = ", ".join(f"{name} {found['tokens']:.1%}" for name, found in last["recall"].items())
    return (
        f"{result['parameters']:,} parameters, {result['tokens']:,} tokens in {result['steps']:,} steps, "
        f"loss {last['loss']:.3f}; tokens recalled: {recalled}\n"
        f"{result['model']} holds the model. Go on:  i2a train sft RUN --model {result['model']} --out runs/sft"
    )
