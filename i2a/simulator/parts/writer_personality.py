"""Writes a personality: eight to ten traits, each shown in conduct, in five to eight sentences. No facts of a life."""

import random
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from i2a.simulator.language.text import load
from i2a.simulator.parts.writer_markup import Who, choose, fit_into, render


class Trait(NamedTuple):
    name: str
    hard: bool
    adjectives: tuple[str, ...]
    says: tuple[str, ...]
    excluded: frozenset[str]


class Personality(NamedTuple):
    text: str
    traits: tuple[Trait, ...]


@cache
def traits() -> Mapping[str, Trait]:
    """All traits by name; each excludes those that it names, and those that name it."""
    table = load("writer_traits.toml")
    against = {name: set(entry.get("not", [])) for name, entry in table.items()}
    for name, others in list(against.items()):
        for other in others:
            against[other].add(name)
    return {
        name: Trait(name, "hard" in entry, tuple(entry["adj"]), tuple(entry["says"]), frozenset(against[name]))
        for name, entry in table.items()
    }


def personality(chance: random.Random) -> Personality:
    """One personality. Most hold some difficult traits, a third mostly those, a few none."""
    while True:
        who: Who = chance.choices(("she", "he", "they"), (0.36, 0.36, 0.28))[0]
        count = chance.choice((8, 8, 8, 9, 9, 10))
        hard = round(count * chance.choice((0.0, 0.15, 0.3, 0.3, 0.45, 0.45, 0.6, 0.6, 0.8)))
        picked = _pick(count, hard, chance)
        sentences = _sentences(picked, chance.randint(count - 3, min(count, 8)), chance)
        if len(picked) == count and 5 <= len(sentences) <= 8:
            return Personality(" ".join(render(sentence, who) for sentence in sentences), picked)


def _pick(count: int, hard: int, chance: random.Random) -> tuple[Trait, ...]:
    """`count` traits of which about `hard` are difficult and no two exclude each other, in a random order."""
    order = list(traits().values())
    chance.shuffle(order)
    picked: list[Trait] = []
    for wanted, most in ((True, hard), (False, count)):
        for trait in order:
            if len(picked) == most:
                break
            if trait.hard == wanted and not any(trait.name in other.excluded for other in picked):
                picked.append(trait)
    chance.shuffle(picked)
    return tuple(picked)


def _sentences(picked: tuple[Trait, ...], size: int, chance: random.Random) -> list[str]:
    """`size` sentences that hold every trait: shown, or named by its adjective where there are more traits."""
    spare = len(picked) - size
    listed = 0 if spare == 0 else chance.choice((0, 2, 2, min(3, spare + 1)))
    shown = picked[listed:]
    out = [choose(chance.choice(trait.says), chance) for trait in shown]
    if listed:
        frames = load("writer_frames.toml")["traits"][("", "", "two", "three")[listed]]
        words = [chance.choice(trait.adjectives) for trait in picked[:listed]]
        frame = chance.choice(frames).format(*words)
        out.insert(chance.choice((0, 0, len(out) // 2, len(out))), frame)
    return fit_into(out, size, ("and", "and", "but", "yet"), chance)
