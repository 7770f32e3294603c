"""Personas: who the simulated user is. A profile says what is so (the topic), a personality how they talk (the style).

A `PersonaPool` reads and writes them, draws pairs without repeats and splits them without leaks. What it draws
follows from its contents and a seed, never from the order of a file. It knows nothing of models or trees.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from itertools import islice
from math import gcd
from pathlib import Path
from typing import Literal, Self

from i2a import jsonl
from i2a.digests import digest
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.trees.persona import KINDS, Kind, Persona, clean, content_id


@dataclass(frozen=True, slots=True)
class PersonaPool:
    """Profiles and personalities, each id -> text. `personas` are the only pairs; if empty, any two go together.

    `notes` say what reading or splitting changed or left out, one line each.
    """

    profiles: Mapping[str, str]
    personalities: Mapping[str, str]
    personas: tuple[Persona, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of_personas(cls, personas: Iterable[Persona], notes: Iterable[str] = ()) -> Self:
        """A pool of these pairs only."""
        listed = tuple(personas)
        profiles = {persona.profile_id: persona.profile for persona in listed}
        return cls(profiles, {p.personality_id: p.personality for p in listed}, listed, tuple(notes))

    @classmethod
    def read(cls, profiles: Path | None = None, personalities: Path | None = None, *, skip_bad: bool = False) -> Self:
        """A pool from a file of profiles and a file of personalities; None means the 20 that come with i2a.

        A line holds an object `{"id": ..., "profile": ...}` (the id may be missing) or, as in the ALOE release
        (arXiv 2410.03642), a JSON string, or several. One file given for both is read by `read_file`.
        `UsageError` names the lines that cannot be read; with `skip_bad` they are left out and noted.
        """
        if profiles is not None and profiles == personalities:
            return cls.read_file(profiles, skip_bad=skip_bad)
        seeds = files("i2a.personas") / "seeds"
        first = _Reading(profiles or seeds / "profiles.jsonl", ("profile",), skip_bad)
        second = _Reading(personalities or seeds / "personalities.jsonl", ("personality",), skip_bad)
        return cls(first.by_id("profile"), second.by_id("personality"), notes=(*first.notes, *second.notes))

    @classmethod
    def benchmark(cls) -> Self:
        """The 20 profiles and 5 personalities that `i2a evaluate` meets; nothing may be trained on them."""
        folder = files("i2a.personas") / "benchmark"
        first = _Reading(folder / "profiles.jsonl", ("profile",), skip_bad=False)
        second = _Reading(folder / "personalities.jsonl", ("personality",), skip_bad=False)
        return cls(first.by_id("profile"), second.by_id("personality"))

    @classmethod
    def read_file(cls, path: Path, *, skip_bad: bool = False) -> Self:
        """A pool from one file, as `write` leaves it: whole personas, or profiles and personalities on their own.

        A whole persona is `{"profile": ..., "personality": ...}`, with or without `id`, `profile_id` and
        `personality_id`; other keys are ignored, so published dialogues can be read. Errors as for `read`.
        """
        reading = _Reading(path, KINDS, skip_bad)
        if personas := reading.personas():
            return cls.of_personas(personas, reading.notes)
        return cls(reading.by_id("profile"), reading.by_id("personality"), notes=tuple(reading.notes))

    def write(self, path: Path) -> None:
        """Write the pool as one JSONL file, which `read_file` brings back equal. `UsageError` if it cannot."""
        rows = [asdict(persona) for persona in self.personas] or [
            *({"id": id, "profile": text} for id, text in self.profiles.items()),
            *({"id": id, "personality": text} for id, text in self.personalities.items()),
        ]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        try:
            with atomic_write(path) as file:
                file.write(lines.encode())
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error

    @property
    def pairs(self) -> int:
        """How many personas there are to draw."""
        return len(self.personas) or len(self.profiles) * len(self.personalities)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of all ids and texts, whatever their order and the files they came from."""
        listed = [[persona.id, persona.profile_id, persona.personality_id] for persona in self.personas]
        contents = [sorted(self.profiles.items()), sorted(self.personalities.items()), sorted(listed)]
        return digest(json.dumps(contents))

    def draw(self, n: int, seed: int) -> list[Persona]:
        """`n` distinct personas; a smaller draw with the same seed is a prefix of a larger one.

        Every profile comes once before any comes twice, and personalities come equally often, give or take one;
        listed pairs come as near to that as they can. `UsageError` if there are fewer than `n`.
        """
        if not 0 <= n <= self.pairs:
            size = f"{len(self.profiles)} profiles and {len(self.personalities)} personalities give {self.pairs}"
            raise UsageError(f"cannot draw {n} personas: {size}; ask for 0 to {self.pairs}, or add to the pool")
        return list(islice(self._walk_listed(seed) if self.personas else self._walk_crossed(seed), n))

    def _walk_crossed(self, seed: int) -> Iterator[Persona]:
        profiles = _shuffled(self.profiles, seed, "profiles")
        personalities = _shuffled(self.personalities, seed, "personalities")
        # Both lists go round side by side. After `cycle` rounds of profiles they would meet as at the start, so from
        # there the personalities are one ahead: every pair comes once, and either half as evenly as can be.
        cycle = len(personalities) // gcd(len(profiles), len(personalities))
        for step in range(self.pairs):
            turn, place = divmod(step, len(profiles))
            profile, personality = profiles[place], personalities[(step + turn // cycle) % len(personalities)]
            yield Persona("", self.profiles[profile], self.personalities[personality], profile, personality)

    def _walk_listed(self, seed: int) -> Iterator[Persona]:
        by_id = {persona.id: persona for persona in self.personas}
        waiting: dict[str, list[Persona]] = defaultdict(list)
        for id in _shuffled(by_id, seed, "personas"):
            waiting[by_id[id].profile_id].append(by_id[id])
        used: Counter[str] = Counter()
        while any(waiting.values()):
            for mine in filter(None, waiting.values()):
                rarest = min(mine, key=lambda persona: used[persona.personality_id])
                mine.remove(rarest)
                used[rarest.personality_id] += 1
                yield rarest

    def split(self, *, profiles: int | float, personalities: int | float, seed: int) -> tuple[Self, Self]:
        """(held out, rest), with no profile and no personality in both.

        The sizes are the held-out part's: a count (int) or a fraction (float). Listed pairs that would mix the parts
        are in neither, which is noted. `UsageError` if a part would be empty.
        """
        some_profiles = _some(self.profiles, profiles, seed, "profiles")
        some_personalities = _some(self.personalities, personalities, seed, "personalities")
        held_out, rest = (self._part(some_profiles, some_personalities, held=held) for held in (True, False))
        if not (held_out.pairs and rest.pairs):
            raise UsageError("the split leaves no listed persona for one part: hold out other sizes, or add personas")
        if lost := len(self.personas) - len(held_out.personas) - len(rest.personas):
            note = f"{lost} of {self.pairs} personas would mix the two parts of the split and are in neither"
            held_out, rest = replace(held_out, notes=(note,)), replace(rest, notes=(note,))
        return held_out, rest

    def _part(self, profiles: set[str], personalities: set[str], *, held: bool) -> Self:
        """What lies inside both sets (`held`), or outside both."""
        if self.personas:
            sides = ((p, p.profile_id in profiles, p.personality_id in personalities) for p in self.personas)
            return self.of_personas(persona for persona, one, other in sides if one is other is held)
        return type(self)(
            {id: text for id, text in self.profiles.items() if (id in profiles) is held},
            {id: text for id, text in self.personalities.items() if (id in personalities) is held},
        )


def _shuffled(ids: Iterable[str], seed: int, what: str) -> list[str]:
    """An order that follows from the ids and the seed alone, on any machine."""
    return sorted(ids, key=lambda id: digest(f"{seed} {what} {id}", 16))


def _some(ids: Mapping[str, str], share: int | float, seed: int, what: str) -> set[str]:
    """`share` of the ids, a count or a fraction; at least one is taken and at least one left."""
    most = len(ids) - 1
    count = share if isinstance(share, int) else min(max(1, round(share * len(ids))), most) if 0 < share < 1 else 0
    if not 1 <= count <= most:
        raise UsageError(f"cannot hold out {share} of {len(ids)} {what}: at least one must be taken and one left")
    return set(_shuffled(ids, seed, f"split {what}")[:count])


class _BadLine(Exception):
    """Why a line cannot be read, in a few words."""


class _Reading:
    """One file on its way into a pool. `kinds`: what its objects must hold; with both kinds, either or both of them."""

    def __init__(self, file: Path | Traversable, kinds: tuple[Kind, ...], skip_bad: bool) -> None:
        self.notes: list[str] = []
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
                    self.notes.append(f"{file.name}:{number} holds {len(records)} texts")
                for record in records:
                    if again := self._add(record, number):
                        self.notes.append(f"{file.name}:{number} {again}")
            except _BadLine as problem:
                bad.append(f"line {number} ({problem})")
                self.notes.append(f"{file.name}:{number} left out: {problem}")
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
            raise _BadLine("a bare string" if isinstance(value, str) else "not an object")
        known = (*KINDS, "id", "profile_id", "personality_id")
        record = {key: _text(key, value[key]) for key in known if key in value}
        if not any(kind in record for kind in self._kinds):
            raise _BadLine(f"no {' or '.join(self._kinds)}")
        if len(self._kinds) == 1 and all(kind in record for kind in KINDS):
            raise _BadLine("a whole persona; read a file of those on its own")
        return record

    def _add(self, record: dict[str, str], number: int) -> str:
        """Keep what is new in the record, or say where it was before."""
        kinds = [kind for kind in KINDS if kind in record]
        whole = len(kinds) == 2
        what: Kind | Literal["persona"] = "persona" if whole else kinds[0]
        if self._whole is (not whole):
            raise _BadLine("a whole persona among single halves" if whole else "a single half among whole personas")
        self._whole = whole
        content = record[kinds[0]]
        if whole:
            content = "+".join(self._keep(kind, record[kind], record.get(f"{kind}_id"), number) for kind in kinds)
        again = content in self._ids[what]
        id = self._keep(what, content, record.get("id"), number)
        return f"repeats line {self._line_of[what, id]}; kept once, as {id}" if again else ""

    def _keep(self, what: Kind | Literal["persona"], content: str, given: str | None, number: int) -> str:
        """The id of this content: the one it has from an earlier line, else the one given, else one made."""
        if content in self._ids[what]:
            return self._ids[what][content]
        id = given or (content if what == "persona" else content_id(what, content))
        # "+" joins the ids of two halves, so that no half may have one.
        if not re.fullmatch(r"[\w.:+-]+" if what == "persona" else r"[\w.:-]+", id):
            raise _BadLine(f"id {id!r:.40} has more than letters, digits and _ . : -")
        if (what, id) in self._line_of:
            raise _BadLine(f"id {id!r:.40} has another text on line {self._line_of[what, id]}")
        self._line_of[what, id] = number
        return self._ids[what].setdefault(content, id)


def _bytes_of(file: Path | Traversable) -> bytes:
    """The file's bytes; `UsageError` if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; give a JSONL file") from error


def _values(raw: bytes) -> list[object]:
    """The JSON values of one line, one after the other; none in a blank line."""
    try:
        line = raw.decode().strip()
    except UnicodeDecodeError as error:
        raise _BadLine(f"not UTF-8 at byte {error.start + 1}") from None
    values = []
    while line:
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(line)
        except (ValueError, RecursionError):
            raise _BadLine("not JSON") from None
        values.append(value)
        line = line[end:].lstrip()
    return values


def _text(key: str, value: object) -> str:
    """A string with something in it, made of real characters, and cleaned."""
    if not isinstance(value, str) or not clean(value):
        raise _BadLine(f"{key} is empty" if isinstance(value, str) else f"{key} is not a string")
    if re.search("[\ud800-\udfff]", clean(value)):
        raise _BadLine(f"{key} holds half of a surrogate pair")
    return clean(value)
