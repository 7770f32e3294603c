"""Words and sentences: splitting, stemming, choosing. Knows English, but no persona and no role."""

import random
import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from i2a.digests import digest

Table = dict[str, dict[str, list[str]]]

_WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+(?=[^\sa-z])|\n+")
_VOWEL_SOUND = re.compile(
    r"\b([Aa]) (?=(?:[aeiou]|8\d?\b|11\b|18\b|hour|honest|heir))(?!(?:uni|use|usu|euro|one\b|once|ufo))", re.I
)
_CONSONANT_SOUND = re.compile(r"\b([Aa])n (?=(?:[bcdfgjklmnpqrstvwxyz]|uni(?!m|n)|use|usu|euro|one\b|once))", re.I)
_SPELT_OUT = re.compile(r"\b([Aa]) (?=[AEFHILMNORSX][A-Z])")
_DOUBLED = re.compile(r"([bdgkmnprt])\1$")
_IRREGULAR = {
    "children": "child", "kids": "kid", "wives": "wife", "men": "man", "women": "woman", "knives": "knif",
    "care": "caring", "cares": "caring", "cared": "caring", "stare": "staring", "stared": "staring",
    "staring": "staring", "hate": "hating", "hates": "hating", "bare": "bare.", "plane": "airplane",
    "wine": "wine.", "wines": "wine.", "living": "living",
    "ran": "run", "wrote": "writ", "swam": "swim", "taught": "teach", "was": "be", "were": "be", "is": "be",
}  # fmt: skip


def fold(text: str) -> str:
    """One line, one space between words, straight quotes."""
    return " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())


@lru_cache(maxsize=32768)
def words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()))


@lru_cache(maxsize=32768)
def stem(word: str) -> str:
    """A light stem: hike, hikes, hiked and hiking meet; names and short words stay as they are."""
    word = word.removesuffix("'s").removesuffix("'")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = word.removesuffix("s") if word.endswith("ings") else word
    if len(word) > 5 and word.endswith("ing"):
        word = _DOUBLED.sub(r"\1", word[:-3])
    elif len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith("ed") and not word.endswith("eed"):
        word = _DOUBLED.sub(r"\1", word[:-2])
    elif len(word) > 4 and word.endswith(("shes", "ches", "sses", "xes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


@lru_cache(maxsize=32768)
def stems(text: str) -> frozenset[str]:
    """The stems of the content words; a hyphenated word also counts as its parts."""
    found: set[str] = set()
    for word in words(text):
        for part in (word, *word.split("-")) if "-" in word else (word,):
            if part not in STOP:
                found.add(stem(part))
    return frozenset(found)


@lru_cache(maxsize=8192)
def sentences(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in _SENTENCE_END.split(text) if part.strip())


def shorten(text: str, most: int) -> str:
    """The start of a text, cut between words where it has any. Keeps odd input from costing more than it is worth."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Lower-case the first letter, unless the first word is `I`, a name or an acronym."""
    first = text.split(" ", 1)[0]
    stays = (
        first in ("I", "I'm", "I've", "I'd", "I'll")
        or (len(first) > 1 and first[1].isupper())
        or ("'s" in first and first not in _CONTRACTED)
    )
    return text if stays else text[:1].lower() + text[1:]


def article(text: str) -> str:
    """Repair `a engineer` and `an nurse`, as they arise when a template meets a noun."""
    text = _CONSONANT_SOUND.sub(r"\1 ", _VOWEL_SOUND.sub(r"\1n ", text))
    return _SPELT_OUT.sub(r"\1n ", text)


def with_article(noun: str) -> str:
    return article("a " + noun)


def rng(*parts: object) -> random.Random:
    """A generator that depends on the parts only, the same in every process."""
    return random.Random(int(digest("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")), 16))


def fresh(choices: Sequence[str], used: str, chance: random.Random) -> str:
    """A template whose longest fixed part does not occur in `used` (folded, lower-case); any, when all do."""
    start = chance.randrange(len(choices))
    ordered = [*choices[start:], *choices[:start]]
    return next((choice for choice in ordered if fixed_part(choice) not in used), ordered[0])


@lru_cache(maxsize=8192)
def fixed_part(template: str) -> str:
    parts = re.split(r"\{\w+\}", template.lower())
    return max((part.strip(" .,!?") for part in parts), key=len)


@lru_cache(maxsize=16)
def load(name: str) -> Table:
    """A table of `data/`: sections of lists of strings."""
    path = Path(__file__).parents[1] / "data" / name
    table: Table = tomllib.loads(path.read_text(encoding="utf-8"))
    return table


@lru_cache(maxsize=64)
def lexicon(section: str, key: str = "words") -> frozenset[str]:
    """A closed word class of `data/words.toml`."""
    return frozenset(" ".join(load("words.toml")[section][key]).split())


_CONTRACTED = frozenset({"It's", "That's", "There's", "What's", "Here's", "Who's", "How's", "Let's", "Where's"})
STOP = lexicon("stop")
