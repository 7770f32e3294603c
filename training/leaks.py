"""What a model must not have seen in training: personas of the benchmark, and those held out for validation.

Personas are compared by their texts, not by their ids, which differ from pool to pool; and near-copies count as copies,
see `i2a.personas.copies`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.personas.copies import CopyIndex, groups, normal
from i2a.personas.pool import PersonaPool
from i2a.runs.training_folder import trained_personas
from i2a.trees.persona import KINDS, Kind, Persona, clean, content_id

Part = Literal["train", "validation"]
SHOWN = 5


class Keys(NamedTuple):
    """The halves of a persona: ids that follow from the words alone, whatever the case, spaces and punctuation."""

    profile: str
    personality: str


def keys_of(persona: Persona) -> Keys:
    """A half without a text, as of imported dialogues, is that of nobody else."""
    return Keys(
        key("profile", persona.profile) if persona.profile else f"p-{persona.profile_id}",
        key("personality", persona.personality) if persona.personality else f"t-{persona.personality_id}",
    )


def key(kind: Kind, text: str) -> str:
    return content_id(kind, normal(clean(text)))


class Halves(NamedTuple):
    """The texts of distinct profiles and personalities, by their keys."""

    profiles: dict[str, str]
    personalities: dict[str, str]

    def add(self, persona: Persona) -> Keys:
        keys = keys_of(persona)
        self.profiles.setdefault(keys.profile, persona.profile)
        self.personalities.setdefault(keys.personality, persona.personality)
        return keys

    def of(self, personas: Iterable[Keys]) -> dict[Kind, list[str]]:
        """The texts of these personas, as a manifest keeps them."""
        chosen = list(personas)
        return {
            "profile": [self.profiles[key] for key in dict.fromkeys(keys.profile for keys in chosen)],
            "personality": [self.personalities[key] for key in dict.fromkeys(keys.personality for keys in chosen)],
        }


def with_those_before(texts: Mapping[Kind, Sequence[str]], model: Path) -> dict[str, list[str]]:
    """The texts of the personas of a training, and those that the model in this folder was trained on before."""
    before = trained_personas(model) or {}
    return {kind: list(dict.fromkeys([*before.get(kind, ()), *texts[kind]])) for kind in KINDS}


def in_benchmark(persona: Persona) -> bool:
    """Whether either half of it is a copy or near-copy of one of the benchmark's."""
    return _copied("profile", persona.profile) or _copied("personality", persona.personality)


@cache
def _copied(kind: Kind, text: str) -> bool:
    return bool(_benchmark(kind).copied(clean(text)))


@cache
def _benchmark(kind: Kind) -> CopyIndex:
    pool = PersonaPool.benchmark()
    return CopyIndex(pool.profiles if kind == "profile" else pool.personalities)


def refuse(found: Halves, pool: PersonaPool) -> None:
    """Raise `UsageError` if a profile or a personality of `pool` is among `found`, or a near-copy, naming them."""
    copied = [
        *_ids_copied(found.profiles, CopyIndex(pool.profiles)),
        *_ids_copied(found.personalities, CopyIndex(pool.personalities)),
    ]
    if copied:
        more = f" and {len(copied) - SHOWN} more" if len(copied) > SHOWN else ""
        raise UsageError(
            f"the corpus contains personas of the benchmark ({', '.join(copied[:SHOWN])}{more}); a model trained on it "
            "cannot be evaluated: simulate with other personas"
        )


def _ids_copied(texts: Mapping[str, str], index: CopyIndex) -> list[str]:
    return sorted({id for text in texts.values() for id in index.copied(clean(text))})


def split(personas: Iterable[Keys], halves: Halves, share: float, seed: int) -> dict[Keys, Part]:
    """The part of each persona that is in one. Raises `UsageError` if a part would be empty.

    `share` of the profiles and of the personalities are held out: a persona of those in both halves is for validation,
    in neither for training; the rest is in no part. Near-copies are on one side. People of whom nothing is known, as
    in dialogues of others, are held out one by one.
    """
    everybody = set(personas)
    if not share:
        return dict.fromkeys(everybody, "train")
    unknown = {keys for keys in everybody if keys.profile.removeprefix("p-") == keys.personality.removeprefix("t-")}
    if len(unknown) > 1:
        order = sorted(unknown, key=lambda keys: digest(f"{seed} {keys.profile}"))
        held = min(max(1, round(share * len(order))), len(order) - 1)
        alone: dict[Keys, Part] = {keys: "train" if place >= held else "validation" for place, keys in enumerate(order)}
        known = everybody - unknown
        train: Part = "train"
        return alone | (split(known, halves, share, seed) if len(known) > 1 else dict.fromkeys(known, train))
    distinct = everybody
    profiles, personalities = groups(halves.profiles), groups(halves.personalities)
    first = {keys: Keys(profiles[keys.profile], personalities[keys.personality]) for keys in distinct}
    # The pool splits by ids, so that the keys can stand for the texts.
    pool = PersonaPool.of_personas(Persona("", *keys, *keys) for keys in sorted(set(first.values())))
    held_out, rest = pool.split(profiles=share, personalities=share, seed=seed)
    sides: tuple[tuple[Part, PersonaPool], ...] = (("train", rest), ("validation", held_out))
    parts = {Keys(p.profile_id, p.personality_id): part for part, side in sides for p in side.personas}
    return {keys: parts[first[keys]] for keys in distinct if first[keys] in parts}
