"""What a model must not have seen in training: personas of the benchmark, and those held out for validation.

Personas are compared by the words of their texts, not by their ids, which differ from pool to pool.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Literal, NamedTuple

from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from i2a.trees.persona import Kind, Persona, clean, content_id

Part = Literal["train", "validation"]
SHOWN = 5


class Keys(NamedTuple):
    """The halves of a persona: ids that follow from the words alone, whatever the case, spaces and punctuation."""

    profile: str
    personality: str


def keys_of(persona: Persona) -> Keys:
    return Keys(key("profile", persona.profile), key("personality", persona.personality))


def key(kind: Kind, text: str) -> str:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", clean(text)).casefold())
    return content_id(kind, " ".join(words))


def in_benchmark(persona: Persona) -> bool:
    """Whether either half of it is the benchmark's."""
    return not _benchmark_keys().isdisjoint(keys_of(persona))


@cache
def _benchmark_keys() -> frozenset[str]:
    pool = PersonaPool.benchmark()
    profiles = (key("profile", text) for text in pool.profiles.values())
    return frozenset([*profiles, *(key("personality", text) for text in pool.personalities.values())])


def refuse(personas: Iterable[Keys], pool: PersonaPool) -> None:
    """Raise `UsageError` if a profile or a personality of `pool` is among those of `personas`, naming them."""
    profiles = {key("profile", text): id for id, text in pool.profiles.items()}
    personalities = {key("personality", text): id for id, text in pool.personalities.items()}
    personas = list(personas)
    found = [
        *sorted({profiles[keys.profile] for keys in personas if keys.profile in profiles}),
        *sorted({personalities[keys.personality] for keys in personas if keys.personality in personalities}),
    ]
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UsageError(
            f"the corpus contains personas of the benchmark ({', '.join(found[:SHOWN])}{more}); a model trained on it "
            "cannot be evaluated: simulate with other personas"
        )


def split(personas: Iterable[Keys], share: float, seed: int) -> dict[Keys, Part]:
    """The part of each persona that is in one. Raises `UsageError` if a part would be empty.

    `share` of the profiles and of the personalities are held out: a persona of those in both halves is for validation,
    in neither for training; the rest is in no part.
    """
    distinct = set(personas)
    if not share:
        return dict.fromkeys(distinct, "train")
    # The pool splits by ids, so that the keys can stand for the texts.
    pool = PersonaPool.of_personas(Persona("", *keys, *keys) for keys in sorted(distinct))
    held_out, rest = pool.split(profiles=share, personalities=share, seed=seed)
    sides: tuple[tuple[Part, PersonaPool], ...] = (("train", rest), ("validation", held_out))
    return {Keys(p.profile_id, p.personality_id): part for part, side in sides for p in side.personas}
