"""`i2a models check`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from i2a.cli.command import command

if TYPE_CHECKING:
    from i2a.models.check import Finding, ModelCheck
    from i2a.models.model import Price
    from i2a.models.spec import ModelSpec

CHECK = """\
i2a models check offline
i2a models check openai:qwen3@http://localhost:8000/v1
i2a models check hf:runs/dpo --json
i2a models check openai:gpt-4o-mini --require structure --require seed"""

models = typer.Typer(help="See what a model or a server can do.", no_args_is_help=True, rich_markup_mode=None)


@models.callback()
def _group() -> None:
    """See what a model or a server can do."""


@models.command()
@command(example=CHECK)
def check(
    model: Annotated[str, Argument(metavar="MODEL", help="Model string, as for --model.")],
    require: Annotated[
        list[str] | None,
        Option(metavar="NAME", help="Fail unless this works: structure, seed, system, usage, ... Repeatable."),
    ] = None,
    price: Annotated[
        str | None, Option(metavar="IN/OUT", help="Its price, in US dollars per million tokens.", show_default=False)
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Ask a model about ten small questions, and print what it can do, and what to do about the rest.

    Whether it answers and counts tokens, keeps to a seed, reads the system message, is held to a JSON schema (or
    ignores it in silence), writes JSON from the prompt alone, gives log-probabilities, says how long its context is,
    thinks first; how fast it is, and whether its price is known. Exit code 1: it does not answer; 3: something that is
    required does not work.
    """
    import asyncio

    from i2a.errors import ModelLacks, UsageError
    from i2a.models.check import NAMES
    from i2a.models.spec import ModelSpec
    from i2a.models.usage import cost, find_price, parse_price

    required = [name for name in NAMES if name in (require or ())]
    if unknown := set(require or ()) - set(NAMES):
        raise UsageError(f"--require {sorted(unknown)[0]}: there is no such check; there are: {', '.join(NAMES)}")
    spec = ModelSpec.parse(model)
    dollars = find_price(spec) if price is None else parse_price(f"{spec}={price}")[1]
    found, notes = asyncio.run(_checked(spec, dollars, quiet=as_json))
    spent = None if dollars is None else cost(dollars, found)
    if as_json:
        typer.echo(json.dumps({"model": str(spec), **found.as_json(), "cost": spent, "notes": list(notes)}))
    else:
        for note in notes:
            typer.echo(f"note: {note}")
        money = "price unknown" if spent is None else f"${spent:.4f}"
        typer.echo(f"{found.calls} calls, {found.prompt_tokens:,} tokens in, {found.completion_tokens:,} out, {money}")
    if found.error is not None:
        raise found.error
    if lacking := found.lacking(required):
        raise ModelLacks(f"{spec} lacks what is required: {', '.join(finding.name for finding in lacking)}")


async def _checked(spec: "ModelSpec", price: "Price | None", quiet: bool) -> "tuple[ModelCheck, list[str]]":
    """The check of a model, told line by line unless `quiet`, and what came out about its server."""
    from i2a.models.check import check

    model = spec.open()
    try:
        await model.prepare()
        if not quiet:
            typer.echo(f"{spec}{' (a rule-based simulator)' if model.simulated else ''}")
        return await check(model, price=price, told=(lambda finding: None) if quiet else _tell), list(model.notes)
    finally:
        await model.close()


def _tell(finding: "Finding") -> None:
    mark = {True: "yes", False: "no", None: "?"}[finding.works]
    typer.echo(f"  {mark:<4}{finding.name:<10} {finding.found}")
    if finding.advice:
        typer.echo(f"{'':17}-> {finding.advice}")
