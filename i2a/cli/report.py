"""`i2a report`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command

if TYPE_CHECKING:
    from i2a.cli.settings import ReportOptions

EXAMPLE = """\
i2a report runs/first --out report.html
i2a report runs/first runs/sft runs/dpo runs/eval --out all.html"""
TOML = """\
runs = ["runs/first", "runs/sft", "runs/dpo", "runs/eval"]
out = "all.html"
title = "Our experiment"
"""


@command("i2a.cli.settings:ReportOptions", example=EXAMPLE, toml=TOML, extra="evaluate")
def report(config: "ReportOptions", as_json: bool) -> None:
    """Write one HTML file about runs: curves, tables, audit, costs, training, and all conversations as trees.

    The file needs no network and no other file.
    """
    from i2a.errors import UsageError
    from i2a.files import atomic_write
    from i2a.report.page import page
    from i2a.report.runs import Run
    from i2a.report.trees import pack
    from i2a.text import counted

    out = config.out
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out}: a report is HTML; name it {out.with_suffix('.html')}")
    if out.exists() and not config.force:
        raise UsageError(f"{out} exists already; add --force to overwrite it, or choose another --out")
    found = [Run.read(path) for path in config.runs]
    packed = pack([(run.name, run.trees) for run in found if run.trees], limit=config.trees)
    text = page(config.title, found, packed)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(out) as file:
            file.write(text.encode())
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None
    if as_json:
        typer.echo(json.dumps({"file": str(out), "conversations": packed.count, "bytes": len(text.encode())}))
    else:
        typer.echo(f"{counted(packed.count, 'conversations')}, {len(text) / 1e6:.1f} MB: open {out} in a browser")
