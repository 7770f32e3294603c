"""What a fact is about, so that the words around it fit: a pastime, a job, a home, a loss, bad luck."""

import re
from functools import lru_cache
from typing import Literal

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.text import lexicon, stem, stems
from i2a.simulator.persona.facts import Fact

Tone = Literal["good", "bad", "plain"]

_GRIEF, _TROUBLE, _JOY = (frozenset(stem(word) for word in lexicon("tone", key)) for key in ("grief", "trouble", "joy"))
_PASTIME, _WORK, _HOME, _MEAL = (lexicon("doing", key) for key in ("pastime", "work", "home", "meal"))
_LEARNING = lexicon("doing", "learning")
_LACK = re.compile(r"\bno (?:job|work|money|home|water|time)\b", re.I)


@lru_cache(maxsize=8192)
def theme(fact: Fact) -> str:
    """grief, trouble, learning, past, home, work, meal, pastime, other (somebody or something else), or plain."""
    content, words = stems(fact.mine), fact.mine.lower().split()
    if content & _GRIEF:
        return "grief"
    past = fact.kind == "do" and verbs.is_past(words[0])
    if content & _TROUBLE and not past and not can_be_asked(fact):
        return "trouble"
    if fact.kind == "am" and words[0] in _LEARNING:
        return "learning"
    if fact.kind == "say":
        return "other"
    if fact.kind != "do":
        return "plain"
    return _doing(words[0], fact)


def _doing(verb: str, fact: Fact) -> str:
    if verb in ("was", "were", "have", "had", "used", "left") or verbs.is_past(verb):
        return "past"
    if verb in _HOME:
        return "home"
    if verb in _MEAL:
        return "meal"
    runs_it = verb == "run" and grammar.has_determiner(fact.mine.split(" ", 1)[1])
    if verb in _PASTIME and not runs_it:
        return "pastime"
    return "work" if verb in _WORK or fact.topics[:1] == ("work",) else "plain"


def can_be_asked(fact: Fact) -> bool:
    """Whether `Do you still get to ...?` can go on with the fact: a present verb in its plain form, of the person."""
    verb = fact.mine.split(" ", 1)[0]
    return fact.kind == "do" and verb in verbs.KNOWN and not verbs.is_past(verb) and verb != "have"


def is_running(fact: Fact) -> bool:
    """Whether `Are you still ...?` can go on with it: `learning to knit socks`."""
    return fact.kind == "am" and grammar.is_gerund(fact.mine)


@lru_cache(maxsize=16384)
def tone(text: str) -> Tone:
    """Whether a text has good or bad news; one with both is bad."""
    content = stems(text)
    if content & (_TROUBLE | _GRIEF) or _LACK.search(text):
        return "bad"
    return "good" if content & _JOY else "plain"
