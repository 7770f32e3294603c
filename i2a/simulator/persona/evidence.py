"""Which facts of a persona some messages reveal, and which facts and claims a reply makes about the person."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from i2a.simulator.language.text import STOP, lexicon, load, sentences, stem, stems, words
from i2a.simulator.language.verbs import KNOWN
from i2a.simulator.persona.facts import Fact
from i2a.simulator.persona.topics import TOPICS, topics

_YOU = frozenset({"you", "your", "yours", "you're", "you've", "you'd", "you'll", "yourself"})
_CLAUSE = re.compile(r"(?<=[.!?])\s+|[;:]\s+|,\s+(?=(?:and|but|so|or)\b)")
GENERIC = frozenset(stem(word) for word in lexicon("generic"))


def revealed(facts: Iterable[Fact], messages: Iterable[str]) -> tuple[Fact, ...]:
    """The facts whose every content word stands in one of the messages."""
    content = [stems(message) for message in messages]
    return tuple(fact for fact in facts if any(fact.keywords <= spoken for spoken in content))


def wordings(facts: Iterable[Fact], messages: Iterable[str]) -> tuple[str, ...]:
    """What the messages support of each fact, in the persona's own words: all of it, or all but the names."""
    content = [stems(message) for message in messages]
    found = []
    for fact in facts:
        if any(fact.keywords <= spoken for spoken in content):
            found.append(fact.text)
        elif fact.short and any(fact.short[1] <= spoken for spoken in content):
            found.append(fact.short[0])
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Mention:
    fact: Fact
    own_words: bool


@lru_cache(maxsize=16384)
def clauses(reply: str) -> tuple[tuple[str, frozenset[str], bool], ...]:
    """The clauses of a reply: text, stems, and whether they speak to the person."""
    return tuple(
        (clause, stems(clause), not _YOU.isdisjoint(words(clause)))
        for sentence in sentences(reply)
        for clause in _CLAUSE.split(sentence)
        if clause
    )


def mentions(facts: Iterable[Fact], reply: str) -> tuple[Mention, ...]:
    """The facts that a reply brings up: half of their distinctive words in one clause, or all but one of a long fact.

    `own_words`: whether the clause has words beside the fact, some of them those that make grammar.
    """
    parts = clauses(reply)
    found = []
    for fact in facts:
        mark = distinctive(fact)
        for clause, spoken, to_you in parts:
            hit = mark & spoken
            if len(hit) * 2 > len(mark) or (len(hit) * 2 == len(mark) and to_you):
                found.append(Mention(fact, _has_own_words(clause, fact, asks="?" in reply)))
                break
    return tuple(found)


def _has_own_words(clause: str, fact: Fact, *, asks: bool) -> bool:
    """Whether a clause says more than the fact itself: three words of its own, or two beside a question."""
    own = [word for word in words(clause) if stem(word) not in fact.keywords and word not in _wording(fact)]
    return len(own) >= (2 if asks else 3) and sum(word in STOP for word in own) >= 2


@lru_cache(maxsize=8192)
def _wording(fact: Fact) -> frozenset[str]:
    return frozenset(words(fact.text)) - _YOU


def distinctive(fact: Fact) -> frozenset[str]:
    """The stems of a fact that could not stand in any other, or all of them."""
    return _distinctive_stems(fact.keywords)


@lru_cache(maxsize=16384)
def _distinctive_stems(keywords: frozenset[str]) -> frozenset[str]:
    """The words of a fact that could not stand in any other, if it has such."""
    return keywords - GENERIC or keywords


# Stems of things that a person has or is, in groups that can stand for one another (a dog is no cat); more than these
# cannot be told for sure.
CLAIM_GROUPS = tuple(
    frozenset(stem(word) for word in line.split()) for line in load("words.toml")["claimable"]["groups"]
)
_GROUP_OF = {root: group for group, roots in enumerate(CLAIM_GROUPS) for root in roots}
_CLAIM = re.compile(
    r"\byour\s+((?:[\w'-]+\s+){0,2}?[\w'-]+)|\b(?:you're|you are|as)\s+an?\s+((?:[\w-]+\s+){0,2}?[\w-]+)"
    r"|\byou (?:play|teach|own|have|keep|collect|love|enjoy|adore|bake|paint|grow|run"
    r"|coach)\s+((?:[\w'-]+\s+){0,2}[\w'-]+)",
    re.I,
)
# What takes something for granted, and what only wonders or proposes.
_PRESUMES = re.compile(
    r"\byour\b|\bstill\b|\bas an?\b|\byou(?:'re| are|'ve| have| were)\b|\b(?:when|that|how|and|so|because) you\b|^you\b"
    r"|\byou (?:said|told|mentioned|did say)\b|\bremember|\b(?:don't|aren't|didn't|haven't) you\b|\bleast you\b"
    r"|\byou and\b",
    re.I,
)
_RECALLS = re.compile(r"\b(?:said|told|mentioned|saying|remember|did say)\b", re.I)
_WONDERS = re.compile(r"\b(?:if|could|might|may|maybe|perhaps|ever|should|try|imagine|suppose)\b", re.I)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]\w+")


def false_claim(reply: str, truth: frozenset[str], messages: Iterable[str]) -> str | None:
    """The first thing a reply claims about the person that neither `truth`, the stems of the persona, nor the person's
    messages support.

    Some things are listed with what cannot stand for them (a dog is no cat). Beyond those a sentence is false if it
    takes for granted more about the person than it has right, or recounts what nobody has said.
    """
    known = frozenset[str]().union(*(stems(message) for message in messages))
    for group, thing in _claims(reply):
        if not (_group(truth, group) or _group(known, group)):
            return thing
    for claimed, recounted in _presumed(reply):
        unheard = [word for word in claimed if stem(word) not in truth and stem(word) not in known]
        if 2 * len(unheard) > len(claimed) and len(unheard) >= (1 if recounted else 2):
            return " ".join(unheard)
    return None


@lru_cache(maxsize=16384)
def _claims(reply: str) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    for clause in sentences(reply):
        asking = re.match(r"(?:do|are|did|have|would|could|is|was|any)\b", clause, re.I)
        for match in _CLAIM.finditer(clause):
            if asking and not match[1]:
                continue
            for word in words(match[1] or match[2] or match[3]):
                group = _GROUP_OF.get(stem(word))
                if group is not None:
                    found.setdefault(group, word)
    return tuple(found.items())


def _group(spoken: frozenset[str], group: int) -> bool:
    return any(_GROUP_OF.get(word) == group for word in spoken)


@lru_cache(maxsize=16384)
def _presumed(reply: str) -> tuple[tuple[tuple[str, ...], bool], ...]:
    """The words of each sentence that takes something about the person for granted, and whether it recounts what they
    said: then every word counts that is no small talk."""
    found = []
    for sentence in sentences(reply):
        if _PRESUMES.search(sentence) and not _WONDERS.search(sentence):
            recounted = bool(_RECALLS.search(sentence))
            names = {name.lower() for name in _NAME.findall(sentence)}
            claimed = (word for word in words(sentence) if word in names or _is_telling(word, concrete=not recounted))
            found.append((tuple(dict.fromkeys(claimed)), recounted))
    return tuple(found)


@lru_cache(maxsize=16384)
def _is_telling(word: str, *, concrete: bool) -> bool:
    """Whether a word can be right or wrong about somebody: no small talk, and if it must be `concrete`, of a topic or a
    deed, for `your dedication` claims nothing."""
    root = stem(word)
    small = len(word) < 4 or word in STOP or root in SMALL_TALK
    return not small and (not concrete or bool(topics(word)) or root in _DEEDS)


def _small_talk() -> frozenset[str]:
    """The stems that stand in anybody's mouth: those of all lines of the responders and of the person, and topics."""
    lines = [
        line
        for table in ("responder.toml", "user.toml", "styles.toml")
        for entry in load(table).values()
        for key, phrases in entry.items()
        if key not in ("traits", "akin", "conduct")
        for line in phrases
    ]
    return stems(" ".join(lines)) | stems(" ".join(TOPICS)) | stems(" ".join(lexicon("generic")))


SMALL_TALK = _small_talk()
_DEEDS = frozenset(stem(verb) for verb in KNOWN)
