"""A file of personas, as it is read into a pool: whole personas, or profiles and personalities on their own.

A line may hold several strings, as in the ALOE release; what is odd about a line is a warning or an error with its
number. It knows no pool.
"""

import re
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path
from typing import Literal

from i2a import jsonl
from i2a.errors import UsageError
from i2a.personas.collections import json_values
from i2a.trees.persona import KINDS, Kind, Persona, clean, content_id


class BadLine(Exception):
    """Why a line cannot be read, in a few words."""


class PersonaFile:
    """The contents of one file. `kinds`: what its objects must hold; with both kinds, either or both of them.

    `UsageError` if it cannot be read; with `skip_bad`, bad lines are left out with a warning.
    """

    def __init__(self, file: Path | Traversable, kinds: tuple[Kind, ...], skip_bad: bool) -> None:
        self.warnings: list[str] = []
        self._kinds = kinds
        # Per kind of thing, its content -> its id; the content of a persona is the ids of its halves, joined by "+".
        self._ids: dict[str, dict[str, str]] = {"profile": {}, "personality": {}, "persona": {}}
        self._line_of: dict[tuple[str, str], int] = {}
        self._whole: bool | None = None
        bad: list[str] = []
        for number, _, text in jsonl.split(BytesIO(_bytes_of(file)), torn=True):
            try:
                records = [self._record(value) for value in _values(text)]
                if len(records) > 1:
                    self.warnings.append(f"{file.name}:{number} holds {len(records)} texts")
                for record in records:
                    if again := self._add(record, number):
                        self.warnings.append(f"{file.name}:{number} {again}")
            except BadLine as problem:
                bad.append(f"line {number} ({problem})")
                self.warnings.append(f"{file.name}:{number} left out: {problem}")
        string = ", or a JSON string" if len(kinds) == 1 else ""
        wanted = f"give one JSON object with {' and/or '.join(kinds)} per line{string}"
        if bad and not skip_bad:
            more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
            raise UsageError(f"{file}: cannot read {', '.join(bad[:5])}{more}; {wanted}")
        if missing := [kind for kind in kinds if not self._ids[kind]]:
            raise UsageError(f"{file}: no {' and no '.join(missing)} in it; {wanted}")

    def by_id(self, kind: Kind) -> dict[str, str]:
        return {id: text for text, id in self._ids[kind].items()}

    def personas(self) -> list[Persona]:
        texts = {kind: self.by_id(kind) for kind in KINDS}
        pairs = [(id, *joined.split("+")) for joined, id in self._ids["persona"].items()]
        return [Persona(id, texts["profile"][p], texts["personality"][t], p, t) for id, p, t in pairs]

    def _record(self, value: object) -> dict[str, str]:
        """The known keys of one JSON value, checked and cleaned."""
        if isinstance(value, str) and len(self._kinds) == 1:
            value = {self._kinds[0]: value}
        if not isinstance(value, dict):
            raise BadLine("a bare string" if isinstance(value, str) else "not an object")
        known = (*KINDS, "id", "profile_id", "personality_id")
        record = {key: _text(key, value[key]) for key in known if key in value}
        if not any(kind in record for kind in self._kinds):
            raise BadLine(f"no {' or '.join(self._kinds)}")
        if len(self._kinds) == 1 and all(kind in record for kind in KINDS):
            raise BadLine("a whole persona; read a file of those on its own")
        return record

    def _add(self, record: dict[str, str], number: int) -> str:
        """Keep what is new in the record, or say where it was before."""
        kinds = [kind for kind in KINDS if kind in record]
        whole = len(kinds) == 2
        what: Kind | Literal["persona"] = "persona" if whole else kinds[0]
        if self._whole is (not whole):
            raise BadLine("a whole persona among single halves" if whole else "a single half among whole personas")
        self._whole = whole
        content = record[kinds[0]]
        if whole:
            content = "+".join(self._keep(kind, record[kind], record.get(f"{kind}_id"), number) for kind in kinds)
        again = content in self._ids[what]
        id = self._keep(what, content, record.get("id"), number)
        return f"repeats line {self._line_of[what, id]}; kept once, as {id}" if again else ""

    def _keep(self, what: Kind | Literal["persona"], content: str, wanted: str | None, number: int) -> str:
        """The id of this content: the one it has from an earlier line, else the one in the file, else one made."""
        if content in self._ids[what]:
            return self._ids[what][content]
        id = wanted or (content if what == "persona" else content_id(what, content))
        # "+" joins the ids of two halves, so that no half may have one.
        if not re.fullmatch(r"[\w.:+-]+" if what == "persona" else r"[\w.:-]+", id):
            raise BadLine(f"id {id!r:.40} has more than letters, digits and _ . : -")
        if (what, id) in self._line_of:
            raise BadLine(f"id {id!r:.40} has another text on line {self._line_of[what, id]}")
        self._line_of[what, id] = number
        return self._ids[what].setdefault(content, id)


def _bytes_of(file: Path | Traversable) -> bytes:
    """The file's bytes, less a byte order mark; `UsageError` if it cannot be read."""
    try:
        return file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; give a JSONL file") from error


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
