"""`i2a import`."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from i2a.cli.command import command, progress_bar

if TYPE_CHECKING:
    from i2a.cli.settings import ImportOptions


EXAMPLE = """\
i2a export runs/first --format aloe --out aloe.jsonl
i2a import aloe.jsonl --out runs/aloe"""
TOML = """\
file = "aloe.jsonl"
out = "runs/aloe"
"""


@command("i2a.cli.settings:ImportOptions", example=EXAMPLE, toml=TOML)
def import_(config: "ImportOptions", as_json: bool) -> None:
    """Import conversations in the format of the ALOE release as a run, for `show`, `export` and `train` to read.

    A file that `i2a export --format aloe` wrote gives back the same trees.
    """
    from shutil import copyfileobj
    from tempfile import TemporaryFile

    from i2a.errors import UsageError
    from i2a.files import atomic_write
    from i2a.runs.run_folder import RunFolder
    from i2a.trees.aloe_import import convert

    file, out = config.file, config.out
    there = RunFolder(out)
    if there.manifest_file.exists() and "imported" not in there.manifest()["identity"]:
        raise UsageError(f"{out} already holds a run; choose another --out")
    try:
        with TemporaryFile() as trees:
            done = convert(_lines(file), "standard input" if file == Path("-") else str(file), trees)
            if done.bad and not config.skip_bad:
                raise UsageError(f"{done.bad_lines}; nothing is imported: fix them, or leave them out with --skip-bad")
            if not done.conversations:
                raise UsageError(f"{done.name}: no conversation in it; give one published record per line")
            identity = {"file": file.name, "sha256": done.sha256, "conversations": done.conversations}
            # An import that was killed half-way may be done again: the same file gives the same bytes.
            with RunFolder.open(out, {"imported": identity}, {"notes": done.warnings}, resume=True) as folder:
                trees.seek(0)
                with atomic_write(folder.trees_file) as target:
                    copyfileobj(trees, target)
    except OSError as error:
        advice = "free some space there and in the folder for temporary files (TMPDIR), then import again"
        raise UsageError(f"{out}: cannot import: {error.strerror}; {advice}") from None
    if as_json:
        typer.echo(json.dumps(done.counts))
        return
    counts = f"{done.conversations:,} conversations with {done.utterances:,} utterances are in {out}"
    typer.echo(f"{'; '.join([counts, *done.warnings])}. Next:  i2a show {out}")


def _lines(file: Path) -> Iterator[bytes]:
    """The lines of a file, or of standard input, with a progress bar. Raises `UsageError` if it cannot be read."""
    import sys

    from i2a.errors import UsageError

    stdin = file == Path("-")
    try:
        opened: AbstractContextManager[IO[bytes]] = nullcontext(sys.stdin.buffer) if stdin else file.open("rb")
        size = None if stdin else file.stat().st_size
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; give a JSONL file") from None
    with opened as source, progress_bar() as bar:
        task = bar.add_task("importing", total=size or None)
        for line in source:
            yield line
            bar.advance(task, len(line))
