"""The markup of the writer's tables: pronouns, agreement and alternatives. Knows no persona.

`@` is she, he or they, `@m` her, him, them, `@r` her, his, their, `@s` the reflexive; `*works` agrees with `@`;
`(a|b)` is one of these; `<18-60 coast #swim>` says for whom an entry fits: ages, what must be so, and groups of which
a text holds one entry.
"""

import random
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from i2a.simulator.language.text import article, capital, load
from i2a.simulator.parts.writer_values import ALTERNATIVES, Values, lines

Who = Literal["she", "he", "they"]

PRONOUNS: Mapping[Who, Mapping[str, str]] = {
    "she": {"": "she", "m": "her", "r": "her", "s": "herself"},
    "he": {"": "he", "m": "him", "r": "his", "s": "himself"},
    "they": {"": "they", "m": "them", "r": "their", "s": "themselves"},
}
_PRONOUN = re.compile(r"@([mrs]?)(?!\w)")
_VERB = re.compile(r"\*([\w']+)")
_FITS = re.compile(r"\s*<([^<>]*)>\s*")
_AGES = re.compile(r"(\d+)-(\d+)")
_NOT_PLAIN = re.compile(r'[,;?!"]| and | but |@ ')
_MAY_FOLLOW = re.compile(r"(?:@|A |An |The |Two |On |For )")
_PLURAL = {
    "is": "are", "was": "were", "has": "have", "does": "do", "goes": "go", "doesn't": "don't", "dies": "die",
    "lies": "lie", "ties": "tie",
}  # fmt: skip


class Entry(NamedTuple):
    """A line of a table: its markup, the ages (years) it fits, and its tags."""

    text: str
    youngest: int
    oldest: int
    tags: frozenset[str]


@lru_cache(maxsize=128)
def entries(
    table: str, section: str, key: str = "all", values: Values = "all", youngest: int = 12, oldest: int = 92
) -> tuple[Entry, ...]:
    """The entries of one list of a table; an entry that names no ages fits from `youngest` to `oldest`."""
    found: list[Entry] = []
    for line in lines(values, section, load(table)[section][key]):
        fits = _FITS.search(line)
        ages = _AGES.search(fits[1]) if fits else None
        low, high = (int(ages[1]), int(ages[2])) if ages else (youngest, oldest)
        tags = frozenset(_AGES.sub("", fits[1]).split()) if fits else frozenset[str]()
        found.append(Entry(_FITS.sub("", line), low, high, tags))
    return tuple(found)


def choose(markup: str, chance: random.Random) -> str:
    """The markup with one of each of its alternatives."""
    return ALTERNATIVES.sub(lambda found: chance.choice(found[1].split("|")), markup)


def render(markup: str, who: Who) -> str:
    """A sentence: pronouns put in, verbs agreeing, articles right, a capital in front and a full stop behind."""
    text = _VERB.sub(lambda verb: agree(verb[1], who), markup)
    text = capital(article(_PRONOUN.sub(lambda found: PRONOUNS[who][found[1]], text)))
    return text if text.endswith((".", "!", "?", '."', '?"', '!"')) else f"{text}."


def agree(verb: str, who: Who) -> str:
    """The form of a third-person singular verb for `who`: singular they takes the plural."""
    if who != "they":
        return verb
    if verb in _PLURAL:
        return _PLURAL[verb]
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    if verb.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def joined(first: str, second: str, word: str) -> str | None:
    """Two sentences about `@` as one with two predicates; None unless both are plain and short."""
    plain = all(one.startswith("@ *") and not _NOT_PLAIN.search(one[2:]) for one in (first, second))
    if not plain or len(first.split()) + len(second.split()) > 26:
        return None
    return f"{first.rstrip('.')} {word} {second[2:]}"


def coupled(first: str, second: str) -> str | None:
    """Two sentences with `and` between them; None where the second begins with a name or one of them is long."""
    long = len(first.split()) + len(second.split()) > 28 or " and " in first + second or "." in first[:-1]
    if long or not _MAY_FOLLOW.match(second):
        return None
    return f"{first.rstrip('.')}, and {second if second[0] == '@' else second[0].lower() + second[1:]}"


def fit_into(sentences: list[str], most: int, words: tuple[str, ...], chance: random.Random) -> list[str]:
    """The sentences put together by twos until at most `most` are left, as far as they allow it.

    Two with a common subject are preferred, wherever they stand; else neighbours.
    """
    while len(sentences) > most:
        at = range(len(sentences))
        close = [(i, j) for i in at for j in at[i + 1 :] if joined(sentences[i], sentences[j], "and") is not None]
        loose = [(i, i + 1) for i in at[:-1] if coupled(sentences[i], sentences[i + 1]) is not None]
        if not close and not loose:
            break
        i, j = chance.choice(close or loose)
        one = joined(sentences[i], sentences[j], chance.choice(words)) or coupled(sentences[i], sentences[j])
        sentences = [*sentences[:i], one or "", *sentences[i + 1 : j], *sentences[j + 1 :]]
    return sentences
