"""An index of a `trees.jsonl`: where each tree starts, and what lists of trees filter and sort by.

It is built by one pass over the file, kept beside it in `.trees.index.sqlite` (in memory where that cannot be written),
and extended when the file has grown. It holds no tree; `TreeIndex.tree` reads one at its offset.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Final, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict

from i2a import jsonl
from i2a.digests import digest
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.text import counted
from i2a.trees.json import load, trees_of
from i2a.trees.known import Known, describe
from i2a.trees.tree import Tree

CACHE: Final = ".trees.index.sqlite"
VERSION: Final = 1  # of what the cache holds; another one is built anew
BATCH: Final = 500  # trees that are committed together
SEARCHED: Final = 200_000  # characters of a tree that the search for words knows
UNSPACED: Final = re.compile(r"([\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")  # written without blanks

Order = Literal[
    "file", "newest", "lowest", "highest", "disagreements", "flipped", "longest", "shortest", "persona", "id"
]
ORDERS: Final[dict[str, str]] = {
    "file": "place",
    "newest": "place DESC",
    "lowest": "score IS NULL, score, place",
    "highest": "score IS NULL, score DESC, place",
    "disagreements": "disagreements DESC, place",
    "flipped": "flipped DESC, place",
    "longest": "length DESC, place",
    "shortest": "length, place",
    "persona": "persona, place",
    "id": "id, place",
}
assert set(ORDERS) == set(get_args(Order))


@dataclass(frozen=True, slots=True)
class IndexedTree:
    """A tree in the index: its `place` in the file, from 0, and what is `known` of it."""

    place: int
    known: Known

    def as_json(self) -> JsonObject:
        return {"place": self.place, **self.known._asdict()}


class Filters(BaseModel):
    """Which trees to find; None: any. `words` all occur at the start of words. `label`: what happened to its pairs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: str = ""
    persona: str | None = None
    candidate: str | None = None
    case: str | None = None
    scenario: str | None = None
    label: Literal["labelled", "flipped", "unjudged"] | None = None
    disagreement: bool = False
    faults: bool = False
    least_score: float | None = None
    most_score: float | None = None
    least_length: int | None = None
    most_length: int | None = None

    def where(self) -> tuple[str, list[object]]:
        """As SQL, and its values."""
        parts: list[str] = []
        values: list[object] = []
        if self.words.strip():
            if match := _query(self.words):
                parts.append("place IN (SELECT rowid FROM words WHERE words MATCH ?)")
                values.append(match)
            else:
                parts.append("0")
        for name in ("persona", "candidate", "case", "scenario"):
            if (wanted := getattr(self, name)) is not None:
                parts.append(f'"{name}" = ?')
                values.append(wanted)
        if self.label is not None:
            parts.append(f"{self.label} > 0")
        parts += ["disagreements > 0"] * self.disagreement + ["faults > 0"] * self.faults
        for name, sign, limit in (
            ("score", ">=", self.least_score),
            ("score", "<=", self.most_score),
            ("length", ">=", self.least_length),
            ("length", "<=", self.most_length),
        ):
            if limit is not None:
                parts.append(f"{name} {sign} ?")
                values.append(limit)
        return " AND ".join(parts) or "1", values


ALL: Final = Filters()


class Found(NamedTuple):
    """A page of what was found, and how many there are in `total`."""

    entries: list[IndexedTree]
    total: int


class Totals(NamedTuple):
    """Sums over all trees of an index."""

    trees: int
    utterances: int
    replies: int
    labelled: int
    flipped: int
    unjudged: int
    faults: int
    disagreements: int


class _IndexedFile:
    """The bytes beneath an index: the lines of one file from an offset on, and a piece of it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def state(self) -> tuple[int, int, int]:
        """Which file it is, its size, and when it was written."""
        try:
            found = self.file.stat()
        except OSError as error:
            raise UsageError(f"{self.file}: cannot be read: {error.strerror}") from None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def lines(self, start: int) -> Iterator[tuple[int, int, bytes]]:
        """Where each further line starts and ends, and its text."""
        with self.file.open("rb") as source:
            source.seek(start)
            for line in jsonl.split(jsonl.refuse_foreign(source, str(self.file)) if not start else source):
                yield start + line.start, start + line.start + len(line.text), line.text

    def piece(self, start: int, size: int) -> bytes:
        with self.file.open("rb") as source:
            source.seek(start)
            return source.read(size)


class TreeIndex:
    """The index of one file of trees. It may be used from several threads; close it, or use it as a context manager."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._cache = file.with_name(CACHE if file.name == "trees.jsonl" else f".{file.name}{CACHE}")
        self._source = _IndexedFile(file)
        self._lock = RLock()
        self._db = self._open()
        if self._replaced():
            self._clear()
        self.end = self._taken_in()[1]  # how many bytes of the file are taken in

    @classmethod
    def open(cls, run: Path) -> Self:
        """The index of a run's folder, or of a `trees.jsonl`; `update` fills it. Raises `UsageError`."""
        return cls(trees_of(run))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def update(self, most: int | None = None) -> bool:
        """Take in what the file has grown by, `most` trees of it; returns whether more is left.

        Raises `UsageError` with file and line for a line that is no tree; what stands before it is taken in.
        """
        with self._lock:
            try:
                return self._take_in(most)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._renew()
                return self._take_in(most)

    def _take_in(self, most: int | None) -> bool:
        if self._replaced():
            self._clear()
        number, self.end = self._taken_in()
        if self._source.state()[1] <= self.end:
            return False
        taken = 0
        batch: list[tuple[tuple[object, ...], str]] = []
        for start, end, text in self._source.lines(self.end):
            try:
                tree = json.loads(text)
                row = (*describe(tree), start, len(text)), _searched(tree)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self._add(number - len(batch), batch, self.end)
                raise UsageError(f"{self.file}:{number + 1}: not a tree; `i2a show` says more") from None
            batch.append(row)
            number, taken, self.end = number + 1, taken + 1, end
            if len(batch) >= BATCH:
                self._add(number - len(batch), batch, end)
                batch = []
            if taken == most:
                break
        self._add(number - len(batch), batch, self.end)
        return taken == most

    @property
    def count(self) -> int:
        """How many trees are taken in."""
        return int(self._rows("SELECT count(*) FROM trees")[0][0])

    @property
    def size(self) -> int:
        """How many bytes the file has now."""
        return self._source.state()[1]

    def find(self, filters: Filters = ALL, order: Order = "file", offset: int = 0, limit: int = 100) -> Found:
        """A page of the trees that pass the filters."""
        where, values = filters.where()
        total = int(self._rows(f"SELECT count(*) FROM trees WHERE {where}", *values)[0][0])
        rows = self._rows(
            f"SELECT place, {COLUMNS} FROM trees WHERE {where} ORDER BY {ORDERS[order]} LIMIT ? OFFSET ?",
            *values,
            limit,
            offset,
        )
        return Found([IndexedTree(place, Known(*known)) for place, *known in rows], total)

    def entry(self, place: int) -> IndexedTree:
        """Raises `UsageError` if there is no such place."""
        rows = self._rows(f"SELECT {COLUMNS} FROM trees WHERE place = ?", place)
        if not rows:
            raise UsageError(f"{self.file} holds {counted(self.count, 'trees')}, and none at place {place}")
        return IndexedTree(place, Known(*rows[0]))

    def place(self, id: str) -> int | None:
        """Where the tree with this id is; the first, if there are several."""
        rows = self._rows("SELECT min(place) FROM trees WHERE id = ?", id)
        return None if rows[0][0] is None else int(rows[0][0])

    def line(self, place: int) -> bytes:
        """The line of a tree, as it stands in the file."""
        self.entry(place)
        ((start, size),) = self._rows("SELECT start, size FROM trees WHERE place = ?", place)
        return self._source.piece(start, size)

    def tree(self, place: int) -> Tree:
        return load(self.line(place))

    def values(self, name: Literal["candidate", "scenario", "persona"], limit: int = 200) -> list[str]:
        """The values that a filter can be given, in the order in which they first occur."""
        rows = self._rows(
            f'SELECT "{name}" FROM trees WHERE "{name}" IS NOT NULL GROUP BY 1 ORDER BY min(place) LIMIT ?', limit
        )
        return [str(row[0]) for row in rows]

    def totals(self) -> Totals:
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in Totals._fields[1:])
        return Totals(*self._rows(f"SELECT count(*), {sums} FROM trees")[0])

    def _open(self) -> sqlite3.Connection:
        """The cache, ready to be written; in memory if it cannot be."""
        try:
            return _opened(self._cache)
        except sqlite3.Error as error:
            with suppress(sqlite3.Error, OSError):
                if is_damage(error):
                    self._cache.unlink(missing_ok=True)
                    return _opened(self._cache)
        with suppress(sqlite3.Error):
            return _opened(":memory:")
        raise UsageError("this Python's SQLite cannot search text (FTS5); install another Python")

    def _renew(self) -> None:
        """Begin the cache anew, as it turned out to be damaged."""
        self._db.close()
        with suppress(OSError):
            self._cache.unlink(missing_ok=True)
        self._db = self._open()
        self.end = 0

    def _taken_in(self) -> tuple[int, int]:
        """How many trees and how many bytes of the file; another process may have taken them in."""
        rows = self._rows("SELECT trees, end FROM state")
        return rows[0] if rows else (0, 0)

    def _replaced(self) -> bool:
        """Whether the file is another one than was taken in, not that one grown."""
        rows = self._rows("SELECT inode, size, written, end, last_start, last FROM state")
        if not rows:
            return False
        inode, size, written, end, start, last = rows[0]
        now = self._source.state()
        if now[0] != inode or now[1] < end or (now[1] == size and now[2] != written):
            return True
        return bool(now[1] != size and digest(self._source.piece(start, end - start)) != last)

    def _clear(self) -> None:
        self._db.executescript(
            "BEGIN; DELETE FROM trees; INSERT INTO words(words) VALUES ('delete-all'); DELETE FROM state; COMMIT;"
        )
        self.end = 0

    def _add(self, first: int, batch: Sequence[tuple[tuple[object, ...], str]], end: int) -> None:
        """Commit a batch of trees, the first of which is at this place."""
        if not batch:
            return
        inode, size, written = self._source.state()
        start = batch[-1][0][-2]
        assert isinstance(start, int)
        state = (first + len(batch), inode, size, written, end, start, digest(self._source.piece(start, end - start)))
        marks = ", ".join("?" * (len(batch[0][0]) + 1))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            places = range(first, first + len(batch))
            # another process may have taken in the same trees meanwhile
            self._db.executemany(
                f"INSERT OR IGNORE INTO trees VALUES ({marks})",
                ((place, *row) for place, (row, _) in zip(places, batch, strict=True)),
            )
            known = {row[0] for row in self._db.execute("SELECT rowid FROM words WHERE rowid >= ?", (first,))}
            self._db.executemany(
                "INSERT INTO words(rowid, text) VALUES (?, ?)",
                ((place, text) for place, (_, text) in zip(places, batch, strict=True) if place not in known),
            )
            self._db.execute("DELETE FROM state")
            self._db.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?, ?, ?)", state)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._renew()
                return self._db.execute(query, values).fetchall()


def is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says where it was found
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _opened(place: Path | str) -> sqlite3.Connection:
    """A cache that can be written, with its tables. Raises `sqlite3.Error`."""
    database = sqlite3.connect(place, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        database.execute("PRAGMA synchronous=OFF")  # it can be built anew
        if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            database.executescript(SCHEMA)
        database.execute("BEGIN IMMEDIATE")
        database.execute("COMMIT")
        database.execute("SELECT count(*) FROM sqlite_schema, state").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database


def _searched(tree: JsonObject) -> str:
    """The text of a tree in which words are searched."""
    persona = tree["persona"]
    options = [str(value) for value in (tree.get("options") or {}).values() if isinstance(value, str)]
    further = [value for value in (persona.get("fields") or {}).values() if isinstance(value, str)]
    parts = [tree["id"], persona["id"], *options, persona["profile"], persona["personality"], *further]
    text = "\n".join([*parts, *(node["content"] for node in tree["nodes"])])[:SEARCHED]
    return UNSPACED.sub(r" \1 ", text)


def _query(words: str) -> str:
    """What was typed as a query of FTS5; empty if it holds no word."""
    found = re.findall(r"\w+", UNSPACED.sub(r" \1 ", words))
    return " AND ".join(f'"{word}"' if UNSPACED.fullmatch(word) else f'"{word}"*' for word in found)


COLUMNS: Final = ", ".join(f'"{name}"' for name in Known._fields)
SCHEMA: Final = f"""
DROP TABLE IF EXISTS trees; DROP TABLE IF EXISTS words; DROP TABLE IF EXISTS state;
CREATE TABLE trees (place INTEGER PRIMARY KEY, {COLUMNS}, start INTEGER, size INTEGER);
CREATE INDEX tree_ids ON trees (id);
CREATE VIRTUAL TABLE words USING fts5(text, content='', detail=none, tokenize='unicode61');
CREATE TABLE state (
  trees INTEGER, inode INTEGER, size INTEGER, written INTEGER, end INTEGER, last_start INTEGER, last TEXT
);
PRAGMA user_version={VERSION};
"""
