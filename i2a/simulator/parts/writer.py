"""Writes a batch of profiles or personalities: what the offline engine answers to a Persona Writer. Pure and seeded.

A personality is eight to ten traits, each shown in conduct, in five to eight sentences; it holds no facts of a life.
"""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from i2a.models.model import Message
from i2a.simulator.language.text import load, rng
from i2a.simulator.parts.prompt_parser import blocks
from i2a.simulator.parts.writer_markup import Values, Who, choose, fit_into, render
from i2a.simulator.parts.writer_profile import profile

__all__ = ["asks_for_personas", "write"]

_KINDS = ("profile", "personality")
_MOST = 1000  # texts in one answer


def asks_for_personas(system: str) -> bool:
    """Whether a system prompt asks for new profiles or personalities: it names the kind, and how many."""
    found = blocks(system)
    return found.get("kind") in _KINDS and found.get("count", "").isdecimal()


def write(messages: Sequence[Message], *, seed: int, values: Values = "all") -> str:
    """A numbered list of as many texts as the prompt asks for, none of them twice, none of the prompt's examples.

    The same prompt and seed give the same list in every process; another seed gives another list. `values`: from which
    of them the facts of profiles are drawn; traits have no parts.
    Raises `ValueError` for a prompt that does not ask for personas.
    """
    system = "\n".join(message.content for message in messages if message.role == "system")
    if not asks_for_personas(system):
        raise ValueError("the prompt names no <kind> (profile or personality) or no <count>")
    request = blocks(system)
    wanted = min(int(request["count"]), _MOST)
    seen = {line.removeprefix("- ").strip() for line in request.get("examples", "").splitlines()}
    texts: list[str] = []
    chance = rng("writer", request["kind"], seed, system)
    while len(texts) < wanted:
        text = profile(chance, values).text if request["kind"] == "profile" else personality(chance).text
        if text not in seen:
            seen.add(text)
            texts.append(text)
    return "\n".join(f"{place}. {text}" for place, text in enumerate(texts, 1))


# Personalities.


class WriterTrait(NamedTuple):
    name: str
    hard: bool
    adjectives: tuple[str, ...]
    says: tuple[str, ...]
    excluded: frozenset[str]


class WrittenPersonality(NamedTuple):
    text: str
    traits: tuple[WriterTrait, ...]


@cache
def traits() -> Mapping[str, WriterTrait]:
    """All traits by name; each excludes those that it names, and those that name it."""
    table = load("writer_traits.toml")
    against = {name: set(entry.get("not", [])) for name, entry in table.items()}
    for name, others in list(against.items()):
        for other in others:
            against[other].add(name)
    return {
        name: WriterTrait(name, "hard" in entry, tuple(entry["adj"]), tuple(entry["says"]), frozenset(against[name]))
        for name, entry in table.items()
    }


def personality(chance: random.Random) -> WrittenPersonality:
    """One personality. Most hold some difficult traits, a third mostly those, a few none."""
    while True:
        who: Who = chance.choices(("she", "he", "they"), (0.36, 0.36, 0.28))[0]
        count = chance.choice((8, 8, 8, 9, 9, 10))
        hard = round(count * chance.choice((0.0, 0.15, 0.3, 0.3, 0.45, 0.45, 0.6, 0.6, 0.8)))
        picked = _pick(count, hard, chance)
        sentences = _sentences(picked, chance.randint(count - 3, min(count, 8)), chance)
        if len(picked) == count and 5 <= len(sentences) <= 8:
            return WrittenPersonality(" ".join(render(sentence, who) for sentence in sentences), picked)


def _pick(count: int, hard: int, chance: random.Random) -> tuple[WriterTrait, ...]:
    """`count` traits of which about `hard` are difficult and no two exclude each other, in a random order."""
    order = list(traits().values())
    chance.shuffle(order)
    picked: list[WriterTrait] = []
    for wanted, most in ((True, hard), (False, count)):
        for trait in order:
            if len(picked) == most:
                break
            if trait.hard == wanted and not any(trait.name in other.excluded for other in picked):
                picked.append(trait)
    chance.shuffle(picked)
    return tuple(picked)


def _sentences(picked: tuple[WriterTrait, ...], size: int, chance: random.Random) -> list[str]:
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
