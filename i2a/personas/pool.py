"""Personas: who the simulated user is. A profile says what is so (the topic), a personality how they talk (the style).

A `PersonaPool` reads and writes them, draws pairs without repeats and splits them without leaks. What it draws
follows from its contents and a seed, never from the order of a file. It knows nothing of models or trees.
"""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from itertools import islice
from math import gcd
from pathlib import Path
from typing import Self

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.jsonl import dumps
from i2a.personas.persona_file import PersonaFile
from i2a.trees.persona import KINDS, Kind, Persona


@dataclass(frozen=True, slots=True)
class PersonaPool:
    """Profiles and personalities, each id -> text. `personas` are the only pairs; if empty, any two go together.

    `fields`: of "profile" and of "personality", what else is known of some of these, by id; a pair has those of both.
    `warnings` say what reading or splitting changed or left out, one line each.
    """

    profiles: Mapping[str, str]
    personalities: Mapping[str, str]
    personas: tuple[Persona, ...] = ()
    fields: Mapping[str, Mapping[str, Mapping[str, object]]] = field(default_factory=dict)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of_personas(cls, personas: Iterable[Persona], warnings: Iterable[str] = ()) -> Self:
        """A pool of these pairs only."""
        listed = tuple(personas)
        profiles = {persona.profile_id: persona.profile for persona in listed}
        personalities = {persona.personality_id: persona.personality for persona in listed}
        return cls(profiles, personalities, listed, warnings=tuple(warnings))

    @classmethod
    def read(cls, profiles: Path | None = None, personalities: Path | None = None, *, skip_bad: bool = False) -> Self:
        """A pool from a file of profiles and a file of personalities; None means the 20 that come with i2a.

        A line holds an object `{"id": ..., "profile": ...}` (the id may be missing) or, as in the ALOE release
        (arXiv 2410.03642), a JSON string, or several. Other files and folders: see `i2a.records`; columns count by
        their names. One file given for both is read by `read_file`.
        `UsageError` names the lines that cannot be read; with `skip_bad` they are left out, with a warning.
        """
        if profiles is not None and profiles == personalities:
            return cls.read_file(profiles, skip_bad=skip_bad)
        seeds = files("i2a.personas") / "seeds"
        first = PersonaFile(profiles or seeds / "profiles.jsonl", ("profile",), skip_bad)
        second = PersonaFile(personalities or seeds / "personalities.jsonl", ("personality",), skip_bad)
        fields = _known({"profile": first.fields["profile"], "personality": second.fields["personality"]})
        warnings = (*first.warnings, *second.warnings)
        return cls(first.by_id("profile"), second.by_id("personality"), fields=fields, warnings=warnings)

    @classmethod
    def benchmark(cls) -> Self:
        """The 20 profiles and 5 personalities that `i2a evaluate` meets; nothing may be trained on them."""
        folder = files("i2a.personas") / "benchmark"
        first = PersonaFile(folder / "profiles.jsonl", ("profile",), skip_bad=False)
        second = PersonaFile(folder / "personalities.jsonl", ("personality",), skip_bad=False)
        return cls(first.by_id("profile"), second.by_id("personality"))

    @classmethod
    def read_file(cls, path: Path, *, skip_bad: bool = False, any_fields: bool = False) -> Self:
        """A pool from one file, as `write` leaves it: whole personas, or profiles and personalities on their own.

        A whole persona is `{"profile": ..., "personality": ...}`, with or without `id`, `profile_id` and
        `personality_id`; other keys are further fields, if their values are plain. With `any_fields` a person of whom
        only some of these are known is whole too. Errors as for `read`.
        """
        file = PersonaFile(path, KINDS, skip_bad, any_fields=any_fields)
        if personas := file.personas():
            return cls.of_personas(personas, file.warnings)
        fields = _known({kind: file.fields[kind] for kind in KINDS})
        return cls(file.by_id("profile"), file.by_id("personality"), fields=fields, warnings=tuple(file.warnings))

    def write(self, path: Path) -> None:
        """Write the pool as one JSONL file, which `read_file` brings back equal. `UsageError` if it cannot."""
        rows = [_row(persona) for persona in self.personas] or [
            *({"id": id, "profile": text, **self._half("profile", id)} for id, text in self.profiles.items()),
            *(
                {"id": id, "personality": text, **self._half("personality", id)}
                for id, text in self.personalities.items()
            ),
        ]
        lines = "".join(dumps(row) + "\n" for row in rows)
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
        contents: list[object] = [sorted(self.profiles.items()), sorted(self.personalities.items()), sorted(listed)]
        if self.field_names:
            contents.append({**self.fields, "persona": {p.id: dict(p.fields) for p in self.personas}})
        return digest(json.dumps(contents, sort_keys=True))

    @property
    def field_names(self) -> tuple[str, ...]:
        """What else is known of at least one persona, beside profile and personality."""
        by_half = [told for by_id in self.fields.values() for told in by_id.values()]
        told = [*by_half, *(persona.fields for persona in self.personas)]
        return tuple(dict.fromkeys(name for names in told for name in names))

    def all(self) -> Sequence[Persona]:
        """All personas: the listed ones or, if there are none, every profile with every personality."""
        return self.personas or [
            self._pair(profile, personality) for profile in self.profiles for personality in self.personalities
        ]

    def _pair(self, profile: str, personality: str) -> Persona:
        """The persona of two halves that are told apart by their ids."""
        fields = {**self._half("profile", profile), **self._half("personality", personality)}
        texts = self.profiles[profile], self.personalities[personality]
        return Persona(f"{profile}+{personality}", *texts, profile, personality, fields)

    def _half(self, kind: Kind, id: str) -> Mapping[str, object]:
        return self.fields.get(kind, {}).get(id, {})

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
            yield self._pair(profiles[place], personalities[(step + turn // cycle) % len(personalities)])

    def _walk_listed(self, seed: int) -> Iterator[Persona]:
        by_id = {persona.id: persona for persona in self.personas}
        waiting: dict[str, deque[Persona]] = defaultdict(deque)
        for id in _shuffled(by_id, seed, "personas"):
            waiting[by_id[id].profile_id].append(by_id[id])
        used: Counter[str] = Counter()
        left = Counter(persona.personality_id for persona in by_id.values())
        at = Counter({0: len(left)})  # how many personalities that are left were used so often
        least = 0  # nobody is rarer, so that one can stop looking there
        rounds = list(waiting.values())
        while rounds:
            for mine in rounds:
                place, most = 0, len(by_id)
                for number, persona in enumerate(mine):
                    if (count := used[persona.personality_id]) < most:
                        place, most = number, count
                        if count == least:
                            break
                rarest = mine[place]
                del mine[place]
                personality = rarest.personality_id
                at[used[personality]] -= 1
                used[personality] += 1
                left[personality] -= 1
                at[used[personality]] += left[personality] > 0
                while not at[least] and least < len(by_id):
                    least += 1
                yield rarest
            rounds = [mine for mine in rounds if mine]

    def split(self, *, profiles: int | float, personalities: int | float, seed: int) -> tuple[Self, Self]:
        """(held out, rest), with no profile and no personality in both.

        The sizes are the held-out part's: a count (int) or a fraction (float). Listed pairs that would mix the parts
        are in neither, with a warning. `UsageError` if a part would be empty.
        """
        some_profiles = _some(self.profiles, profiles, seed, "profiles")
        some_personalities = _some(self.personalities, personalities, seed, "personalities")
        held_out, rest = (self._part(some_profiles, some_personalities, inside=inside) for inside in (True, False))
        if not (held_out.pairs and rest.pairs):
            there = f"{len(self.profiles)} profiles and {len(self.personalities)} personalities"
            held = f"{len(some_profiles)} and {len(some_personalities)} are to be held out"
            why = f"the split leaves no persona for one part: of {there}, {held}"
            raise UsageError(f"{why}; hold out another share, or add personas")
        if lost := len(self.personas) - len(held_out.personas) - len(rest.personas):
            warning = f"{lost} of {self.pairs} personas would mix the two parts of the split and are in neither"
            held_out, rest = replace(held_out, warnings=(warning,)), replace(rest, warnings=(warning,))
        return held_out, rest

    def _part(self, profiles: set[str], personalities: set[str], *, inside: bool) -> Self:
        """What lies inside both sets (`inside`), or outside both."""
        if self.personas:
            sides = ((p, p.profile_id in profiles, p.personality_id in personalities) for p in self.personas)
            return self.of_personas(persona for persona, one, other in sides if one is other is inside)
        return type(self)(
            {id: text for id, text in self.profiles.items() if (id in profiles) is inside},
            {id: text for id, text in self.personalities.items() if (id in personalities) is inside},
            fields=self.fields,
        )


def _row(persona: Persona) -> dict[str, object]:
    """A line of a file of whole personas. A half of which nothing is known is left out."""
    halves = {
        name: value
        for kind in KINDS
        if (text := getattr(persona, kind))
        for name, value in ((kind, text), (f"{kind}_id", getattr(persona, f"{kind}_id")))
    }
    known = {name: halves[name] for name in (*KINDS, "profile_id", "personality_id") if name in halves}
    return {"id": persona.id, **known, **persona.fields}


def _known(
    fields: Mapping[str, Mapping[str, Mapping[str, object]]],
) -> Mapping[str, Mapping[str, Mapping[str, object]]]:
    return {kind: by_id for kind, by_id in fields.items() if by_id}


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
