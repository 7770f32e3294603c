"""`i2a import`: a corpus of published records becomes a run, with one conversation in memory at a time."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from i2a.cli.progress import progress_bar
from i2a.files import atomic_write

SHOWN = 5


def import_(
    file: Annotated[Path, typer.Argument(help="JSONL, one published record per line; - reads standard input.")],
    out: Annotated[Path, typer.Option(help="Folder for the imported run, new or empty.")],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that are not a record.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Import conversations in the format of the ALOE release as a run, for `show`, `export` and `train` to read.

    A file that `i2a export --format aloe` wrote gives back the very trees it was made of.

    Example:  i2a import aloe.jsonl --out runs/aloe
    """
    from shutil import copyfileobj
    from tempfile import TemporaryFile

    from i2a.errors import UsageError
    from i2a.runs.run_folder import RunFolder

    there = RunFolder(out)
    if there.manifest_file.exists() and "imported" not in there.manifest()["identity"]:
        raise UsageError(f"{out} already holds a run; choose another --out")
    try:
        with TemporaryFile() as trees:
            done = _convert(file, trees)
            if done.bad and not skip_bad:
                raise UsageError(f"{done.bad_lines}; nothing is imported: mend them, or leave them out with --skip-bad")
            if not done.conversations:
                raise UsageError(f"{done.name}: no conversation in it; give one published record per line")
            identity = {"file": file.name, "sha256": done.sha256, "conversations": done.conversations}
            # An import that was killed half-way may be done again: the same file gives the same bytes.
            with RunFolder.open(out, {"imported": identity}, {"notes": done.notes}, resume=True) as folder:
                trees.seek(0)
                with atomic_write(folder.trees_file) as target:
                    copyfileobj(trees, target)
    except OSError as error:
        advice = "free some space there and in the folder for temporary files (TMPDIR), then import again"
        raise UsageError(f"{out}: cannot import: {error.strerror}; {advice}") from None
    if as_json:
        typer.echo(json.dumps(done.counts))
        return
    said = [f"{done.conversations:,} conversations with {done.utterances:,} utterances are in {out}", *done.notes]
    typer.echo(f"{'; '.join(said)}. Next:  i2a show {out}")


@dataclass
class Imported:
    """What came of a file. `bad`: the first lines that are not a record, each with its place and reason."""

    name: str
    sha256: str = ""
    conversations: int = 0
    utterances: int = 0
    left_out: int = 0
    renamed: int = 0
    without_tree: int = 0
    bad: list[str] = field(default_factory=list)

    @property
    def bad_lines(self) -> str:
        more = self.left_out - len(self.bad)
        count = "a line is" if self.left_out == 1 else f"{self.left_out:,} lines are"
        return f"{count} not a record: {', '.join(self.bad)}{f' and {more:,} more' if more else ''}"

    @property
    def notes(self) -> list[str]:
        notes = {
            f"{self.bad_lines}; left out": self.left_out,
            f"{self.renamed:,} got a new id, as an earlier one has theirs": self.renamed,
            f"{self.without_tree:,} dialogues left out, for the record with their tree is not here": self.without_tree,
        }
        return [note for note, count in notes.items() if count]

    @property
    def counts(self) -> dict[str, int]:
        names = ("conversations", "utterances", "left_out", "renamed", "without_tree")
        return {name: getattr(self, name) for name in names}


def _convert(file: Path, trees: IO[bytes]) -> Imported:
    """Write the trees of the records in `file` to `trees`, one line each. Holds their ids, and one conversation."""
    from hashlib import sha256

    from i2a import jsonl
    from i2a.errors import UsageError
    from i2a.trees.aloe_record import OURS, tree_of
    from i2a.trees.json import dump, load

    done = Imported("standard input" if file == Path("-") else str(file))
    digest = sha256()
    ids: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()

    def source() -> Iterator[bytes]:
        for raw in _lines(file):
            digest.update(raw)
            yield raw

    for number, _, text in jsonl.split(source(), torn=True):
        try:
            record = _json(text)
            tree = tree_of(record)
            if tree is None:
                elsewhere[record[OURS]["tree"]] += 1
                continue
            ids[tree.id] += 1
            if ids[tree.id] > 1:
                done.renamed += 1
                tree.id = _free(tree.id, ids)
            line = dump(tree)
            load(line)  # what is written can be read again
        except UsageError as problem:
            done.left_out += 1
            if done.left_out <= SHOWN:
                done.bad.append(f"{done.name}:{number} ({problem})")
            continue
        trees.write(line.encode() + b"\n")
        done.conversations += 1
        done.utterances += sum(1 for _ in tree)
    done.sha256 = digest.hexdigest()
    done.without_tree = sum(count for id, count in elsewhere.items() if id not in ids)
    return done


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


def _json(raw: bytes) -> Any:
    """The JSON value in a line. Raises `UsageError`."""
    from i2a.errors import UsageError

    try:
        return json.loads(raw.decode(), strict=False)
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except (ValueError, RecursionError):
        raise UsageError("not JSON that can be read: a number too long, or nested too deeply") from None


def _free(id: str, ids: Counter[str]) -> str:
    """`id` with the first number that no other tree has."""
    while ids[f"{id}-{ids[id]}"]:
        ids[id] += 1
    ids[f"{id}-{ids[id]}"] += 1
    return f"{id}-{ids[id]}"
