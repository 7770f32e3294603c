"""`i2a export`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2a.cli.command import command, progress_bar

if TYPE_CHECKING:
    from i2a.trees.formats import Exported

EXAMPLE = """\
i2a export runs/first --format dpo --option both_orders=true \\
    --out data/dpo.parquet"""


@command(example=EXAMPLE, extra="train")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a trees.jsonl.")],
    out: Annotated[
        Path, typer.Option(help="File to write: JSONL, or Parquet if its name ends with .parquet.  [required]")
    ],
    format: Annotated[
        str, typer.Option(help="aloe: records of the ALOE release. sft, dpo: rows to train on.")
    ] = "aloe",
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Option of the format. Repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write the trees of a run in another format.

    aloe: a record has room for labelled pairs only, so it ends before the first turn whose verdicts disagree. The whole
    tree is kept under the key "i2a", so that `i2a import` restores it. Option: plain=true leaves that key out.

    sft, dpo: one row for each labelled pair, in TRL's conversational form. A dataset card beside the file (ending in
    .md) says how it was made, and how TRL, Axolotl and LLaMA-Factory read it. Options: min_margin=0.5 leaves out pairs
    with less agreement between verdicts; both_orders=true leaves out pairs that the judge decided differently in the
    two orders; layout=messages is for LLaMA-Factory and for SFT in Axolotl; target=rejected (sft) is an ablation of the
    paper.
    """
    from i2a.cli.flags import assignments
    from i2a.errors import UsageError
    from i2a.options import resolve
    from i2a.plugins import find
    from i2a.report.cards.dataset import WHAT, dataset_card
    from i2a.runs.run_folder import RunFolder
    from i2a.trees.export import export as write
    from i2a.trees.formats import Exported, Format
    from i2a.trees.json import read, trees_of

    made_by = find("formats", format, Format)
    options = resolve(made_by.rows, assignments(option, "--option"), f"format {format}")
    if out.suffix == ".parquet" and not made_by.flat:
        raise UsageError(f"{out}: format {format} has no fixed columns, as Parquet needs; write JSONL")
    file = trees_of(run)
    write_card = made_by.card or (dataset_card if format in WHAT else None)
    card = out.with_suffix(".md") if write_card else None
    for target in (out, card):
        if target:
            _refuse(target, file, force=force)
    folder = RunFolder(file.parent)
    manifest = folder.manifest() if folder.manifest_file.exists() else {}
    done = Exported(format, out.name, manifest, options)
    with file.open("rb") as lines:
        total = sum(1 for _ in lines)
    with progress_bar() as bar:
        write(bar.track(read(file), total=total, description="exporting"), made_by, done, out, source=file)
    if card and write_card:
        _write_card(card, write_card(done))
    if as_json:
        typer.echo(json.dumps({"trees": done.trees, "written": done.written, "left_out": done.left_out}))
    else:
        typer.echo(_in_words(done, out, card))


def _in_words(done: "Exported", out: Path, card: Path | None) -> str:
    from i2a.text import counted

    written = ", ".join(counted(count, what) for what, count in done.written.items())
    left_out = f". Left out: {'; '.join(done.left_out_in_words)}" if done.left_out_in_words else ""
    described = f", described in {card}" if card else ""
    return f"{counted(done.trees, 'trees')}: {written} written to {out}{described}{left_out}"


def _refuse(target: Path, trees: Path, *, force: bool) -> None:
    """Raise `UsageError` if `target` may not be written."""
    from i2a.errors import UsageError
    from i2a.runs.run_folder import RunFolder

    folder = RunFolder(trees.parent)
    own = (trees, folder.manifest_file, folder.failures_file, folder.path / "journal.sqlite")
    if target.resolve() in [path.resolve() for path in own]:
        raise UsageError(f"{target} belongs to the run itself; choose another --out")
    if target.exists() and not force:
        raise UsageError(f"{target} exists already; add --force to overwrite it, or choose another --out")


def _write_card(card: Path, text: str) -> None:
    from i2a.errors import UsageError
    from i2a.files import atomic_write

    try:
        with atomic_write(card) as target:
            target.write(text.encode())
    except OSError as error:
        raise UsageError(f"{card}: cannot be written: {error.strerror}; choose another --out") from None
