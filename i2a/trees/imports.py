"""Turns records of any format into trees, with one conversation in memory at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO

from i2a import plugins
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.records import Record, read
from i2a.trees.formats import Format
from i2a.trees.json import dump, load
from i2a.trees.tree import Tree

SHOWN = 5
FIRST = 1000  # records that are looked at to recognise a format


@dataclass
class Imported:
    """The result of an import. `bad`: the first lines that are not a record, each with its place and reason."""

    name: str
    format: str = ""
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
    def warnings(self) -> list[str]:
        warnings = {
            f"{self.bad_lines}; left out": self.left_out,
            f"{self.renamed:,} got a new id, because an earlier one has theirs": self.renamed,
            f"{self.without_tree:,} dialogues left out, because their tree is not in the file": self.without_tree,
        }
        return [warning for warning, count in warnings.items() if count]

    @property
    def counts(self) -> dict[str, int]:
        names = ("conversations", "utterances", "left_out", "renamed", "without_tree")
        return {name: getattr(self, name) for name in names}

    def leave_out(self, place: str, why: object) -> None:
        self.left_out += 1
        if self.left_out <= SHOWN:
            self.bad.append(f"{place} ({why})")


def readable() -> dict[str, Format]:
    """The formats that can be read, by name."""
    found = {name: plugins.find("formats", name, Format) for name in plugins.installed("formats")}
    return {name: format for name, format in found.items() if format.read}


def trees_in(file: Path, format: str = "") -> Iterator[Tree]:
    """The trees of a file, or of a folder of files, one at a time: `list(trees_in(Path("chats.json")))`.

    Of the `format` of this name; default: as the first record looks. Raises `UsageError` that names the first record
    that cannot be read.
    """
    found, done = read(file), Imported(str(file), format)
    if format:
        made_by: Format | None = plugins.find("formats", format, Format)
    else:
        _, made_by, found = recognise(found, str(file))
    if made_by is None or made_by.read is None:
        raise UsageError(f"{file}: no conversation in it that can be read{f' as {format}' if format else ''}")
    for place, record in _together(found, made_by, done):
        if done.bad:
            raise UsageError(done.bad_lines)
        try:
            tree = made_by.read(record)
        except UsageError as problem:
            raise UsageError(f"{place}: {problem}") from None
        if tree is not None:
            yield tree
    if done.bad:
        raise UsageError(done.bad_lines)


def recognise(records: Iterator[Record], name: str) -> tuple[str, Format | None, Iterator[Record]]:
    """The format of the first record that can be read, its name, and all records. None: nothing can be read.

    Raises `UsageError` for a record of no known form, or of several.
    """
    seen: list[Record] = []
    for record in records:
        seen.append(record)
        if isinstance(record.value, dict):
            formats = readable()
            fitting = [key for key, format in formats.items() if format.fits and format.fits(record.value)]
            if len(fitting) == 1:
                return fitting[0], formats[fitting[0]], chain(seen, records)
            keys = ", ".join(map(repr, list(record.value)[:12]))
            what = f"could be {' or '.join(fitting)}" if fitting else f"is of no known form, its keys are: {keys}"
            raise UsageError(f"{record.place}: a record that {what}; say which with --format {'|'.join(formats)}")
        if len(seen) >= FIRST:
            break
    return "", None, chain(seen, records)


def convert(records: Iterable[Record], done: Imported, format: Format, trees: IO[bytes]) -> None:
    """Write the trees of the records to `trees`, one line each, and count in `done`. Holds their ids, and one tree.

    A record that cannot be read is counted, not raised.
    """
    assert format.read is not None
    ids: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for place, record in _together(records, format, done):
        try:
            tree = format.read(record)
            if tree is None:
                elsewhere[record["i2a"]["tree"]] += 1
                continue
            line = dump(tree)
            load(line)  # what is written can be read again
            line.encode()
        except UnicodeEncodeError:
            done.leave_out(place, "a text holds half of a surrogate pair")
            continue
        except UsageError as problem:
            done.leave_out(place, problem)
            continue
        ids[tree.id] += 1
        if ids[tree.id] > 1:
            done.renamed += 1
            tree.id = _free(tree.id, ids)
            line = dump(tree)
        trees.write(line.encode() + b"\n")
        done.conversations += 1
        done.utterances += sum(1 for _ in tree)
    done.without_tree = sum(count for id, count in elsewhere.items() if id not in ids)


def _together(records: Iterable[Record], format: Format, done: Imported) -> Iterator[tuple[str, JsonObject]]:
    """The records with their places; with a key, those of one key that follow each other as one."""
    rows: list[JsonObject] = []
    place, last = "", ""
    for record in records:
        if record.problem or not isinstance(record.value, dict):
            done.leave_out(record.place, record.problem or f"a record is a JSON object, not {_kind(record.value)}")
            continue
        key = format.key(record.value) if format.key and format.fits and format.fits(record.value) else ""
        if rows and key != last:
            yield place, {"rows": rows}
            rows = []
        if not key:
            yield record.place, record.value
            continue
        place, last = place if rows else record.place, key
        rows.append(record.value)
    if rows:
        yield place, {"rows": rows}


def _kind(value: object) -> str:
    names = {str: "a string", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _free(id: str, ids: Counter[str]) -> str:
    """`id` with the first number that no other tree has."""
    while ids[f"{id}-{ids[id]}"]:
        ids[id] += 1
    ids[f"{id}-{ids[id]}"] += 1
    return f"{id}-{ids[id]}"
