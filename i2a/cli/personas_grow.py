"""`i2a personas grow`, with `check` and `sample` of the core beside it."""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from i2a.cli.personas import check, sample

personas = typer.Typer(help="Grow, check and sample pools of personas.", no_args_is_help=True, rich_markup_mode=None)


@personas.command()
def grow(
    kind: Annotated[str, Option(help="profile or personality.")],
    out: Annotated[Path, Option(help="The pool, one JSON object a line; its journal stands beside it in OUT.run.")],
    target: Annotated[int, Option(min=1, help="Stop at this size, seeds included.")] = 331,
    seeds: Annotated[Path | None, Option(help="The pool to begin with.  [default: the 20 that come with i2a]")] = None,
    without_seeds: Annotated[
        bool, Option("--without-seeds", help="Write, and count, only what is new beside them: a pool for a test.")
    ] = False,
    model: Annotated[str, Option(help="The Persona Writer: offline, openai:NAME or openai:NAME@URL.")] = "offline",
    candidates: Annotated[
        Path | None, Option(help="Sift a collection (.txt, .jsonl, .parquet) instead of asking a model.")
    ] = None,
    column: Annotated[str | None, Option(help="The column of the collection that holds the texts.")] = None,
    checked: Annotated[bool, Option("--checked/--unchecked", help="Whether a text must have the right form.")] = True,
    encoder: Annotated[
        str | None, Option(help="tfidf, or a sentence-transformers model.  [default: the paper's, else tfidf]")
    ] = None,
    threshold: Annotated[
        float | None, Option(help="Highest similarity to a kept one.  [default: the encoder's]")
    ] = None,
    seed: Annotated[int, Option(help="The same seed and answers give the same pool.")] = 0,
    batch: Annotated[int, Option(min=1, help="Items asked for in a call.")] = 20,
    calls: Annotated[int, Option(min=1, help="Calls in flight.")] = 8,
    window: Annotated[int, Option(min=1, help="Saturation is looked for over so many candidates.")] = 400,
    saturation: Annotated[float, Option(min=0, max=1, help="Stop when a smaller share of them is new.")] = 0.05,
    retries: Annotated[int, Option(min=0, help="How often a failed call is tried again.")] = 8,
    max_cost: Annotated[float | None, Option(help="Stop when this many US dollars are spent.")] = None,
    max_tokens: Annotated[int | None, Option(help="Stop when this many tokens are used.")] = None,
    price: Annotated[list[str] | None, Option("--price", help="MODEL=IN/OUT, US dollars a million tokens.")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the growth of --out.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No live view.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Grow a pool: a model writes new personas, and those that are unlike all kept ones stay.

    It stops at the target or at saturation, and says which. A larger --target with --resume goes on. With --candidates
    the texts come from a file, e.g. somebody else's collection, and only what is new is kept.

    A pool for a test: --seeds TRAINING --without-seeds. The writers offline?values=seen and offline?values=unseen draw
    places, names, work, pastimes and so on from lists that have no entry in common.

    Example:  i2a personas grow --kind profile --target 1000 --model offline --seed 1 --out pools/profiles.jsonl
    """
    from pydantic import ValidationError
    from rich.console import Console

    from i2a.errors import I2AError, UsageError
    from i2a.runs.live import money, roles_table

    try:
        from i2a.personas.growth import Growth, grow_pool
    except ImportError as error:
        raise UsageError(f"growing a pool needs {error.name}: pip install 'i2a[personas]'") from None
    try:
        config = Growth(
            kind=kind,
            out=out,
            target=target,
            seeds=seeds,
            without_seeds=without_seeds,
            model=model,
            candidates=candidates,
            column=column,
            checked=checked,
            encoder=encoder,
            threshold=threshold,
            seed=seed,
            batch=batch,
            calls=calls,
            window=window,
            saturation=saturation,
            retries=retries,
            max_cost=max_cost,
            max_tokens=max_tokens,
            prices=price or [],
            resume=resume,
            view="quiet" if quiet else "live",
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(f"--{problem['loc'][0]}: {problem['msg']}, not {problem['input']!r}") from None
    console = Console(stderr=True)
    grown = grow_pool(config, console)
    stopped = grown.why if isinstance(grown.why, I2AError) else None
    if as_json:
        result = grown._asdict() | {"out": str(out), "why": str(grown.why), "cost": grown.meter.cost()}
        result.pop("meter")
        typer.echo(json.dumps(result))
    else:
        if grown.meter.usage:
            console.print(roles_table(grown.meter))
        rejected = ", ".join(f"{reason} {count}" for reason, count in grown.rejections.most_common()) or "none"
        typer.echo(
            f"{grown.size} in {out}, {grown.seeds} of them seeds; {grown.candidates} candidates; not kept: {rejected}\n"
            f"encoder {grown.encoder}, threshold {grown.threshold:g}; cost {money(grown.meter.cost())}"
        )
        if stopped is None:
            typer.echo(f"Stopped at {grown.why}. Look at it:  i2a personas check {out}")
    if stopped is not None:
        raise stopped


personas.command()(check)
personas.command()(sample)
