"""What a fact is about, so that the words around it fit: a pastime, a job, a home, a loss, bad luck."""

import re
from functools import lru_cache
from typing import Literal

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.text import lexicon, stem, stems, words
from i2a.simulator.persona.facts import Fact

Tone = Literal["good", "bad", "grave", "plain"]

_GRIEF, _TROUBLE, _JOY = (frozenset(stem(word) for word in lexicon("tone", key)) for key in ("grief", "trouble", "joy"))
_PASTIME, _WORK, _HOME, _MEAL = (lexicon("doing", key) for key in ("pastime", "work", "home", "meal"))
_LEARNING = lexicon("doing", "learning")
_BAD = re.compile(
    r"\bno (?:job|work|money|home|water|time)\b|\b(?:fell|fallen) (?:in|down|off|from|on|over) (?:the|a)\b"
    r"|\bbegun to forget\b|\b(?:ruined|robbed|burgled|injured|not been paid|had an accident|too steep for)\b",
    re.I,
)
# News that nobody jests about. A word alone will not do: `prison guard` and `lost a match` are none.
_KIN = "baby|child|husband|wife|son|daughter|mother|father|mum|mom|dad|brother|sister|parents|friend"
_GRAVE = re.compile(
    r"\b(?:in|to|from|left|out of) (?:prison|jail)\b"
    rf"|\b(?:lost|losing|lose) (?:\w+ )?(?:job|home|house|leg|arm|sight|hearing|{_KIN})\b"
    r"|\b(?:was|were|been|got|am|I'm|you're|is|are) (?:\w+ )?(?:fired|laid off|made redundant|evicted|divorced"
    r"|unemployed|paraly[sz]ed|bereaved|dying|orphaned|abused|homeless|(?:terminally|seriously) ill)\b"
    r"|\b(?:hostel|shelter) for (?:the )?homeless\b|\bhomeless (?:hostel|shelter)\b|\bsleep(?:s|ing)? rough\b"
    r"|\b(?:divorce|divorcing|cancer|dementia|leukaemia|leukemia|suicide|miscarriages?|emphysema|multiple sclerosis"
    r"|tumou?r|killed|murdered|drowned|chemotherapy|hospice|bankrupt|heart attack|in a coma|alzheimer's|parkinson's)\b"
    r"|\b(?:had|has|have|after) (?:had )?a stroke\b|\b(?:was|were|been|got) (?:arrested|run over|attacked|raped|shot)\b"
    r"|\bengagement was broken\b|\bbroke off (?:the|my|your) engagement\b|\bit's terminal\b",
    re.I,
)
# The work of others with such news, and names for something else.
_NOT_GRAVE = re.compile(
    r"\b(?:cancer|dementia|suicide|hospice|stroke|grief|death|dead|funeral|divorce|murder|grave)[ -](?:ward|research"
    r"|charit|nurse|patient|awareness|foundation|hospital|hotline|prevention|lawyer|metal|director|parlour|sea|counsel|myster"
    r"|volunteer|digger|stone)\w*"
    r"|\b(?:volunteer|help|cook|serve|donate|work|nurse)\w* (?:\w+ ){0,4}(?:homeless|hospice)(?: \w+)?\b"
    r"|\bday of the dead\b",
    re.I,
)


@lru_cache(maxsize=8192)
def theme(fact: Fact) -> str:
    """grief, trouble, learning, past, home, work, meal, pastime, other (somebody or something else), or plain."""
    content, first = stems(fact.mine), fact.mine.lower().split()[0]
    if is_grave(fact.clause("I")):
        return "grief"
    past = fact.kind == "do" and verbs.is_past(first)
    if content & _TROUBLE and not past and not can_be_asked(fact):
        return "trouble"
    if fact.kind == "am" and first in _LEARNING:
        return "learning"
    if fact.kind == "say":
        return "other"
    if fact.kind != "do":
        return "plain"
    return _doing(first, fact)


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
def is_grave(text: str) -> bool:
    """Whether a text tells of a death, a grave illness, prison, a divorce, the loss of a job or a home."""
    text = _NOT_GRAVE.sub(" ", text)
    return bool(stems(text) & _GRIEF or _GRAVE.search(text))


@lru_cache(maxsize=16384)
def tone(text: str) -> Tone:
    """Whether a text has good, bad or grave news; one with both is bad."""
    if is_grave(text):
        return "grave"
    content = stems(text)
    if content & _TROUBLE or _BAD.search(text):
        return "bad"
    return "good" if {stem(word) for word in words(text)} & _JOY else "plain"  # `love` is no content word
