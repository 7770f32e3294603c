"""What a simulated user says of its life that its persona does not support, or rules out. By rules, without a model.

A claim is found by its form (`my boss`, `I play the guitar`, `one more lecture and I'll burst`), so one in other words
is missed: a count of these is a lower bound. What is dreamt, wished, asked, remembered or somebody else's is no claim.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from i2a.simulator.language.text import STOP, fold, sentences, stem, stems, words
from i2a.simulator.persona.evidence import CLAIM_GROUPS
from i2a.simulator.persona.facts import facts
from i2a.simulator.persona.topics import topics, topics_of

_CLAIM = re.compile(
    r"\bmy\s+(?P<my>(?:[\w'-]+\s+){0,2}[\w'-]+)|\b(?:i'm|i am|i work as)\s+an?\s+(?P<am>(?:[\w-]+\s+){0,2}[\w-]+)"
    r"|\bi (?:play|teach|own|have|keep|run|coach)\s+(?P<have>(?:[\w'-]+\s+){0,2}[\w'-]+)",
    re.I,
)
_NO_CLAIM = re.compile(
    r"\b(?:if|wish|would|dream\w*|used to|remember|when i was|years ago|as a (?:child|kid|boy|girl)|gave up|no longer"
    r"|without|imagine|could (?:never|do with)|(?:no|nobody|not|never|don't|do not|didn't|haven't|can't|cannot|won't)"
    r" (?:\w+ )?(?:have|had|got|own|hear|heard|see|saw|seen|play|played|eat|ate|eaten|drink|drank|go|gone|went|work"
    r"|want|need|drive|one))\b"
    r"|^(?:do|does|did|are|is|was|have|has|what|who|how|why|where|when|which|can|could|will)\b[^.!]*\?",
    re.I,
)
_OWN = re.compile(r"\b(?:i|i'm|i've|i'll|i'd|my|me|we|we're|we've|our|us|mine)\b", re.I)
_OTHERS = re.compile(
    r"\b(?:you|your|he|she|they|his|her|their|him|them|people|else|friends?|\w+(?:er|on|ur)'s)\b", re.I
)

# What somebody has only if their life is of that kind; other things (`my phone`) are anybody's.
_OF_A_KIND = frozenset({"pets", "sport", "music", "garden", "crafts", "study", "volunteering", "collecting"})
_ANYBODYS = stems(
    "leg muscle run song tune music playlist note record goal score race train active exercise movement move job work"
    " doctor owner store shop officer company photo photograph camera art project model shelf sign coin postcard making"
    " kite needle learn history test school house home tail rescue animal bird farm shelter help cause youth bike match"
    " training bus tree grow rose plant seed soil pot teacher dentist therapist phone cycle business retired"
)
_JOBS = stems("nurse teacher engineer lawyer chef student")


@dataclass(frozen=True, slots=True)
class _Rule:
    """`says` in a sentence about the speaker is a claim; true only if the persona `needs` it, false where it has a fact
    of its own that `clashes` with it."""

    says: re.Pattern[str]
    needs: re.Pattern[str] | None = None
    clashes: re.Pattern[str] | None = None


def _rule(says: str, *, needs: str = "", clashes: str = "") -> _Rule:
    found = (re.compile(text, re.I) if text else None for text in (needs, clashes))
    return _Rule(re.compile(says, re.I), *found)


_STUDIES = (
    r"\b(?:(?:one more|my|the|a|another|from|this) (?:lecture|seminar|exam|thesis|semester)s?|homework|in class)\b"
    r"|\bmy (?:professor|classmates?|class(?:es)?)\b"
)
_WORKS = (
    r"\bmy (?:boss|colleagues?|co-?workers?|clients?|customers?|shift|manager|deadline|office|job)\b|\bat work\b"
    r"|\b(?:took|take) work home\b|\bhome from work\b|\bday at (?:work|the office)\b|^work was\b"
)
_HOUSE = (
    r"\b(?:the|my|our) (?:oven|couch|sofa|kitchen|living room|fridge|garage|attic|lawn|heating|washing machine)\b"
    r"|\bin (?:the|my|our) house\b"
)
_HEARS = (
    r"\b(?:hear|heard(?! (?:that|about|from|of|it)\b)|listen(?:ing|ed)? to|noise|noisy|radio|car alarm|hoovering|melody"
    r"|tune)\b"
    r"|\bsong (?:on|in|playing)\b|\b(?:so|too) loud\b"
)
_SEES = (
    r"\bi (?:just |also |can |could )?(?:saw|watched|looked at|see (?:a|the|my))\b"
    r"|\bi(?:'m| was|'ve been) (?:watching|looking at)\b|\bon the screen\b|\bcount(?:ed|ing)? (?:the )?clouds\b"
)
_WALKS = (
    r"\b(?:my legs (?:hurt|ache|are (?:sore|tired))|on my feet|(?:wet|long) walk|i (?:ran|jogged|hiked|climbed|danced)"
    r"|(?:i|we) went (?:for a (?:run|jog|walk)|running|jogging|hiking|dancing)|workout|my marathon)\b"
)
_FEW = r"(?: (?!while|and|but|when)[\w'-]+){0,4}? "
_EATS = rf"\b(?:i|we) (?:just |have |had |'ve )*(?:ate|eat|eaten|had|cooked|grilled|fried|ordered|made)\b{_FEW}"
_DRINKS = rf"\b(?:i|we) (?:just |have |had |'ve )*(?:drank|drink|had|ordered|opened|poured)\b{_FEW}"
_ONCE = r"^(?:(?:was|were|am|have been|been) )?(?:(?:born|almost|completely|legally|profoundly|going|nearly) )*"
_CHILD = r"^(?:[4-9]|1[0-3]|five|six|seven|eight|nine|ten|eleven|twelve|thirteen)(?: years old)?$"
_RULES = (
    _rule(
        _STUDIES,
        needs=r"stud|school|pupil|universit|college|lectur|course|exam|degree|teach|class|learn|train|licen[cs]e",
    ),
    _rule(_STUDIES, clashes=r"^(?:retired|[7-9]\d|1\d\d)$|^retired\b"),
    _rule(_WORKS, clashes=rf"^retired\b|^unemployed|{_CHILD}|^(?:\w+ )?lost my job|\bbeen laid off\b"),
    _rule(
        r"\b(?:code of mine|(?:my|some|the) code|my (?:compiler|pull request|repo)|been (?:coding|debugging))\b",
        needs=r"\bcod(?:e|ing)|program|software|develop|comput|tech|engineer|data|\bweb|\bapps?\b|robot|hack",
    ),
    _rule(
        r"\b(?:little paws|feeding time (?:here|again)|fur (?:all )?over my|(?:took|had to see) the vet)\b",
        needs=r"\b(?:cat|dog|pupp|kitten|pet|rabbit|horse|hamster|ferret|guinea|animal|vet)",
    ),
    _rule(
        r"\bmatch coming up\b|\bwe lost the (?:match|game)\b|\bskipped the (?:workout|gym)\b|\bour (?:team|coach)\b",
        needs=r"\b(?:team|league|play|coach|run|gym|swim|sport|fit|train|match|club|box|wrestl|judo|karate|lift|climb)",
    ),
    _rule(
        r"\bthe slugs\b|\bmy (?:garden|tomatoes|flower ?beds?|lawn)\b",
        needs=r"garden|plant|grow|allotment|farm|flower|orchard",
    ),
    _rule(_HOUSE, clashes=r"\b(?:hostel|homeless|sleep rough|prison|barracks|refugee camp)\b"),
    _rule(_HEARS, clashes=rf"{_ONCE}deaf\b|\blost my hearing\b"),
    _rule(_SEES, clashes=rf"{_ONCE}blind\b|\blost my sight\b"),
    _rule(
        _WALKS, clashes=rf"\bwheelchair\b|\bwalking frame\b|\bwalk with a frame\b|{_ONCE}paraly[sz]ed\b|\bbedridden\b"
    ),
    _rule(
        rf"{_EATS}(?:steak|bacon|beef|chicken|ham|sausages?|pork|meat|burgers?)\b",
        clashes=r"^(?:\w+ )?(?:vegetarian|vegan)\b|\b(?:not|never) eat meat\b",
    ),
    _rule(
        rf"{_DRINKS}(?:beers?|wine|whisky|gin|pints?|cocktails?|vodka)\b",
        clashes=r"\b(?:not|never) (?:drink|touch) (?:any )?(?:alcohol|beer|wine)\b|\bteetotal|\bsober\b",
    ),
    _rule(r"\bmy (?:wife|husband|bank account|kids|mortgage|taxes|beer)\b|\bmy car\b(?! seat)", clashes=_CHILD),
)


def unsupported_claim(message: str, profile: str, personality: str = "") -> str | None:
    """The first words by which a message claims something of its speaker's life that the persona does not support."""
    known = _known(profile, personality)
    for sentence in sentences(fold(message)):
        found = next(_claims(sentence, known), None)
        if found:
            return found
    return None


@dataclass(frozen=True, slots=True)
class _Known:
    """What a persona says: its text, its stems and topics, and its facts about the person."""

    text: str
    truth: frozenset[str]
    topics: frozenset[str]
    own: tuple[str, ...]


@lru_cache(maxsize=1024)
def _known(profile: str, personality: str) -> _Known:
    text = fold(f"{profile} {personality}")
    own = tuple(fact.mine for fact in facts(profile) if fact.kind not in ("say", "belief"))
    return _Known(text, stems(text), frozenset(topics(text)), own)


def _claims(sentence: str, known: _Known) -> Iterator[str]:
    for match in _CLAIM.finditer(sentence):
        claimed = _nouns(match["my"] or match["am"] or match["have"])
        if "?" not in sentence or match["my"]:
            others = _JOBS if match["my"] else frozenset()  # `my teacher` is none
            yield from (word for word in claimed if stem(word) not in others and _of_another_group(word, known.truth))
        if match["my"] and not _NO_CLAIM.search(sentence):
            yield from (word for word in claimed if _of_another_kind(word, known))
    if _NO_CLAIM.search(sentence) or (_OTHERS.search(sentence) and not _OWN.search(sentence)):
        return
    for rule in _RULES:
        found = rule.says.search(sentence)
        if found and not (stems(found[0]) and stems(found[0]) <= known.truth) and _refuted(rule, known):
            yield found[0]


def _refuted(rule: _Rule, known: _Known) -> bool:
    if rule.needs:
        return not rule.needs.search(known.text)
    clashes = rule.clashes
    return clashes is not None and any(clashes.search(fact) for fact in known.own)


def _nouns(phrase: str) -> list[str]:
    """The words of a noun phrase up to the first that makes grammar; none behind an owner (`my neighbour's dog`)."""
    found: list[str] = []
    for word in words(phrase):
        if word in STOP:
            if found:
                break
            continue
        if word.endswith("'s"):
            return found
        found.append(word)
    return found


def _of_another_group(word: str, truth: frozenset[str]) -> bool:
    """Whether a word names something that the persona has no like of: a dog is no cat."""
    return any(stem(word) in group and not truth & group for group in CLAIM_GROUPS)


def _of_another_kind(word: str, known: _Known) -> bool:
    """Whether a word belongs to a kind of life that the persona has nothing of."""
    about = set(topics_of(word))
    return (
        bool(about)
        and about <= _OF_A_KIND
        and stem(word) not in _ANYBODYS
        and stem(word) not in known.truth
        and not about & known.topics
    )
