"""Personality as style: which styles a free text asks for, and which ones a message shows.

A trait is named outright or shown by what somebody does: `presses the lift button nine times` is impatient, though no
word says so, because it is like one of the examples that the personality writer draws on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from i2a.simulator.language.text import fold, load, rng, stems, words

STYLES = load("styles.toml")
_NEGATION = re.compile(
    r"\b(?:not|never|rarely|hardly|seldom|isn't|doesn't|don't|no longer|far from|anything but"
    r"|instead of|rather than|lacks?|without|nor)\s+"
    r"(?:(?:a|an|very|really|so|too|at all|particularly|especially|always|be|being|seen as|at)\s+)*$",
    re.I,
)
_END = re.compile(r"(?<=[.!?;])\s+|[\n\r]+")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_LEAD = re.compile(
    r"^(?:(?:he|she|they|i|you|this person)(?:'s|'re|'m)?\s+)?(?:also\s+|often\s+)?(?:is|are"
    r"|am|was|can be|has|have|tends to be)?\s*"
    r"(?:(?:also|very|quite|really|highly|extremely|incredibly|a bit|a little|an?|rather"
    r"|always|somewhat|deeply|remarkably)\s+)*",
    re.I,
)
_SHOWN_AS = {trait: name for name, entry in STYLES.items() for trait in entry["conduct"]}
_STEMS = [
    *(
        (stem, name, key == "traits")
        for name, entry in STYLES.items()
        for key in ("traits", "akin")
        for stem in entry[key]
    ),
    *(
        (word, _SHOWN_AS[name], True)
        for name, entry in load("writer_traits.toml").items()
        if name in _SHOWN_AS
        for word in entry["adj"]
    ),
]
_LESS = re.compile(r"\w*less\b")
_STIMULUS = re.compile(
    r"(?!(?:he|she|they|i|you)\b)[^,;]{2,60}?\s(?=(?:makes?|bores?|annoys?|irritates?|worr(?:y|ies)|wounds?|puzzles?|tires?"
    r"|embarrass(?:es)?|disarms?|scares?|frightens?|leaves?|sends?|hurts?|moves?)\s(?:him|her|them|me|you)\b)",
    re.I,
)
_EXPLAINS = re.compile(r"\w+ing\b|willing|there|able|never|always|often|someone|in\b", re.I)
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")


@dataclass(frozen=True, slots=True)
class Trait:
    """One trait in its persona's wording, the styles it names outright (a reader can see them), and leans towards."""

    text: str
    shown_by: tuple[str, ...]
    leans: tuple[str, ...]


@lru_cache(maxsize=4096)
def traits(personality: str) -> tuple[Trait, ...]:
    """The traits of a free text, one per adjective or sentence, in its order."""
    found: dict[str, Trait] = {}
    for line in _END.split(personality.strip().strip('"')):
        sentence = fold(_BULLET.sub("", line)).rstrip(".!;, ")
        for piece in _pieces(sentence):
            trait = _trait(piece)
            if trait.text:
                found.setdefault(trait.text.lower(), trait)
    return tuple(found.values())


@lru_cache(maxsize=4096)
def styles(personality: str) -> tuple[str, ...]:
    """The styles of a personality, strongest first, at most five; an unknown one gets two that its text decides."""
    weight: dict[str, float] = {}
    for index, trait in enumerate(traits(personality)):
        for name in trait.shown_by:
            weight[name] = weight.get(name, 0.0) + max(0.3, 1.0 - 0.1 * index)
        for name in trait.leans:
            weight[name] = weight.get(name, 0.0) + max(0.1, 0.3 - 0.02 * index)
    if not weight:
        if not personality.strip():
            return ()
        return tuple(rng("style", personality).sample(("calm", "practical", "warm", "curious", "modest"), 2))
    return tuple(sorted(weight, key=lambda name: -weight[name])[:5])


@lru_cache(maxsize=4096)
def suits(wanted: tuple[str, ...]) -> frozenset[str]:
    """The styles of a reply that please a person of these styles."""
    return frozenset(wanted) | {liked for name in wanted[:3] for liked in STYLES[name]["likes"]}


@lru_cache(maxsize=32768)
def shown(message: str) -> dict[str, int]:
    """The styles that a message shows, each with the words of its longest marker (structure counts as one)."""
    found: dict[str, int] = {}
    tokens = words(message)
    for at, word in enumerate(tokens):
        for marker, name in _MARKERS.get(word, ()):
            if tokens[at : at + len(marker)] == marker:
                found[name] = max(found.get(name, 0), len(marker))
    for name in _structure(message, len(tokens)):
        found.setdefault(name, 1)
    return found


def plain(tokens: tuple[str, ...]) -> list[str]:
    """The words outside style markers and idioms: those that can say what a message is about."""
    out, at = [], 0
    while at < len(tokens):
        markers = (marker for marker, _ in _MARKERS.get(tokens[at], ()) if len(marker) > 1)
        ahead = [len(one) for one in (*markers, *_IDIOMS.get(tokens[at], ())) if tokens[at : at + len(one)] == one]
        if ahead:
            at += max(ahead)
        else:
            out.append(tokens[at])
            at += 1
    return out


def shape(wanted: Iterable[str]) -> frozenset[str]:
    """The structure that the leading styles ask for: short, long, flat, exclaim, trailing, long-forms, ask."""
    return frozenset(mark for name in list(wanted)[:3] for mark in STYLES[name]["shape"])


def _pieces(sentence: str) -> list[str]:
    """`warm, funny and shy` holds three traits; `warm, always caring for others` is one with its explanation."""
    body = _LEAD.sub("", sentence, count=1)
    parts = re.split(r",\s+(?:and\s+)?|\s+and\s+", body)
    if len(parts) > 1 and all(len(part.split()) <= 3 and not _EXPLAINS.match(part) for part in parts):
        return [_LEAD.sub("", part, count=1) if " not " not in f" {part} " else part for part in parts]
    return [sentence]


def _trait(piece: str) -> Trait:
    named, leans = _styles_of(piece)
    acted = tuple(dict.fromkeys(_SHOWN_AS[name] for name in traits_shown(piece) if name in _SHOWN_AS))
    if acted:
        return Trait(_LEAD.sub("", piece, count=1), acted, leans)
    body = _LEAD.sub("", piece, count=1)
    adjective = re.split(r",| and | but ", body, maxsplit=1)[0]
    said_of = body != piece and adjective != body and len(adjective.split()) <= 2
    if said_of or (len(adjective.split()) <= 3 and _styles_of(adjective)[0]):
        # The adjective is the trait; what follows the comma explains it and must not add styles of its own.
        own, own_leans = _styles_of(adjective)
        return Trait(adjective, own or named[:1], own_leans if own else leans)
    return Trait(body if named or leans else piece, named, leans)


@lru_cache(maxsize=8192)
def _styles_of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The styles that a text names and leans towards. What moves a person (`loud jokes make her go`) is not theirs."""
    stimulus = _STIMULUS.match(text)
    text = text[stimulus.end() :] if stimulus else text
    named: list[tuple[int, str]] = []
    leans: list[tuple[int, str]] = []
    lowered = f" {text.lower()}"
    for stem, name, outright in _STEMS:
        at = lowered.find(stem)
        while at > 0 and (lowered[at - 1].isalnum() or lowered[at - 1] == "-"):
            at = lowered.find(stem, at + 1)
        lacking = at > 0 and not stem.endswith("less") and _LESS.match(lowered, at)
        if at > 0 and not lacking and not _NEGATION.search(lowered[:at]):
            (named if outright else leans).append((at, name))
    first = tuple(dict.fromkeys(name for _, name in sorted(named)))
    return first, tuple(dict.fromkeys(name for _, name in sorted(leans) if name not in first))


def _structure(message: str, length: int) -> list[str]:
    found = []
    if message.count("!") >= 2 or _EMOJI.search(message):
        found.append("energetic")
    if length > 34:
        found.append("talkative")
    if 0 < length <= 6 and "?" not in message and "!" not in message:
        found.append("laconic")
    return found


def _markers() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    index: dict[str, dict[tuple[tuple[str, ...], str], None]] = {}
    for name, entry in STYLES.items():
        for key in ("lead", "say_open", "say_close", "reply_open", "reply_close", "marks"):
            for phrase in entry[key]:
                tokens = words(phrase)
                if len(tokens) > 1 or key == "marks":
                    index.setdefault(tokens[0], {})[tokens, name] = None
    return {first: list(markers) for first, markers in index.items()}


_MARKERS = _markers()
_IDIOMS: dict[str, list[tuple[str, ...]]] = {}
for _phrase in load("words.toml")["idioms"]["phrases"]:
    _IDIOMS.setdefault(words(_phrase)[0], []).append(words(_phrase))


# Traits shown by what somebody does.

_ALTERNATIVES = re.compile(r"\([^()]*\)")
_MARKUP = re.compile(r"@[mrs]?(?!\w)|\*")
_FORGIVEN = 5  # content words of an example for each one that may be missing


@lru_cache(maxsize=8192)
def traits_shown(text: str) -> tuple[str, ...]:
    """The names of the traits whose examples the text is like, in the order of the table."""
    content = stems(text)
    likely = {at for word in content for at in _BY_WORD.get(word, ())}
    found = (_EXAMPLES[at] for at in sorted(likely))
    return tuple(dict.fromkeys(name for name, known in found if len(known - content) <= len(known) // _FORGIVEN))


def _examples() -> list[tuple[str, frozenset[str]]]:
    """Each example as its trait and content words; words that change from case to case are left out."""
    found = []
    for name, entry in load("writer_traits.toml").items():
        for line in entry["says"]:
            fixed = stems(_MARKUP.sub(" ", _ALTERNATIVES.sub(" ", line)))
            if len(fixed) >= 3:
                found.append((name, fixed))
    return found


_EXAMPLES = _examples()
_BY_WORD: dict[str, list[int]] = {}
for _at, (_, _words) in enumerate(_EXAMPLES):
    for _word in _words:
        _BY_WORD.setdefault(_word, []).append(_at)
