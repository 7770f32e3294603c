"""Words by which somebody refers to a known fact: the end of it, from the word that ties it to what is talked about.

`the telescope made from a drainpipe`, not `you follow comets with a telescope`: who hears the first word knows why.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.text import STOP, lexicon, stem, stems
from i2a.simulator.persona.evidence import distinctive
from i2a.simulator.persona.fact_kinds import can_be_asked, is_running, theme
from i2a.simulator.persona.facts import Fact
from i2a.simulator.persona.topics import topics_of

# your X | the X | X-ing | (you, to) X | (want to) X | (you're) X-ing | (you're) X | that the X is so
Shape = Literal["own", "noun", "ing", "verb", "wish", "learning", "state", "clause"]

_WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*")
_CUT = re.compile(
    r"(?:,\s+|\s+)(?:and|in|at|on|of|for|from|with|by|near|along|above|under|below|behind|beside|between|before|after"
    r"|since|until|because|where|who|which|that|every|each|twice|around|outside|through|into|over|as|during|alone)\b",
    re.I,
)
_STRANDED = re.compile(
    r"\b(?:part|member|one|two|three|four|lot|some|most|third|half|quarter|couple|number|row|and \w+|am|are|is|be|been"
    r"|a|an|the|and|fond|kind|you|your|only|not|at least|a view|the (?:size|last)|wherever"
    r"|(?:that|which|who|where)(?: \w+)?)$"
    r"|, (?:two|three|four) \w+$",
    re.I,
)
_ANOTHER = re.compile(r", and (?=(?:you|your|the|an?|nobody|my)\b)")  # what begins another clause
_DETERMINERS = frozenset({"a", "an", "the", "your", "one", "my", "his", "her", "their"})
# What a noun cannot follow where `the` is to stand before it: what is denied, and what only a relative clause names.
_BARRED = re.compile(
    r"\b(?:that|which|who|where|out of|no|not|never|without|can't|cannot|don't|doesn't|hate|refuse|gave up|give up"
    r"|avoid|lost)\b"
)
_BEFORE_GERUND = frozenset({"is", "into", "to", "for", "of", "by", "about", "like", "begun", "started", "spent", "and"})
_KIN = frozenset(stem(word) for word in lexicon("heads", "family")) | stems(
    "aunt uncle cousin parents brother grandchild"
)
_PREPOSITION = re.compile(r"\b(?:in|at|on|of|for|from|with|by|near|under|where|which|that|who|than|as|to)\s|,")
_NO_NOUN = (
    frozenset({"online", "alone", "abroad", "born", "married", "tired", "deaf", "outdoors", "active", "thousand"})
    | grammar.AFTER_VERB
)
_BEFORE_NOUN = STOP | grammar.AFTER_VERB | {"against", "across", "towards", "like", "per", "off"}
_LONGEST = 9  # words of a noun phrase
_WIDER = 3  # words that may be taken in before the tying one


@dataclass(frozen=True, slots=True)
class Reference:
    """The end of a fact, without what trails behind, and how it goes on after others. `lead` holds the words before it
    where it is a clause that needs them (`your`, `a`)."""

    shape: Shape
    text: str
    lead: str = ""


@lru_cache(maxsize=16384)
def reference(fact: Fact, about: tuple[str, ...] = ()) -> Reference | None:
    """How to refer to a fact from a message about these topics. None where only a whole clause will do."""
    if fact.kind in ("age", "job", "belief") or theme(fact) == "grief":
        return None
    tied = [*(topic for topic in about if topic in fact.topics), *fact.topics]
    for topic in dict.fromkeys(tied):
        for word in _WORD.finditer(fact.yours):
            found = _from(fact, word.start()) if topic in topics_of(word[0]) else None
            if found:
                return found
    return next((found for start in _otherwise(fact) for found in (_from(fact, start),) if found), None)


def _otherwise(fact: Fact) -> list[int]:
    """Where a reference can begin that no word ties to anything."""
    if fact.kind in ("do", "am", "state", "like"):
        return [0]
    mark = distinctive(fact)
    return [word.start() for word in _WORD.finditer(fact.yours) if stem(word[0].lower()) in mark][:2]


def _from(fact: Fact, start: int) -> Reference | None:
    """The reference that begins here, if it identifies the fact."""
    head, text = fact.yours[:start], fact.yours[start:]
    if not head:
        return _whole(fact)
    before = head.split()
    verb = verbs.verb_at(fact.yours) if fact.kind == "say" else 0
    if fact.kind == "say" and len(before) <= max(verb, _WIDER) and before[-1] not in _BEFORE_NOUN - _DETERMINERS:
        return _subject(fact, start, verb) if len(before) != verb or not verb else None
    if head.endswith("want to "):
        return Reference("wish", ending(fact, start)) if _enough(fact, text) else None
    if before[-1] in ("to", "and", "or", "not") and grammar.base(text.split(" ", 1)[0]) in verbs.KNOWN:
        return None
    if grammar.is_gerund(text) and before[-1] in _BEFORE_GERUND:
        return Reference("ing", ending(fact, start)) if _enough(fact, text) else None
    if _BARRED.search(head) or before[0] in ("was", "were") or (fact.kind == "am" and before[0] in _DETERMINERS):
        return None
    wider = (at for at in _widened(fact.yours, start) if at or fact.kind in ("have", "like"))
    return next((found for at in wider for found in (_noun(fact, at),) if found), None)


def _whole(fact: Fact) -> Reference | None:
    """A reference that is the fact from its first word on."""
    if fact.kind == "do" and fact.yours.startswith("do not "):
        return None
    if fact.kind == "do":
        return Reference("verb", ending(fact, 0)) if can_be_asked(fact) else None
    if is_running(fact):
        return Reference("learning", ending(fact, 0))
    if fact.kind in ("am", "state"):
        return Reference("state", ending(fact, 0)) if fact.yours[0].islower() else None
    if fact.kind == "say":
        return _subject(fact, 0, verbs.verb_at(fact.yours))
    if grammar.is_gerund(fact.yours):
        return Reference("ing", ending(fact, 0))
    return _noun(fact, 0)


def _subject(fact: Fact, start: int, verb: int) -> Reference | None:
    """A reference to what a clause is about: the noun alone where that is enough, else the clause."""
    clause = fact.yours
    noun = " ".join(clause.split()[:verb])[start:].rstrip(" ,")
    if noun and _enough(fact, noun) and _nominal(noun):
        return Reference(_owned(fact, start, noun), noun)
    lead = clause[:start].strip()
    if len(lead.split()) > _WIDER or not _enough(fact, clause[start:]):
        return None
    text = ending(fact, start)
    return Reference("clause", text if _has_verb(fact, f"{lead} {text}") else clause[start:], lead)


def _noun(fact: Fact, start: int) -> Reference | None:
    text = ending(fact, start)
    before = fact.yours[:start].split()[-1:]
    place = text[:1].isupper() and bool(before) and before[0] not in _DETERMINERS
    if place or not _enough(fact, text) or not _nominal(text):
        return None
    return Reference(_owned(fact, start, text), text)


def _nominal(text: str) -> bool:
    """Whether `the` or `your` can stand before a text: no verb of its own, no number of something gone, nothing cut."""
    first = text.split(" ", 1)[0].lower().strip(",")
    acts = first in verbs.SURE or (first in verbs.KNOWN and grammar.has_determiner(text.partition(" ")[2]))
    goes_on = acts or any(word in verbs.KNOWN for word in re.findall(r" and (\w+) ", text))
    short = len(text.split()) <= _LONGEST and not _STRANDED.search(text) and not goes_on
    named = (
        bool(first)
        and not re.match(r"\w+ \d", text)
        and first not in _NO_NOUN
        and first not in STOP
        and not first[0].isdigit()
    )
    return short and named and not first.endswith("ed") and not verbs.verb_at(f"the {text}")


def _owned(fact: Fact, start: int, text: str) -> Shape:
    """`your` for what the fact says is the person's, `the` for anything else."""
    head = fact.yours[:start]
    owner = re.search(r"\byour (?:[\w'-]+ ){0,2}$", head)
    kin = not _KIN.isdisjoint(stem(word) for word in re.split(r"[\s,]+", text.lower())[:2]) and "'s" not in text
    had = fact.kind == "have" and not _PREPOSITION.search(head)
    return "own" if owner or kin or had else "noun"


def _widened(clause: str, start: int) -> Iterator[int]:
    """The beginnings of a noun phrase: the word itself, then with the words before it."""
    yield start
    for word in list(reversed(list(_WORD.finditer(clause[:start]))))[:_WIDER]:
        before = clause[: word.start()].split()[-1:]
        acting = grammar.is_gerund(word[0]) and not _DETERMINERS.intersection(before)
        done = acting or (clause[: word.start()].endswith(("to ", "and ")) and grammar.base(word[0]) in verbs.KNOWN)
        if done or word[0].lower() in _BEFORE_NOUN or clause[word.end()] == ",":
            return
        yield word.start()


def ending(fact: Fact, start: int) -> str:
    """The fact from there on, without what trails behind as long as that identifies it."""
    text, mark = fact.yours[start:], distinctive(fact)
    another = _ANOTHER.search(text)
    if another and _enough(fact, text[: another.start()]):
        text = text[: another.start()]
    for cut in _CUT.finditer(text):
        head = text[: cut.start()].rstrip(" ,")
        if "," in head and cut.group().endswith("and"):
            continue  # the last of a list
        known = len(stems(head) & mark)
        enough = known * 2 > len(mark) and (known >= 2 or start)
        if enough and not _STRANDED.search(head) and (start or _has_verb(fact, head)):
            return head
    return text


def _has_verb(fact: Fact, head: str) -> bool:
    """Whether the start of a clause about somebody else has its verb already."""
    if fact.kind != "say":
        return True
    at = verbs.verb_at(fact.yours)
    return bool(at) and len(head.split()) > at + 1


def _enough(fact: Fact, text: str) -> bool:
    """Whether a text that speaks to the person counts as a mention of the fact."""
    mark = distinctive(fact)
    return 2 * len(stems(text) & mark) >= len(mark)
