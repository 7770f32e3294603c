"""A file of personas, as it is read into a pool: whole personas, or profiles and personalities on their own.

It may be JSON lines of ours, the strings of the ALOE release (several to a line), or anybody's table, see
`i2a.records`: what a column means follows from its name. What is odd about a line is a warning or an error with its
number. It knows no pool.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

from i2a import jsonl, records
from i2a.errors import UsageError
from i2a.jsonl import JsonObject, dumps
from i2a.personas.collections import json_values
from i2a.text import counted
from i2a.trees.persona import KINDS, LANGUAGE, Kind, Persona, clean, content_id

# What files of others call what we know, where they do not say it in our word.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("uuid", "persona_id"),
    "profile": ("persona", "input_persona", "persona_description", "description", "background", "bio"),
    "personality": ("personality_description", "personality_traits", "traits", "character"),
    LANGUAGE: ("lang",),
}
IDS = ("id", "profile_id", "personality_id")
Values = dict[str, object]


class BadLine(Exception):
    """Why a line cannot be read, in a few words."""


class SourceLine(NamedTuple):
    """One value of a file, or why there is none. `short` and `place` say where: `line 3`, `people.csv:3`."""

    short: str
    place: str
    value: object
    problem: str = ""


class Entry(NamedTuple):
    """What a line says of a person: ids and halves under our names, and further fields."""

    known: Mapping[str, str]
    fields: Mapping[str, object]


class PersonaFile:
    """The contents of one file. `kinds`: what its objects must hold; with both kinds, either or both of them.

    `any_fields`: a person of whom only one half, or only further fields are known, is a whole persona too. `UsageError`
    if it cannot be read; with `skip_bad`, bad lines are left out with a warning.
    """

    def __init__(
        self, file: Path | Traversable, kinds: tuple[Kind, ...], skip_bad: bool, *, any_fields: bool = False
    ) -> None:
        self.warnings: list[str] = []
        self.fields: dict[str, dict[str, Mapping[str, object]]] = {"profile": {}, "personality": {}, "persona": {}}
        self._kinds, self._any = kinds, any_fields
        # Per kind of thing, its content -> its id; the content of a persona is the ids of its halves and its fields.
        self._ids: dict[str, dict[str, str]] = {"profile": {}, "personality": {}, "persona": {}}
        self._halves: dict[str, Mapping[Kind, str]] = {}  # of each persona, by its id
        self._line_of: dict[tuple[str, str], str] = {}
        self._whole: bool | None = None
        self._renamed: dict[str, str] = {}
        self._left_out: dict[str, None] = {}
        bad: list[str] = []
        lines = list(_lines(file))
        if any_fields:
            self._whole = not _apart(line.value for line in lines)
        for several in _by_place(lines):
            try:
                entries = [self._entry(line) for line in several]
                if len(entries) > 1:
                    self.warnings.append(f"{several[0].place} holds {len(entries)} texts")
                for entry in entries:
                    if again := self._add(entry, several[0].short):
                        self.warnings.append(f"{several[0].place} {again}")
            except BadLine as problem:
                bad.append(f"{several[0].short} ({problem})")
                self.warnings.append(f"{several[0].place} left out: {problem}")
        self._refuse(file, bad if not skip_bad else [])
        self._say_what_was_taken(file, len(bad))

    def by_id(self, kind: Kind) -> dict[str, str]:
        return {id: text for text, id in self._ids[kind].items()}

    def personas(self) -> list[Persona]:
        texts = {kind: self.by_id(kind) for kind in KINDS}
        found = []
        for id in self._ids["persona"].values():
            halves = self._halves[id]
            told = {kind: texts[kind][halves[kind]] for kind in KINDS if kind in halves}
            found.append(_persona(id, told, halves, self.fields["persona"].get(id, {})))
        return found

    def _refuse(self, file: Path | Traversable, bad: list[str]) -> None:
        """Raise `UsageError` for bad lines, or for a file without what it must hold."""
        string = ", or a JSON string" if len(self._kinds) == 1 else ""
        wanted = f"give one JSON object with {' and/or '.join(self._kinds)} per line{string}"
        if _is_table(file):
            wanted = f"name a column {' or '.join(self._kinds)}"
        if bad:
            more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
            raise UsageError(f"{file}: cannot read {', '.join(bad[:5])}{more}; {wanted}")
        if self._whole and self._any:
            if not self._ids["persona"]:
                raise UsageError(f"{file}: no persona in it; {wanted}")
        elif missing := [kind for kind in self._kinds if not self._ids[kind]]:
            raise UsageError(f"{file}: no {' and no '.join(missing)} in it; {wanted}")

    def _say_what_was_taken(self, file: Path | Traversable, bad: int) -> None:
        """A summary in one line, of a file that is not in our own form."""
        fields = dict.fromkeys(name for by_id in self.fields.values() for told in by_id.values() for name in told)
        if not (self._renamed or fields):
            return
        what = "persona" if self._ids["persona"] else self._kinds[0]
        plural = {"persona": "personas", "profile": "profiles", "personality": "personalities"}[what]
        parts = [f"{name} from {column!r}" for name, column in self._renamed.items()]
        parts += [f"further fields: {', '.join(fields)}"] if fields else []
        parts += [f"not read, as they are no plain values: {', '.join(self._left_out)}"] if self._left_out else []
        parts += [f"{counted(bad, 'lines')} left out"] if bad else []
        self.warnings.append(f"{file.name}: {counted(len(self._ids[what]), plural)}; {'; '.join(parts)}")

    def _entry(self, line: SourceLine) -> Entry:
        """What a line says, checked and cleaned."""
        if line.problem:
            raise BadLine(line.problem)
        value = line.value
        if isinstance(value, str) and len(self._kinds) == 1:
            value = {self._kinds[0]: value}
        if not isinstance(value, dict):
            raise BadLine("a bare string" if isinstance(value, str) else "not an object")
        if len(self._kinds) == 1 and all(kind in value for kind in KINDS):
            raise BadLine("a whole persona; read a file of those on its own")
        columns = _columns(value, self._kinds)
        known = {name: _text(name, value[column]) for name, column in columns.items() if name in (*KINDS, *IDS)}
        self._renamed |= {name: column for name, column in columns.items() if name != column}
        if not any(kind in known for kind in self._kinds) and not self._any:
            raise BadLine(f"no {' or '.join(self._kinds)}")
        fields: Values = {}
        taken = {*KINDS, *(column for name, column in columns.items() if name != LANGUAGE)}
        for column in value:
            if column not in taken:
                name = LANGUAGE if column == columns.get(LANGUAGE) else field_name(column)
                fields |= self._field(name, value[column])
        return Entry(known, dict(sorted(fields.items())))

    def _field(self, name: str, value: object) -> Values:
        """A further field, if it has a plain value: a text, a number, or a list of these."""
        if isinstance(value, str):
            value = value.strip()
        if value in ("", None) or value == []:
            return {}
        if not name or not _plain(value):
            self._left_out[name] = None
            return {}
        return {name: value}

    def _add(self, entry: Entry, place: str) -> str:
        """Keep what is new in the entry, or say where it was before."""
        record = entry.known
        kinds = [kind for kind in KINDS if kind in record]
        if self._any and self._whole:
            return self._add_persona(kinds, entry, place)
        whole = len(kinds) == 2
        if self._whole is (not whole):
            raise BadLine("a whole persona among single halves" if whole else "a single half among whole personas")
        self._whole = whole
        if whole:
            return self._add_persona(kinds, entry, place)
        kind = kinds[0]
        again = record[kind] in self._ids[kind]
        id = self._keep(kind, record[kind], record.get("id"), place)
        if entry.fields and not again:
            self.fields[kind][id] = entry.fields
        return f"repeats {self._line_of[kind, id]}; kept once, as {id}" if again else ""

    def _add_persona(self, kinds: list[Kind], entry: Entry, place: str) -> str:
        if not (kinds or entry.fields):
            raise BadLine("nothing about a person")
        record = entry.known
        halves = {kind: self._keep(kind, record[kind], record.get(f"{kind}_id"), place) for kind in kinds}
        content = "+".join(halves.values()) + (f"+{dumps(entry.fields)}" if entry.fields else "")
        again = content in self._ids["persona"]
        texts = {kind: record[kind] for kind in kinds}
        made = _persona("", texts, halves, entry.fields).id
        id = self._keep("persona", content, record.get("id"), place, made)
        self._halves[id], self.fields["persona"][id] = halves, entry.fields
        if not entry.fields:
            del self.fields["persona"][id]
        return f"repeats {self._line_of['persona', id]}; kept once, as {id}" if again else ""

    def _keep(
        self, what: Kind | Literal["persona"], content: str, wanted: str | None, place: str, made: str = ""
    ) -> str:
        """The id of this content: the one it has from an earlier line, else the one in the file, else one made."""
        if content in self._ids[what]:
            return self._ids[what][content]
        id = wanted or (made if what == "persona" else content_id(what, content))
        # "+" joins the ids of two halves, so that no half may have one.
        if not re.fullmatch(r"[\w.:+-]+" if what == "persona" else r"[\w.:-]+", id):
            raise BadLine(f"id {id!r:.40} has more than letters, digits and _ . : -")
        if (what, id) in self._line_of:
            raise BadLine(f"id {id!r:.40} has another text on {self._line_of[what, id]}")
        self._line_of[what, id] = place
        return self._ids[what].setdefault(content, id)


def field_name(column: str) -> str:
    """A name that a prompt can use: `home_town` for "Home town"."""
    name = re.sub(r"\W+", "_", column.strip().lower()).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def _persona(id: str, texts: Mapping[Kind, str], ids: Mapping[Kind, str], fields: Mapping[str, object]) -> Persona:
    profile, personality = (texts.get(kind, "") for kind in KINDS)
    return Persona(id, profile, personality, ids.get("profile", ""), ids.get("personality", ""), fields)


def _columns(value: JsonObject, kinds: tuple[Kind, ...]) -> dict[str, str]:
    """Which column holds what, by our names: the one of that name, else the first that others use for it."""
    by_name: dict[str, str] = {}
    for column in value:
        by_name.setdefault(field_name(column), column)
    wanted = [*kinds, *IDS, LANGUAGE]
    found = {name: by_name[name] for name in wanted if name in by_name}
    for name in wanted:
        if name not in found and (other := next((by_name[a] for a in ALIASES.get(name, ()) if a in by_name), None)):
            found[name] = other
    return found


def _plain(value: object) -> bool:
    if isinstance(value, list):
        return all(_plain(part) and not isinstance(part, list) for part in value)
    return isinstance(value, str | int | float | bool) and not re.search("[\ud800-\udfff]", str(value))


def _apart(values: Iterable[object]) -> bool:
    """Whether each line holds one half, and both halves are there: a pool of pairs that are still to be drawn."""
    kinds = {tuple(kind for kind in KINDS if kind in value) for value in values if isinstance(value, dict)}
    return kinds == {("profile",), ("personality",)}


def _by_place(lines: list[SourceLine]) -> list[list[SourceLine]]:
    found: dict[str, list[SourceLine]] = {}
    for line in lines:
        found.setdefault(line.place, []).append(line)
    return list(found.values())


def _is_table(file: Path | Traversable) -> bool:
    """Whether it is not the JSON lines that we write, or that are published."""
    if not isinstance(file, Path):
        return False
    return file.suffix.lower() == ".gz" or records.ending(file) in records.READERS.keys() - {".jsonl"} or file.is_dir()


def _lines(file: Path | Traversable) -> Iterator[SourceLine]:
    """The values of a file; several of one line stand together."""
    if isinstance(file, Path) and _is_table(file):
        for record in records.read(file):
            place = record._replace(file=Path(record.file).name).place
            yield SourceLine(record.short, place, _with_text_id(record.value), record.problem)
        return
    for number, _, text in jsonl.split(BytesIO(_bytes_of(file)), torn=True):
        try:
            for value in _values(text):
                yield SourceLine(f"line {number}", f"{file.name}:{number}", value)
        except BadLine as problem:
            yield SourceLine(f"line {number}", f"{file.name}:{number}", None, str(problem))


def _with_text_id(value: object) -> object:
    """A table may number its people."""
    if isinstance(value, dict) and isinstance(value.get("id"), int):
        return value | {"id": str(value["id"])}
    return value


def _bytes_of(file: Path | Traversable) -> bytes:
    """The file's bytes, less a byte order mark; `UsageError` if it cannot be read."""
    try:
        return file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; give {records.ENDINGS}") from error


def _values(raw: bytes) -> list[object]:
    """The JSON values of one line, one after the other; none in a blank line."""
    try:
        line = raw.decode().strip()
    except UnicodeDecodeError as error:
        raise BadLine(f"not UTF-8 at byte {error.start + 1}") from None
    try:
        return list(json_values(line))
    except ValueError:
        raise BadLine("not JSON") from None


def _text(key: str, value: object) -> str:
    """A string with something in it, made of real characters, and cleaned."""
    if not isinstance(value, str) or not clean(value):
        raise BadLine(f"{key} is empty" if isinstance(value, str) else f"{key} is not a string")
    if re.search("[\ud800-\udfff]", clean(value)):
        raise BadLine(f"{key} holds half of a surrogate pair")
    return clean(value)
