"""A known fact put into words by the one who remembers it, in a question or remark that has the shape of the fact."""

import random
import re
from functools import lru_cache

from agents.offline import grammar, verbs, voice
from agents.offline.aspects import aspect, can_be_asked, is_running
from agents.offline.evidence import telling
from agents.offline.facts import Fact
from agents.offline.telling import possession, sound
from agents.offline.text import capital, fresh, load, lower_first, stems, with_article

LINES = load("responder.toml")
_CUT = re.compile(
    r"(?:,\s+|\s+)(?:and|in|at|on|of|for|from|with|by|near|along|above|under|below|behind|beside|between|before|after"
    r"|since|until|because|where|who|which|that|every|each|twice|around|outside|through|into|over|as|during|alone)\b",
    re.I,
)
_STRANDED = re.compile(
    r"\b(?:part|member|one|two|three|four|lot|some|most|third|half|quarter|couple|number|row|and \w+|am|are|is|be|been"
    r"|a|an|the|and|fond|kind|you|your)$",
    re.I,
)


def weave(fact: Fact, manner: str, used: str, chance: random.Random) -> str:
    """A sentence that brings up something known: `weave` recalls it, `echo` picks up what was just said."""
    group, slots = _slots(fact, manner == "echo")
    line = fresh(LINES[manner][group], used, chance)
    for slot, said in slots.items():
        if slot in line:
            line = voice.fill(line, slot, said)
    return grammar.tidy(line)


@lru_cache(maxsize=8192)
def _slots(fact: Fact, just_said: bool) -> tuple[str, dict[str, str]]:
    """The group of frames for a fact, and what goes into their slots."""
    yours = brief(fact, just_said)
    if fact.kind == "have" and sound(yours):
        group = possession(fact)
        your = voice.possessive(yours, "your")
        return (group if group in ("pets", "family", "study") else "thing"), {"{x}": yours, "{your}": your}
    if fact.kind == "like" and sound(yours):
        return ("ing" if grammar.is_gerund(yours) else "noun"), {"{x}": yours, "{X}": capital(yours)}
    if fact.kind in ("job", "state", "age") and sound(yours):
        said = lower_first(yours)
        return fact.kind, {"{x}": said, "{a}": said if grammar.has_determiner(said) else with_article(said)}
    if is_running(fact):
        return "learning", {"{x}": yours}
    if can_be_asked(fact):
        group = aspect(fact)
        return (group if group in LINES["weave"] else "act"), {"{x}": yours}
    group = aspect(fact)
    return (group if group in ("grief", "trouble", "past") else "clause"), {"{you}": _clause(fact, yours)}


def _clause(fact: Fact, yours: str) -> str:
    if fact.kind in ("say", "belief"):
        return yours
    if fact.kind == "do" and yours.startswith("have "):
        return f"you've {yours[5:]}"
    if fact.kind in ("like", "have"):
        return f"you {fact.kind} {yours}"
    return grammar.clause("you", yours if fact.kind == "do" else "be " + lower_first(yours))


@lru_cache(maxsize=8192)
def brief(fact: Fact, just_said: bool = False) -> str:
    """A fact as one brings it up: without what trails behind, as long as it can still be told from any other.

    What was only just said is taken up in fewer words, for both know what is meant.
    """
    said, mark = fact.yours, telling(fact)
    for cut in _CUT.finditer(said):
        head = said[: cut.start()].rstrip(" ,")
        if "," in head and cut.group().endswith("and"):
            continue  # the last of a list
        known = len(stems(head) & mark)
        if just_said:
            enough = not mark.isdisjoint(stems(head.partition(" ")[2]))  # `grew up` tells nothing
        else:
            enough = known * 2 > len(mark) and known >= 2
        if enough and not _STRANDED.search(head) and _whole(fact, head):
            return head
    return said


def _whole(fact: Fact, head: str) -> bool:
    """Whether the start of a clause about somebody else has its verb already."""
    if fact.kind != "say":
        return True
    at = verbs.verb_at(fact.yours)
    return bool(at) and len(head.split()) > at + 1
