"""`i2a export`: the trees of a run in another format, with one conversation in memory at a time.
See `i2a.trees.formats`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from i2a.cli.flags import assignments
from i2a.cli.progress import progress_bar
from i2a.files import atomic_write

if TYPE_CHECKING:
    from i2a.trees.formats import Exported, Format

BATCH = 1000


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or a trees.jsonl.")],
    out: Annotated[Path, typer.Option(help="File to write: JSONL, or Parquet if its name ends with .parquet.")],
    format: Annotated[
        str, typer.Option(help="aloe: records of the ALOE release. sft, dpo: rows to train on.")
    ] = "aloe",
    option: Annotated[list[str] | None, typer.Option("--option", help="NAME=VALUE for the format; repeatable.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="aloe: write what a record has a place for, no more.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Write the trees of a run in another format.

    aloe: a record ends before the first turn on which no verdict agrees, for it has a place only for labelled pairs.
    The whole tree goes along under the key "i2a", so that `i2a import` brings it back, unless `--plain` is given.

    sft, dpo: one row for each labelled pair, in TRL's conversational form. A dataset card beside the file (with the
    ending .md) says how it was made, and how TRL, Axolotl and LLaMA-Factory read it. Options: min_margin=0.5 leaves out
    pairs on which the verdicts agree less, both_orders=true those that the judge did not decide alike in both orders;
    layout=messages is for LLaMA-Factory and for SFT in Axolotl; target=rejected (sft) is the paper's ablation.

    Example:  i2a export runs/first --format dpo --option both_orders=true --out data/dpo.parquet
    """
    from i2a.errors import UsageError
    from i2a.options import resolve
    from i2a.plugins import find
    from i2a.report.cards.dataset import WHAT, dataset_card
    from i2a.runs.run_folder import RunFolder
    from i2a.text import counted
    from i2a.trees.formats import Exported, Format
    from i2a.trees.json import trees_of

    made_by = find("formats", format, Format)
    options = resolve(made_by.rows, {**assignments(option, "--option"), **({"plain": True} if plain else {})})
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
    _export(file, made_by, done, out)
    if card and write_card:
        _write_card(card, write_card(done))
    if as_json:
        typer.echo(json.dumps({"trees": done.trees, "written": done.written, "left_out": done.left_out}))
        return
    written = ", ".join(counted(count, what) for what, count in done.written.items())
    left_out = f". Left out: {'; '.join(done.left_out_in_words)}" if done.left_out_in_words else ""
    described = f", described in {card}" if card else ""
    typer.echo(f"{counted(done.trees, 'trees')}: {written} written to {out}{described}{left_out}")


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


def _export(file: Path, made_by: "Format", done: "Exported", out: Path) -> None:
    """Write what the format makes of the trees in `file`. Raises `UsageError`."""
    from i2a.errors import UsageError

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(out) as target:
            rows = _rows(file, made_by, done)
            _write_parquet(rows, target) if out.suffix == ".parquet" else _write_lines(rows, target)
            if not done.rows:
                why = "; ".join(done.left_out_in_words) or "no tree is finished"
                raise UsageError(f"{file}: nothing to write in format {done.format}: {why}")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None


def _write_card(card: Path, text: str) -> None:
    from i2a.errors import UsageError

    try:
        with atomic_write(card) as target:
            target.write(text.encode())
    except OSError as error:
        raise UsageError(f"{card}: cannot be written: {error.strerror}; choose another --out") from None


def _rows(file: Path, made_by: "Format", done: "Exported") -> Iterator[Mapping[str, object]]:
    """The rows of the trees in `file`, counted in `done`."""
    from i2a.errors import UsageError
    from i2a.trees.json import read

    unfit, example = 0, ""
    with file.open("rb") as lines:
        total = sum(1 for _ in lines)
    with progress_bar() as bar:
        for tree in bar.track(read(file), total=total, description="exporting"):
            done.trees += 1
            try:
                made = made_by.rows(tree, **done.options)
            except UsageError as problem:
                unfit, example = unfit + 1, example or str(problem)
                continue
            yield from made.rows
            done.rows += len(made.rows)
            done.written.update(made.written)
            done.left_out.update(made.left_out)
    if unfit:
        done.left_out[f"trees of another shape ({example})"] = unfit


def _write_lines(rows: Iterable[Mapping[str, object]], target: IO[bytes]) -> None:
    for row in rows:
        target.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _write_parquet(rows: Iterator[Mapping[str, object]], target: IO[bytes]) -> None:
    """The columns are those of the first rows. Holds one batch."""
    from i2a.errors import UsageError

    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageError('Parquet needs pyarrow: pip install "i2a[train]", or write JSONL') from None
    if not (batch := list(islice(rows, BATCH))):
        return
    schema = pa.Table.from_pylist(batch).schema
    with parquet.ParquetWriter(target, schema) as writer:
        while batch:
            writer.write_table(pa.Table.from_pylist(batch, schema))
            batch = list(islice(rows, BATCH))
