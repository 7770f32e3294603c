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
    from i2a.records import Record


EXAMPLE = """\
i2a export runs/first --format aloe --out aloe.jsonl
i2a import aloe.jsonl --out runs/aloe
i2a export runs/first --format sharegpt --out chats.json
i2a import chats.json --out runs/chats"""
TOML = """\
file = "aloe.jsonl"
out = "runs/aloe"
"""


@command("i2a.cli.settings:ImportOptions", example=EXAMPLE, toml=TOML)
def import_(config: "ImportOptions", as_json: bool) -> None:
    """Import conversations as a run, for `show`, `export`, `train` and `evaluate --replay` to read.

    Formats: aloe (the ALOE release, and what `i2a export` wrote), sharegpt, openai, anthropic, trl (preferences, and
    prompts with a completion), oasst, wildchat, utterances (a row each), and the preferences openai_pairs,
    sharegpt_pairs and hh. Which one it is shows in the first record. Files: JSONL, JSON, CSV, Parquet, or a folder of
    these, as a dataset has them. A file that `i2a export` wrote gives back what its format holds.
    """
    from shutil import copyfileobj
    from tempfile import TemporaryFile

    from i2a.errors import UsageError
    from i2a.files import atomic_write
    from i2a.plugins import find
    from i2a.runs.run_folder import RunFolder
    from i2a.trees.formats import Format
    from i2a.trees.imports import Imported, convert, readable, recognise

    file, out = config.file, config.out
    there = RunFolder(out)
    if there.manifest_file.exists() and "imported" not in there.manifest()["identity"]:
        raise UsageError(f"{out} already holds a run; choose another --out")
    source = _Source(file)
    try:
        with TemporaryFile() as trees:
            records = source.records()
            name, format = config.format or "", None
            if name:
                format = find("formats", name, Format)
                if format.read is None:
                    raise UsageError(f"format {name} cannot be imported; choose one of {', '.join(readable())}")
            else:
                name, format, records = recognise(records, source.name)
            done = Imported(source.name, name or "aloe")
            convert(records, done, format or find("formats", "aloe", Format), trees)
            if done.bad and not config.skip_bad:
                raise UsageError(f"{done.bad_lines}; nothing is imported: fix them, or leave them out with --skip-bad")
            if not done.conversations:
                raise UsageError(f"{done.name}: no conversation in it; give one published record per line")
            identity = {"file": file.name, "sha256": source.sha256, "conversations": done.conversations}
            if done.format != "aloe":  # which was the only one in version 0.1
                identity["format"] = done.format
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
    form = "" if done.format == "aloe" else f" of format {done.format}"
    counts = f"{done.conversations:,} conversations{form} with {done.utterances:,} utterances are in {out}"
    typer.echo(f"{'; '.join([counts, *done.warnings])}. Next:  i2a show {out}")


class _Source:
    """What is imported: a file, a folder of files, or standard input (`-`)."""

    def __init__(self, file: Path) -> None:
        from hashlib import sha256

        self.file, self._stdin = file, file == Path("-")
        self.name = "standard input" if self._stdin else str(file)
        self._digest = sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def records(self) -> "Iterator[Record]":
        """All records, with a progress bar. Raises `UsageError` for what cannot be read."""
        from i2a import records

        kind = "" if self._stdin else records.ending(self.file)
        if self._stdin or (
            self.file.suffix.lower() != ".gz" and not self.file.is_dir() and kind not in records.READERS
        ):
            yield from records.of_lines(self._lines(), self.name)
            return
        for file in records.files_of(self.file):
            with self._opened(file) as source:
                while part := source.read(1 << 20):
                    self._digest.update(part)
        with progress_bar() as bar:
            yield from bar.track(records.read(self.file), description="importing")

    def _lines(self) -> Iterator[bytes]:
        import sys

        stdin = self._stdin
        opened: AbstractContextManager[IO[bytes]] = nullcontext(sys.stdin.buffer) if stdin else self._opened(self.file)
        with opened as source, progress_bar() as bar:
            task = bar.add_task("importing", total=(None if stdin else self.file.stat().st_size) or None)
            for line in source:
                self._digest.update(line)
                yield line
                bar.advance(task, len(line))

    def _opened(self, file: Path) -> IO[bytes]:
        from i2a.errors import UsageError
        from i2a.records import ENDINGS

        try:
            return file.open("rb")
        except OSError as error:
            raise UsageError(f"{file}: cannot be read: {error.strerror}; give {ENDINGS}") from None
