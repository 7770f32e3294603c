"""`i2a export`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command, progress_bar, warn_of_torn_line

if TYPE_CHECKING:
    from i2a.cli.settings import ExportOptions
    from i2a.trees.formats import Exported

EXAMPLE = """\
i2a export runs/first --format dpo --option both_orders=true \\
    --out data/dpo.jsonl
i2a export runs/first --format sharegpt --out data/chats.json"""
TOML = """\
run = "runs/first"
format = "dpo"
option = { both_orders = true }
out = "data/dpo.jsonl"
"""


@command("i2a.cli.settings:ExportOptions", example=EXAMPLE, toml=TOML, extra="train")
def export(config: "ExportOptions", as_json: bool) -> None:
    """Write the trees of a run in another format.

    Other formats are those that `i2a import` reads, and dialogue, which is text. What one has no place for is counted.

    aloe: a record has room for labelled pairs only, so it ends before the first turn whose verdicts disagree. The whole
    tree is kept under the key "i2a", so that `i2a import` restores it. Option: plain=true leaves that key out.

    sft, dpo: one row for each labelled pair, in TRL's conversational form. A dataset card beside the file, of
    its name and .md, says how it was made, and how TRL, Axolotl and LLaMA-Factory read it. Options: min_margin=0.5
    leaves out pairs with less agreement between verdicts; both_orders=true leaves out pairs that the judge decided
    differently in the two orders; layout=messages is for LLaMA-Factory and for SFT in Axolotl; target=rejected (sft) is
    an ablation of the paper.
    """
    from i2a import jsonl
    from i2a.errors import UsageError
    from i2a.hub import push_dataset
    from i2a.options import resolve
    from i2a.plugins import find
    from i2a.report.cards.dataset import WHAT, conversations_card, dataset_card
    from i2a.runs.run_folder import RunFolder
    from i2a.trees.export import STDOUT, TEXTS, form_of
    from i2a.trees.export import export as write
    from i2a.trees.formats import Exported, Format
    from i2a.trees.json import read, trees_of

    out, format = config.out, config.format
    made_by = find("formats", format, Format)
    options = resolve(made_by.rows, config.option, f"format {format}")
    printed, push = out == STDOUT, config.push_to_hub
    if push and (printed or out.suffix.lower() in TEXTS):
        raise UsageError("--push-to-hub needs a file of rows; name one with --out, such as data.parquet")
    if config.public and not push:
        raise UsageError("--public says that --push-to-hub is public; add --push-to-hub NAME")
    if printed and as_json:
        raise UsageError("--out - and --json both write to standard output; leave one out")
    file = trees_of(config.run)
    warn_of_torn_line(file)
    write_card = made_by.card or (dataset_card if format in WHAT else conversations_card if push else None)
    card = out.with_name(f"{out.name}.md") if write_card and not printed else None
    for target in (None if printed else out, card):
        if target:
            _refuse(target, file, force=config.force)
    form_of(out, made_by, format)
    folder = RunFolder(file.parent)
    manifest = folder.manifest() if folder.manifest_file.exists() else {}
    done = Exported(format, out.name, manifest, options)
    total = sum(1 for _ in jsonl.lines(file))
    with progress_bar() as bar:
        write(bar.track(read(file), total=total, description="exporting"), made_by, done, out, source=file)
    if card and write_card:
        _write_card(card, write_card(done))
    if not as_json:
        typer.echo(_in_words(done, out, card), err=printed)
    pushed = push_dataset(push, out, card.read_text("utf-8"), public=config.public) if push and card else None
    if as_json:
        counts = {"trees": done.trees, "written": done.written, "left_out": done.left_out}
        typer.echo(json.dumps(counts | ({"pushed": pushed} if pushed else {})))
    elif pushed:
        typer.echo(f"pushed to {pushed}{'' if config.public else ', which is private'}")


def _in_words(done: "Exported", out: Path, card: Path | None) -> str:
    from i2a.text import counted

    written = ", ".join(counted(count, what) for what, count in done.written.items())
    left_out = f". Left out: {'; '.join(done.left_out_in_words)}" if done.left_out_in_words else ""
    described = f", described in {card}" if card else ""
    where = "standard output" if str(out) == "-" else out
    return f"{counted(done.trees, 'trees')}: {written} written to {where}{described}{left_out}"


def _refuse(target: Path, trees: Path, *, force: bool) -> None:
    """Raise `UsageError` if `target` may not be written."""
    from i2a.errors import UsageError
    from i2a.runs.run_folder import RunFolder

    folder = RunFolder(trees.parent)
    own = (trees, folder.manifest_file, folder.failures_file, folder.path / "journal.sqlite")
    if target.resolve() in [path.resolve() for path in own]:
        raise UsageError(f"{target} belongs to the run itself; choose another --out")
    if target.exists() and not target.is_file():
        raise UsageError(f"{target} is no file that can be replaced; choose another --out, or - for standard output")
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
