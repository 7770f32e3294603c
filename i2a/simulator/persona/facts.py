"""Facts about a person from any free text: what it says, how to say it, and which words give it away."""

import re
from dataclasses import dataclass
from functools import lru_cache

from i2a.simulator.language import grammar
from i2a.simulator.language.text import STOP, load, stem, stems, with_article, words
from i2a.simulator.persona.pieces import beliefs, pieces
from i2a.simulator.persona.predicates import Kind, Piece
from i2a.simulator.persona.topics import topics

_NAMED = re.compile(r",?\s+(?:named|called)\s+", re.I)
_THEIRS = re.compile(r"^((?:\w+ of )?)their\b")
_NEAR = load("words.toml")["near"]
_LEISURE = frozenset(
    ("sport", "outdoors", "food", "music", "books", "films", "crafts", "garden", "games", "travel", "volunteering")
)
_FREE_TIME = stems("free Saturday weekend evening fill empty")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is true of a person.

    `text` is the persona's own wording, `mine` and `yours` the same from within and from outside (a noun phrase, an
    -ing phrase or a verb phrase, as `kind` has it), `keywords` the stems that reveal it once a message has them all.
    `short` is the wording without the names ("two cats"), with the stems of that. `when` is an adverbial that
    comes last, from within and from outside. `more` is what the person may add, no part of the fact (", which I
    found").
    """

    text: str
    kind: Kind
    mine: str
    yours: str
    keywords: frozenset[str]
    short: tuple[str, frozenset[str]] | None
    topics: tuple[str, ...]
    when: tuple[str, str] = ("", "")
    more: str = ""

    def clause(self, person: str) -> str:
        """The fact as a whole clause of `I` or `you`."""
        text = self.mine if person == "I" else self.yours
        when = self.when[person != "I"]
        return f"{self.clause_of(person, text)} {when}" if when else self.clause_of(person, text)

    def clause_of(self, person: str, text: str) -> str:
        """Such a clause with other words for the fact, e.g. fewer."""
        if self.kind in ("say", "belief"):
            return text
        if self.kind == "do" and text.startswith("have "):
            return f"{person}'ve {text[5:]}"
        if self.kind == "do":
            return grammar.clause(person, text)
        if self.kind in ("like", "have"):
            return f"{person} {self.kind} {text}"
        noun = self.kind == "job" and not grammar.has_determiner(text) and text.lower() != "retired"
        return grammar.clause(person, "be " + (with_article(text) if noun else text))


@lru_cache(maxsize=8192)
def facts(text: str, tag: str = "profile") -> tuple[Fact, ...]:
    """The facts of a free text, in its order, no two with the same keywords. A tag other than profile holds beliefs."""
    found: dict[frozenset[str], Fact] = {}
    for piece in pieces(text) if tag == "profile" else beliefs(text):
        fact = _fact(piece)
        if fact.keywords:
            found.setdefault(fact.keywords, fact)
    return tuple(found.values())


def _fact(piece: Piece) -> Fact:
    text, core, subject = piece.text, piece.core, piece.subject
    # A wording of function words only ("is always there for you") is known when all of it occurs.
    key = piece.key or text
    stemmed = stems(key) or frozenset(stem(word) for word in words(key) if word not in STOP) or frozenset(words(key))
    keywords = frozenset({piece.age}) if piece.age else stemmed
    named = _NAMED.search(text)
    short = (text[: named.start()], stems(text[: named.start()])) if named and stems(text[: named.start()]) else None
    mine, yours = grammar.shift(core, subject, "I"), grammar.shift(core, subject, "you")
    if named and piece.kind == "have":
        mine, yours = (_NAMED.sub(", ", phrase, count=1) for phrase in (mine, yours))
    about = topics(text) or (("work",) if piece.kind == "job" else ())
    if piece.kind == "say" and subject in ("he", "she"):
        # Of a household: `two of their five children`.
        mine, yours = (_THEIRS.sub(rf"\1{owner}", wording) for wording, owner in ((mine, "our"), (yours, "your")))
    more = grammar.shift(piece.more, subject, "I")
    if piece.kind != "say":
        more = grammar.agreeing(more, "I")
    if re.search(r"\btheir\b", more) and subject in ("he", "she"):
        more = re.sub(r"\bthem\b", "us", re.sub(r"\btheir\b", "our", more))
    when = (grammar.shift(piece.when, subject, "I"), grammar.shift(piece.when, subject, "you"))
    return Fact(text, piece.kind, mine, yours, keywords, short, about, when, more)


def fits(fact: Fact, last: str, about: tuple[str, ...]) -> bool:
    """Whether a fact is on the topic of a message; an open evening fits any leisure."""
    spoken = stems(last)
    if closeness(fact, spoken, about) > 0:
        return True
    return len(spoken & _FREE_TIME) >= 2 and not _LEISURE.isdisjoint(fact.topics)


def closeness(fact: Fact, spoken: frozenset[str], about: tuple[str, ...]) -> float:
    """How near a fact is to a message: shared words, shared topics, neighbouring topics."""
    shared = len(fact.keywords & spoken)
    same = sum(1.0 for topic in fact.topics[:3] if topic in about[:3])
    lead = 1.0 if about and about[0] in fact.topics[:2] else 0.0
    near = 0.3 if about and any(topic in _NEAR.get(about[0], ()) for topic in fact.topics[:2]) else 0.0
    return shared + same + lead + near
