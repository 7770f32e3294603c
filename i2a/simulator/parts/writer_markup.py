"""The markup of the writer's tables: pronouns, agreement, alternatives, and sentences without a subject.

`@` is she, he or they, `@m` her, him, them, `@r` her, his, their, `@s` the reflexive; `*works` agrees with `@`;
`(a|b)` is one of these; `<18-60 coast #swim>` says for whom an entry fits: ages, what must be so, and groups of which
a text holds one entry. It knows no persona.
"""

import random
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from i2a.simulator.language.text import article, capital, load, rng

Values = Literal["all", "seen", "unseen"]

_UNSEEN = 0.25
_FEWEST = 16  # a shorter list stays whole: a part of it would say the same in every text
_SHARED = frozenset({"homes", "food", "family"})  # sentence patterns, in which places, dishes and names are put
ALTERNATIVES = re.compile(r"\(([^()|]*(?:\|[^()|]*)+)\)")


# Which values a text may draw: all, or one of two parts, so that no value of a test set need be met in training. What
# is a value depends on the table: an entry of its own, or an alternative in a sentence that both parts share.


def part(values: Values, items: Iterable[str]) -> list[str]:
    """Those of `items` that belong to a part; each stays where it is, whatever stands beside it."""
    return [item for item in items if values == "all" or _unseen(item) == (values == "unseen")]


def lines(values: Values, section: str, table: list[str]) -> list[str]:
    """What of a table of markup belongs to a part: entries, or entries with fewer alternatives."""
    if values == "all":
        return table
    if len(table) >= _FEWEST and section not in _SHARED:
        return part(values, table)
    return [ALTERNATIVES.sub(lambda found: _fewer(values, found[1].split("|")), line) for line in table]


def _fewer(values: Values, alternatives: list[str]) -> str:
    left = part(values, alternatives) or alternatives
    return left[0] if len(left) == 1 else f"({'|'.join(left)})"


@cache
def _unseen(item: str) -> bool:
    return rng("values", item).random() < _UNSEEN


# Entries of the tables, and sentences of them.

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


class TableEntry(NamedTuple):
    """A line of a table: its markup, the ages (years) it fits, and its tags."""

    text: str
    youngest: int
    oldest: int
    tags: frozenset[str]


@lru_cache(maxsize=128)
def entries(
    table: str, section: str, key: str = "all", values: Values = "all", youngest: int = 12, oldest: int = 92
) -> tuple[TableEntry, ...]:
    """The entries of one list of a table; an entry that names no ages fits from `youngest` to `oldest`."""
    found: list[TableEntry] = []
    for line in lines(values, section, load(table)[section][key]):
        fits = _FITS.search(line)
        ages = _AGES.search(fits[1]) if fits else None
        low, high = (int(ages[1]), int(ages[2])) if ages else (youngest, oldest)
        tags = frozenset(_AGES.sub("", fits[1]).split()) if fits else frozenset[str]()
        found.append(TableEntry(_FITS.sub("", line), low, high, tags))
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


# Sentences without a subject. A text in which every sentence opens with `She` is, to a sentence encoder, much like any
# other such text; people who write about people vary this as well.

_PREDICATE = re.compile(r"@ \*(\w+) (.+)")
_OWNED = re.compile(r"@r (?!cousin|aunt|closest|best|mother|father|sister|brother|husband|wife|partner)")
_DOUBLES = frozenset({"swim", "run", "knit", "cut", "put", "dig"})
_HOBBY = (
    "{0} is a hobby of long standing", "Free hours go to {0}", "The costliest hobby is {0}",
    "Spare money goes into {0}", "The main pastime is {0}", "What is left of the week goes to {0}",
    "{0} began as a bet", "Holidays are for {0}",
)  # fmt: skip
_LEARNING = (
    "The plan for this year is to learn {0}", "The next thing to learn is {0}",
    "Half an hour a day goes to learning {0}", "Still to be learned: {0}",
)  # fmt: skip
_OBJECT = (
    "Among the belongings is {0}", "In the hall there is {0}", "The oldest possession is {0}",
    "The only thing of value is {0}", "Under the stairs there is {0}",
)  # fmt: skip
_PET = ("{0} waits by the door", "{0} shares the home", "{0} sleeps at the foot of the bed", "{0} came from a shelter")


def impersonal(kind: str, fact: str, chance: random.Random) -> str:
    """`fact`, of a table `kind`, without its subject; unchanged where no such wording fits."""
    if kind in ("worries", "objects", "food") and _OWNED.match(fact):
        return _OWNED.sub("The ", fact, count=1)
    found = _PREDICATE.fullmatch(fact)
    if not found or re.search(r"[@*]", found[2]):
        return fact
    verb, rest = found[1], found[2]
    if kind == "hobbies" and verb not in ("is", "was", "has"):
        return _put(_HOBBY, f"{gerund(verb)} {rest}", chance)
    if kind == "learning" and verb == "is" and rest.startswith("learning "):
        learnt = rest.removeprefix("learning ")
        frames = _LEARNING if not learnt.startswith("to ") else _LEARNING[:1] + _LEARNING[2:3]
        return _put(frames, learnt, chance)
    if kind == "homes" and verb == "lives" and rest.startswith("in "):
        return f"Home is {rest}"
    if kind == "objects" and verb in ("owns", "has") and re.match(r"an? ", rest) and "tattoo" not in rest:
        return _put(_OBJECT, rest, chance)
    if kind == "pets" and verb in ("owns", "has", "adopted") and re.match(r"an? [^,]*\b(?:named|called) ", rest):
        tank = re.match(r"a tank|a \(?(?:corn|gecko|tarantula|stick)", rest)
        return fact if tank else _put(_PET, rest, chance)
    return fact


def _put(frames: tuple[str, ...], phrase: str, chance: random.Random) -> str:
    frame = chance.choice([one for one in frames if not one.startswith("{0}") or "," not in phrase] or list(frames))
    return frame.format(capital(phrase) if frame.startswith("{0}") else phrase)


def gerund(verb: str) -> str:
    """The -ing form of a verb in the third person singular."""
    base = agree(verb, "they")
    if base in _DOUBLES:
        return f"{base}{base[-1]}ing"
    if base.endswith("e") and not base.endswith(("ee", "ye", "oe")):
        return f"{base[:-1]}ing"
    return f"{base}ing"
