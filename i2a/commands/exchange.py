"""`i2a import` and `i2a export`: corpora in and out, with one conversation in memory at a time.

Another package adds a format to `i2a export` as a function from a tree to `Rows`, under the format's name in the
entry-point group `i2a.formats`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from i2a.files import whole

if TYPE_CHECKING:
    from rich.progress import Progress

    from i2a.tree import Tree

SHOWN = 5
GROUP = "i2a.formats"


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
    from i2a.run_folder import RunFolder

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
                with whole(folder.trees_file) as target:
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

    from i2a.aloe_record import OURS, tree_of
    from i2a.errors import UsageError
    from i2a.tree_json import dump, load

    done = Imported("standard input" if file == Path("-") else str(file))
    digest = sha256()
    ids: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for number, raw in enumerate(_lines(file), start=1):
        digest.update(raw)
        if not raw.strip():
            continue
        try:
            record = _json(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
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
    with opened as source, _bar() as bar:
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


class Rows(NamedTuple):
    """What a format makes of one tree. Counts stand under the name of what they count, and are summed up."""

    rows: Sequence[Mapping[str, object]]
    written: Mapping[str, int]
    left_out: Mapping[str, int]


def aloe(tree: "Tree", *, plain: bool) -> Rows:
    """The records of the ALOE release."""
    from i2a.aloe_record import records_of, turns_left_out

    records = list(records_of(tree, plain=plain))
    turns = sum(len(record["conversations"]) for record in records)
    why = "turns, as no verdict agrees on them or on one before" + ("" if plain else ' (kept under "i2a")')
    left_out = {why: turns_left_out(tree)}
    return Rows(records, {"records": len(records), "turns": turns}, left_out)


# Called with the tree and `plain=`. Raises `UsageError` for a tree that it has no place for, which is then left out.
Format = Callable[..., Rows]


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or a trees.jsonl.")],
    out: Annotated[Path, typer.Option(help="File to write, as JSONL.")],
    format: Annotated[str, typer.Option(help="aloe: the records of the ALOE release.")] = "aloe",
    plain: Annotated[bool, typer.Option("--plain", help="Write what the format has a place for, no more.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Write the trees of a run in another format.

    A record of the ALOE release ends before the first turn on which no verdict agrees, for it has a place only for
    labelled pairs. The whole tree goes along under the key "i2a", so that `i2a import` brings it back, unless
    `--plain` is given.

    Example:  i2a export runs/first --format aloe --out aloe.jsonl
    """
    from i2a.errors import UsageError
    from i2a.run_folder import RunFolder

    rows_of = _format(format)
    file = run if run.is_file() else run / "trees.jsonl"
    if not file.is_file():
        raise UsageError(f"{run} holds no trees; `i2a simulate --out {run}` grows some")
    folder = RunFolder(file.parent)
    own = (file, folder.manifest_file, folder.failures_file, folder.path / "journal.sqlite")
    if out.resolve() in [path.resolve() for path in own]:
        raise UsageError(f"{out} belongs to the run itself; choose another --out")
    if out.exists() and not force:
        raise UsageError(f"{out} exists already; add --force to overwrite it, or choose another --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole(out) as target:
            done = _write(file, rows_of, target, plain=plain)
            if not done.rows:
                why = "; ".join(done.told_left_out) or "no tree is finished"
                raise UsageError(f"{run}: nothing to write in format {format}: {why}")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None
    if as_json:
        typer.echo(json.dumps({"trees": done.trees, "written": done.written, "left_out": done.left_out}))
        return
    written = ", ".join(f"{count:,} {name}" for name, count in done.written.items())
    left_out = f". Left out: {'; '.join(done.told_left_out)}" if done.told_left_out else ""
    typer.echo(f"{done.trees:,} trees: {written} are in {out}{left_out}")


@dataclass
class Exported:
    """What came of a corpus."""

    trees: int = 0
    rows: int = 0
    written: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def told_left_out(self) -> list[str]:
        return [f"{count:,} {name}" for name, count in self.left_out.items() if count]


def _write(file: Path, rows_of: Format, target: IO[bytes], *, plain: bool) -> Exported:
    """Write what the format makes of the trees in `file`."""
    from i2a.errors import UsageError
    from i2a.tree_json import read

    done = Exported()
    unfit, example = 0, ""
    for tree in _watched(read(file), file):
        done.trees += 1
        try:
            made = rows_of(tree, plain=plain)
        except UsageError as problem:
            unfit, example = unfit + 1, example or str(problem)
            continue
        for row in made.rows:
            target.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        done.rows += len(made.rows)
        done.written.update(made.written)
        done.left_out.update(made.left_out)
    if unfit:
        done.left_out[f"trees of another shape ({example})"] = unfit
    return done


def _format(name: str) -> Format:
    from importlib.metadata import entry_points

    from i2a.errors import UsageError

    if name == "aloe":
        return aloe
    others = {point.name: point for point in entry_points(group=GROUP)}
    if name in others:
        found: Format = others[name].load()
        return found
    raise UsageError(f"there is no format {name!r}; there are: {', '.join(['aloe', *sorted(others)])}")


def _watched(trees: Iterable["Tree"], file: Path) -> Iterator["Tree"]:
    """The same trees, with a progress bar."""
    with file.open("rb") as lines:
        total = sum(1 for _ in lines)
    with _bar() as bar:
        task = bar.add_task("exporting", total=total)
        for tree in trees:
            yield tree
            bar.advance(task)


def _bar() -> "Progress":
    """A progress bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)
