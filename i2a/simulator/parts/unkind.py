"""What hurts in a reply whoever the person is: insults, ill will, and jokes about bad news. Knows no persona."""

import re
from functools import lru_cache

from i2a.simulator.language.text import load, words

_TABLE = load("unkind.toml")


def _words(section: str, key: str) -> list[str]:
    return " ".join(_TABLE[section][key]).split()


_QUALITIES = "|".join(_words("insults", "qualities"))
_NAMES = "|".join(_words("insults", "names"))
_SURELY = "(?:really|always|truly|clearly) (?:are|were)"
_YOU_ARE = (
    rf"(?:you(?:'re| are| were|r)|you (?:sound|look|seem|must be|{_SURELY}|have always been)|(?:what|such) (?:a|an))"
)
_INSULT = re.compile(
    rf"\b(?:{'|'.join(_words('insults', 'always'))})\b"
    rf"|(?:^|[,.!?:;] )(?:(?:just|oh|please|now|so|and|but|god),? )*(?:{'|'.join(_TABLE['insults']['orders'])})"
    r"(?=[,.!?]|$| (?:already|now|will|would|you|and (?:stay|never)|your|the)\b)"
    rf"|\b(?:{'|'.join(_TABLE['insults']['phrases'])})"
    rf"|\b{_YOU_ARE}(?: (?!not\b|never\b|no\b)[\w']+){{0,2}}? (?:{_NAMES})\b"
    rf"|\byou(?:'re| are| were| {_SURELY}| sound| seem| look)(?: (?!not\b|never\b|tired\b)[\w']+){{0,2}}?"
    rf" (?:{_QUALITIES})(?=[.,;!?]|$)"
    rf"|(?:^|[,.!?] )you (?:(?:{_QUALITIES}|old|little|absolute|total|complete) )*(?:{_NAMES})\b"
    rf"|(?:^|[.!?] )(?:{_NAMES})[.!]|, (?:{_NAMES})[.!]"
    rf"|\bwhat an? (?:\w+ )?(?:{_QUALITIES}) (?:\w+ )?(?:you are|person|thing to|question|life|message|story|remark)",
    re.I,
)
_WISH = _TABLE["ill_will"]
_BAD = "|".join(_words("ill_will", "bad"))
_ILL_WILL = re.compile(
    rf"{_WISH['wishes']} {_WISH['whom']}\b(?:(?!{_WISH['turned']})[^.!?,])*?\b(?:{_BAD})\b"
    rf"|(?:^|[.!?] )(?:hope|wish) it (?:{_BAD})\b"
    rf"|\b(?:{'|'.join(_WISH['phrases'])})",
    re.I,
)
_FLIPPANT = frozenset(tuple(words(phrase)) for phrase in _TABLE["flippant"]["phrases"])
_LONGEST = max(map(len, _FLIPPANT))
_GRAVE = frozenset(_words("grave", "words"))
_GRAVE_PHRASE = re.compile(rf"\b(?:{'|'.join(_TABLE['grave']['phrases'])})\b", re.I)
_LAUGHS = re.compile("[\U0001f600-\U0001f606\U0001f60a\U0001f60e\U0001f602\U0001f923\U0001f389\U0001f973]")


@lru_cache(maxsize=16384)
def insults(text: str) -> bool:
    return bool(_INSULT.search(text))


@lru_cache(maxsize=16384)
def wishes_ill(text: str) -> bool:
    return bool(_ILL_WILL.search(text))


@lru_cache(maxsize=16384)
def is_grave(text: str) -> bool:
    """Whether a text has news that nobody jokes about."""
    return not _GRAVE.isdisjoint(words(text)) or bool(_GRAVE_PHRASE.search(text))


@lru_cache(maxsize=16384)
def is_flippant(text: str) -> bool:
    """Whether a text laughs or cheers."""
    tokens = words(text)
    said = (tokens[at : at + n] for n in range(1, _LONGEST + 1) for at in range(len(tokens) - n + 1))
    return bool(_LAUGHS.search(text)) or any(phrase in _FLIPPANT for phrase in said)
