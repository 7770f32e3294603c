"""Facts about a person from any free text: what it says, how to say it, and which words give it away."""

import re
from dataclasses import dataclass
from functools import lru_cache

from agents.offline import grammar
from agents.offline.splitting import Kind, Piece, beliefs, pieces
from agents.offline.text import STOP, stem, stems, words
from agents.offline.topics import topics

_NAMED = re.compile(r",?\s+(?:named|called)\s+", re.I)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is true of a person.

    `text` is the persona's own wording, `mine` and `yours` the same from within and from outside (a noun phrase, an
    -ing phrase or a verb phrase, as `kind` has it), `needs` the stems that make it known once they are said.
    `short` is the wording without the names ("two cats"), with the stems that it needs.
    """

    text: str
    kind: Kind
    mine: str
    yours: str
    needs: frozenset[str]
    short: tuple[str, frozenset[str]] | None
    topics: tuple[str, ...]


@lru_cache(maxsize=8192)
def facts(text: str, tag: str = "profile") -> tuple[Fact, ...]:
    """The facts of a free text, in its order, no two with the same needs. A tag other than profile holds beliefs."""
    found: dict[frozenset[str], Fact] = {}
    for piece in pieces(text) if tag == "profile" else beliefs(text):
        fact = _fact(piece)
        if fact.needs:
            found.setdefault(fact.needs, fact)
    return tuple(found.values())


def _fact(piece: Piece) -> Fact:
    text, core, subject = piece.text, piece.core, piece.subject
    # A wording of function words only ("is always there for you") is known when all of it is said.
    said = stems(text) or frozenset(stem(word) for word in words(text) if word not in STOP) or frozenset(words(text))
    needs = frozenset({piece.age}) if piece.age else said
    named = _NAMED.search(text)
    short = (text[: named.start()], stems(text[: named.start()])) if named and stems(text[: named.start()]) else None
    mine, yours = grammar.shift(core, subject, "I"), grammar.shift(core, subject, "you")
    if named:
        mine, yours = (_NAMED.sub(", ", phrase, count=1) for phrase in (mine, yours))
    about = topics(text) or (("work",) if piece.kind == "job" else ())
    return Fact(text, piece.kind, mine, yours, needs, short, about)
