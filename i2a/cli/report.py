"""`i2a report`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from i2a.cli.command import command


@command(example="i2a report runs/first runs/sft runs/dpo runs/eval --out report.html", extra="evaluate")
def report(
    runs: Annotated[
        list[Path],
        Argument(metavar="RUN", help="Folders of simulations, trainings and evaluations, in any order."),
    ],
    out: Annotated[Path, Option(help="HTML file to write; its name ends with .html.")] = Path("report.html"),
    title: Annotated[str, Option(help="Title of the report.")] = "Interact to align",
    trees: Annotated[int | None, Option(min=0, help="Most trees to include from each run.  [default: all]")] = None,
    force: Annotated[bool, Option("--force", help="Overwrite the file if it exists.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write one HTML file about runs: curves, tables, audit, costs, training, and all conversations as trees.

    The file needs no network and no other file.
    """
    from i2a.errors import UsageError
    from i2a.files import atomic_write
    from i2a.report.page import page
    from i2a.report.runs import Run
    from i2a.report.trees import pack

    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out}: a report is HTML; name it {out.with_suffix('.html')}")
    if out.exists() and not force:
        raise UsageError(f"{out} exists already; add --force to overwrite it, or choose another --out")
    found = [Run.read(path) for path in runs]
    packed = pack([(run.name, run.trees) for run in found if run.trees], limit=trees)
    text = page(title, found, packed)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(out) as file:
            file.write(text.encode())
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None
    if as_json:
        typer.echo(json.dumps({"file": str(out), "conversations": packed.count, "bytes": len(text.encode())}))
    else:
        typer.echo(f"{packed.count:,} conversations, {len(text) / 1e6:.1f} MB: open {out} in a browser")
