"""`i2a report`."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option


def report(
    runs: Annotated[list[Path], Argument(help="Folders of simulations, trainings and evaluations, in any order.")],
    out: Annotated[Path, Option(help="The HTML file to write.")] = Path("report.html"),
    title: Annotated[str, Option(help="Its title.")] = "Interact to align",
    trees: Annotated[int | None, Option(min=0, help="Trees of each run to take in, at most.  [default: all]")] = None,
    force: Annotated[bool, Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write one HTML file about runs: curves, tables, audit, costs, training, and every conversation as a tree.

    It needs no network and nothing beside it, so it can be sent as it is.

    Example:  i2a report runs/corpus runs/sft runs/dpo runs/eval --out report.html
    """
    from i2a.errors import UsageError
    from i2a.files import atomic_write
    from i2a.report.page import page
    from i2a.report.runs import Run
    from i2a.report.trees import pack

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
    typer.echo(f"{packed.count:,} conversations, {len(text) / 1e6:.1f} MB: open {out} in a browser")
