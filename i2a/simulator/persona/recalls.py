"""What a reply says of a person, read as propositions: which facts it brings up, and whether that is so.

A fact is a clause of `you`, or of something of `yours`. The words of a reply that stand in it are held against that
clause: their order, the small words between them, who does it or whose it is, and whether it is denied.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.text import STOP, lexicon, sentences, stem, words
from i2a.simulator.persona.evidence import SMALL_TALK, distinctive
from i2a.simulator.persona.facts import Fact

Fault = Literal["", "denies", "reverses", "alters", "splices"]

_YOU = frozenset({"you", "your", "yours", "you're", "you've", "you'd", "you'll", "yourself"})
_I = frozenset({"i", "i'm", "i've", "i'd", "i'll", "we", "we're", "we've"})
_MINE = frozenset({"my", "our", "mine", "ours"})
_OTHERS = frozenset({"he", "she", "they", "it", "his", "her", "their", "its"})
_DETERMINERS = frozenset(
    {"a", "an", "the", "your", "this", "that", "these", "those", "some", "any", "every", "each", "another", "all"}
)
_PREPOSITIONS = grammar.AFTER_VERB | {"of", "than", "or", "towards", "during", "since", "within", "without", "against"}
_NEGATORS = frozenset(
    {"not", "never", "no", "nobody", "nothing", "none", "hardly", "barely", "neither", "nor", "without", "cannot"}
    | {"rarely", "seldom", "scarcely", "stopped", "stop", "quit", "ceased", "refuse", "refused", "hate", "hated"}
    | {"avoid", "dislike", "fake", "pretend", "lack", "lacking"}
)
_ENDED = frozenset({("used", "to"), ("gave", "up"), ("give", "up"), ("given", "up"), ("giving", "up")})
# What stands between a subject and its verb, or before a noun, without a meaning of its own here.
_LIGHT = (
    grammar.ADVERBS
    | _DETERMINERS
    | {"do", "does", "did", "have", "has", "had", "are", "were", "am", "is", "was", "been", "be", "will", "would"}
    | {"can"}
    | {"could", "should", "may", "might", "used", "gave", "give", "given", "giving", "up", "to", "having", "being"}
    | {"longer", "ever", "both", "own", "just"}
    | {"always", "already", "also", "still", "really", "even", "actually", "one", "two", "three", "four"}
)
_LINKS = frozenset({"how", "that", "when", "why", "because", "if", "while", "where", "what", "whether", "since", "as"})
_RUN = 5  # words between two words of a fact that can still be parts of one clause
_NAMED = 0.85  # what somebody or something called by its name is worth at least: whose it is goes without saying
_UNTOLD = re.compile(
    r"\byou (?:never|didn't|did not|haven't|hadn't) (?:(?:ever|once|did) )*(?:told|tell|said|say|mention(?:ed)?)"
    r"(?: me)?(?: before)? that\b"
)
_DAYS = lexicon("days")  # names of nobody
_IS = frozenset({"you're", "you", "being", "as", "are", "were", "you've"})
_NUMBERS = lexicon("numbers")
_ANYBODYS = SMALL_TALK | frozenset(map(stem, _NUMBERS))  # stems that alone point at nobody
_HALF = 0.6  # what is left of a fact of which one word is named, or that runs into a word of something else
_WINDOW = 6  # words before a fact in which its subject and its denial are looked for


class Token(NamedTuple):
    """A word, its stems, whether a stop or a comma comes before it, and whether it has a capital."""

    word: str
    roots: frozenset[str]
    apart: bool
    name: bool

    @property
    def carries(self) -> bool:
        return self.word not in STOP


@dataclass(frozen=True, slots=True)
class Recall:
    """A fact that a sentence of a reply brings up.

    `soundness`: 1 for a clause that says it as it is, less for one in other words, 0 for no clause. `fault`: what it
    gets wrong. `to_you`: whether the reply speaks to the person. `own_words`: whether it says more than the fact.
    """

    fact: Fact
    soundness: float
    fault: Fault
    to_you: bool
    own_words: bool


def recalls(facts: tuple[Fact, ...], reply: str) -> tuple[Recall, ...]:
    """The facts that a reply brings up: two of the distinctive words of one within reach of one another, or half of
    fewer, read in the best of the places where it does."""
    found: dict[Fact, Recall] = {}
    whole = tokenized(reply)
    for sentence in sentences(reply):
        tokens = tokenized(sentence)
        spoken = frozenset[str]().union(*(token.roots for token in tokens))
        near = [fact for fact in facts if not fact.keywords.isdisjoint(spoken)]
        for fact in near:
            recall = _recall(fact, near, tokens, whole)
            if recall and (fact not in found or _rank(recall) > _rank(found[fact])):
                found[fact] = recall
    return tuple(found.values())


def _rank(recall: Recall) -> tuple[bool, float]:
    """A wrong claim is not made good by a right one."""
    return bool(recall.fault), recall.soundness


@lru_cache(maxsize=32768)
def tokenized(text: str) -> tuple[Token, ...]:
    found = []
    at = 0
    straight = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    lowered = straight.lower()
    for word in words(text):
        start = lowered.index(word, at)
        apart = any(mark in lowered[at:start] for mark in ",;:.!?()-\u2013\u2014")
        parts = (word, *word.split("-")) if "-" in word else (word,)
        roots = frozenset(stem(part) for part in parts if part not in STOP)
        found.append(Token(word, roots, apart, straight[start : start + 1].isupper()))
        at = start + len(word)
    return tuple(found)


@lru_cache(maxsize=16384)
def _clause(fact: Fact) -> tuple[Token, ...]:
    """The fact as a clause that speaks to the person."""
    return tokenized(fact.clause("you"))


def _recall(fact: Fact, others: Sequence[Fact], tokens: tuple[Token, ...], reply: tuple[Token, ...]) -> Recall | None:
    mark = distinctive(fact)
    run = _densest(fact.keywords, mark, tokens)
    if not run:
        return None
    clause = _clause(fact)
    known, all_known = _marks(mark, [tokens[at] for at in run]), _marks(mark, clause)
    names = frozenset(token.word for token in clause[1:] if token.name) - _DAYS
    named = [at for at in run if tokens[at].name and tokens[at].word in names]
    small = not mark <= _ANYBODYS and all(roots <= _ANYBODYS for roots in known)
    enough = min(2, (len(all_known) + 1) // 2)
    if fact.short and fact.short[1] <= frozenset[str]().union(*(tokens[at].roots for at in run)):
        small, enough = False, 1  # `your two cats`
    if not named and (small or len(known) < enough):
        return None
    to_you = bool(named) or any(token.word in _YOU for token in reply)
    places = _places(run, tokens, clause)
    own = [token.word for token in reply if not token.roots & fact.keywords and token.word not in _wording(fact)]
    own_words = len(own) >= 3 and sum(word in STOP for word in own) >= 2
    if None in places:  # in the keywords, but not in the clause: of a wording that the clause leaves out
        return Recall(fact, 0.6, "", to_you, own_words)
    sound, fault = _read(run, [at for at in places if at is not None], tokens, clause)
    if named and not fault:
        sound = max(sound, _NAMED)
    elif len(known) < len(all_known) and len(run) == 1:
        sound *= _HALF
    if not named and _runs_on(run[-1], tokens):
        sound *= _HALF
    if not fault and _UNTOLD.search(" ".join(token.word for token in tokens)):
        fault = "denies"
    if not fault and _spliced(run, tokens, fact, others):
        fault = "splices"
    return Recall(fact, sound, fault, to_you, own_words)


def _marks(mark: frozenset[str], tokens: Sequence[Token]) -> set[frozenset[str]]:
    """The distinctive words among some, each once; a hyphenated one is one."""
    return {token.roots & mark for token in tokens if token.roots & mark}


@lru_cache(maxsize=16384)
def _wording(fact: Fact) -> frozenset[str]:
    return frozenset(token.word for token in _clause(fact)) - _YOU


def _densest(keywords: frozenset[str], mark: frozenset[str], tokens: tuple[Token, ...]) -> list[int]:
    """The positions of the words of a fact that stand together, where most of its distinctive ones do."""
    runs: list[list[int]] = []
    for at, token in enumerate(tokens):
        if token.carries and token.roots & keywords:
            if runs and at - runs[-1][-1] <= _RUN:
                runs[-1].append(at)
            else:
                runs.append([at])
    return max(runs, key=lambda run: len({root for at in run for root in tokens[at].roots} & mark), default=[])


def _places(run: list[int], tokens: tuple[Token, ...], clause: tuple[Token, ...]) -> list[int | None]:
    """Where the words of the run stand in the fact's clause; of several places the first behind the one before."""
    places: list[int | None] = []
    last = -1
    for at in run:
        fitting = [place for place, token in enumerate(clause) if token.roots & tokens[at].roots]
        place = next((one for one in fitting if one > last), fitting[0] if fitting else None)
        places.append(place)
        last = place if place is not None else last
    return places


def _read(
    run: list[int], places: list[int], tokens: tuple[Token, ...], clause: tuple[Token, ...]
) -> tuple[float, Fault]:
    """How soundly the run says what the clause does, and what it gets wrong. Of several clauses the longest counts."""
    ends = [at for at, (one, other) in enumerate(pairwise(run), start=1) if _parted(one, other, tokens)]
    parts = list(pairwise((0, *ends, len(run))))
    length = max(end - start for start, end in parts)
    read = [_part(run[a:b], places[a:b], tokens, clause) for a, b in parts if b - a == length]
    fault = next((wrong for _, wrong in read if wrong), _miscounts(run, places, tokens, clause))
    return max(sound for sound, _ in read) * (_HALF if length == 1 < len(run) else 1.0), fault


def _parted(one: int, other: int, tokens: tuple[Token, ...]) -> bool:
    """Whether another clause begins between two words, or a stop lies there."""
    between = tokens[one + 1 : other]
    begins = any(token.word in _LINKS or token.word in _YOU - {"your", "yours"} | _I for token in between)
    return tokens[other].apart or any(token.apart for token in between) or (begins and len(between) > 3)


def _part(
    run: list[int], places: list[int], tokens: tuple[Token, ...], clause: tuple[Token, ...]
) -> tuple[float, Fault]:
    sound, fault = _led(run, places, tokens, clause)
    for (one, other), (here, there) in zip(pairwise(run), pairwise(places), strict=True):
        between = [token.word for token in tokens[one + 1 : other]]
        within = [clause[place].word for place in range(here + 1, there) if place not in places]
        joined, wrong = _joined(between, within, there > here, clause)
        sound, fault = min(sound, joined), fault or wrong
    return sound, fault


def _miscounts(
    run: list[int], places: list[int], tokens: tuple[Token, ...], clause: tuple[Token, ...]
) -> Literal["", "alters"]:
    """Whether another number stands before a word than in the clause."""
    words_said = {token.word for token in tokens}
    for at, place in zip(run, places, strict=True):
        told, said = clause[place - 1].word if place else "", tokens[at - 1].word if at else ""
        if told not in words_said and all(word in _NUMBERS or word.isdigit() for word in (told, said)):
            return "alters"
    return ""


def _joined(between: list[str], within: list[str], ordered: bool, clause: tuple[Token, ...]) -> tuple[float, Fault]:
    """Whether the words `between` two words of a fact can stand for those `within` its clause."""
    if ordered and between == within:
        return 1.0, ""
    if _denies(between) != _denies(within):
        return 0.3, "denies"
    foreign = [word for word in between if word not in within]
    telling = [word for word in foreign if word not in STOP]
    if any(word in _MINE for word in foreign):
        return 0.3, "reverses"
    if not ordered:
        if not between:
            return 0.6, ""  # `your Saturday tamales`
        if not _YOU.isdisjoint(between) and len(between) <= 3:
            return 0.8, ""  # `the cello you play`
        return 0.1, ""
    if telling:
        small, wanted = ([word for word in part if word in STOP] for part in (between, within))
        if small == wanted and any(word not in STOP for word in within):
            return 0.2, "alters"  # one thing in the place of another
        return (0.5 if len(telling) == 1 or (len(telling) == 2 and between[-1] == "of") else 0.1), ""
    if not between:
        return (0.5 if all(word in _DETERMINERS for word in within) else 0.0), ""  # pushed together, no clause
    skipped = any(word not in STOP for word in within)
    lost = [word for word in within if word not in between and word not in _DETERMINERS]
    cut = any(word in _PREPOSITIONS for word in lost) and not any(word in _PREPOSITIONS for word in between)
    if cut or (lost and not skipped):
        # `you owe your brother`, `every September`
        alike = not skipped and len(between) == 1 and between[0] in _DETERMINERS
        return (0.6 if alike else 0.2), ""
    if all(word in _DETERMINERS or word in _PREPOSITIONS or word in grammar.ADVERBS for word in foreign):
        return (1.0 if not foreign else 0.7), ""
    return 0.1, ""


def _denies(between: Sequence[str]) -> bool:
    denied = any(word in _NEGATORS or word.endswith("n't") for word in between) and between[:2] != ["not", "only"]
    return denied or not _ENDED.isdisjoint(pairwise(between))


def _led(
    run: list[int], places: list[int], tokens: tuple[Token, ...], clause: tuple[Token, ...]
) -> tuple[float, Fault]:
    """What leads to the first word of the run: who does it or whose it is, and whether it is denied."""
    first, place = run[0], places[0]
    before, subject = _before(first, tokens)
    wanted, mine = _before(place, clause)
    acts = mine in _YOU and mine not in ("your", "yours")  # the word is the verb, or an object right behind it
    of_verb = acts and all(word in _LIGHT or word in _NEGATORS or word.endswith("n't") for word in wanted)
    led_by = first - len(before) - 1  # where `subject` stands, if there is one
    if of_verb and subject == "you" and _disowned(led_by, tokens):
        return 0.3, "denies"
    if subject and place and not acts and _denied_verb(led_by, tokens):
        return 0.3, "denies"
    if place and clause[place - 1].word == "you" and subject == "your" and not grammar.is_gerund(tokens[first].word):
        return 0.2, ""  # `your know`
    if subject in _MINE and (mine == "your" or len(run) > 1):
        return 0.3, "reverses"
    if subject in _I and of_verb:
        return 0.3, "reverses"
    if subject in _OTHERS and (of_verb or mine == "your"):
        return 0.2, "splices" if of_verb else ""
    if _denies(before) != _denies(wanted) and (of_verb or _denies(before) or mine == "your"):
        return 0.3, "denies"
    if mine == "you're" and wanted and not _IS.intersection((*before, subject)):
        return 0.3, ""  # `your librarian` of a librarian
    if (mine == "your" or clause[0].word == "you've") and subject not in _YOU:
        return 0.6, ""
    if of_verb and place == _first_word(clause) and subject not in _YOU:
        return _subjectless(tokens[first].word, before, subject, clause[place].word)
    return 1.0, ""


def _disowned(you: int, tokens: tuple[Token, ...]) -> bool:
    """`not that you bake`."""
    return [token.word for token in tokens[max(0, you - 2) : you]] == ["not", "that"]


def _denied_verb(at: int, tokens: tuple[Token, ...]) -> bool:
    """Whether a verb in the place of the fact's own is denied: `you stopped buying` the olive tins."""
    if at <= 0 or not (grammar.is_gerund(tokens[at].word) or tokens[at].word in verbs.KNOWN):
        return False
    before, subject = _before(at, tokens)
    return subject in _YOU and _denies(before)


def _first_word(clause: tuple[Token, ...]) -> int:
    return next((at for at, token in enumerate(clause) if token.carries), 0)


def _subjectless(word: str, before: list[str], subject: str, verb: str) -> tuple[float, Fault]:
    """A verb of the person without `you` before it: an -ing form, a plain form behind `to`, or a noun after all."""
    free = grammar.is_gerund(word) or verb not in verbs.KNOWN or "to" in before or subject in ("and", "")
    noun = any(one in _DETERMINERS for one in before) or subject in _PREPOSITIONS
    return (1.0 if free else 0.5 if noun else 0.2), ""


def _before(at: int, tokens: tuple[Token, ...]) -> tuple[list[str], str]:
    """The light words and denials right before a word, nearest last, and the word before those: its subject, owner, or
    what it hangs on; empty at the start of a clause."""
    light: list[str] = []
    apart = tokens[at].apart
    for place in range(at - 1, max(-1, at - 1 - _WINDOW), -1):
        word = tokens[place].word
        if apart or word in _LINKS - {"that"}:
            break
        if word in _YOU or word in _I or word in _MINE or word in _OTHERS:
            return light, word
        if not (word in _LIGHT or word in _NEGATORS or word.endswith("n't")):
            return light, word
        light.insert(0, word)
        apart = tokens[place].apart
    return light, ""


def _runs_on(last: int, tokens: tuple[Token, ...]) -> bool:
    """Whether the words of a fact run into a word that is neither a verb nor set off: `your frame quick`."""
    if last + 1 >= len(tokens) or tokens[last + 1].apart or not tokens[last + 1].carries:
        return False
    word = tokens[last + 1].word
    acts = grammar.base(word) in verbs.KNOWN or verbs.is_past(word)
    return not (acts or word in grammar.ADVERBS or word.endswith("ly"))


def _spliced(run: list[int], tokens: tuple[Token, ...], fact: Fact, others: Sequence[Fact]) -> bool:
    """Whether the clause goes on with what another fact says, without a `you` of its own."""
    # `local cycling races` is one fact, though cycling is another.
    named = frozenset[str]().union(*(tokens[at].roots for at in run))
    strange = [other for other in others if other is not fact and not other.keywords & named]
    for at in range(run[0] + 1, len(tokens)):
        token = tokens[at]
        if (token.apart and at > run[-1]) or token.word in _YOU | _I | _LINKS:
            break
        if at in run or not token.carries or token.roots & fact.keywords:
            continue
        if any(token.roots & distinctive(other) for other in strange):
            joined = tokens[at - 1].word in ("the", "a", "an", "of", "at") and at > run[-1]
            if not joined:
                return True
    return False
