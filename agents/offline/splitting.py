"""Sentences about a person cut into pieces: a predicate, a list item, a line of a list. Knows grammar, no meaning."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from agents.offline import grammar
from agents.offline.text import fold, lexicon, shorten, stem, words

# age 34 | job nurse | am an avid reader | state married | like yoga | have two cats | do live alone | say it rains
Kind = Literal["age", "job", "am", "state", "like", "have", "do", "say"]

_SUBJECT = re.compile(r"^(?:(he|she|they|i|you|we|it)\b(?:'(?:s|m|re|ve)\b)?|this person\b)\s*", re.I)
_CONTRACTED = re.compile(r"^(he|she|they|i|you)'(s|m|re|ve)\s+(\w+)", re.I)
_LABEL = re.compile(r"^([A-Za-z][A-Za-z ]{1,18}):\s+(\S.*)$")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_END = re.compile(r"(?<=[^\s.][.!?])[\"')]*\s+(?=[^\sa-z])|;\s+|[\n\r]+")
_AGE = re.compile(r"(?:\ban?\s+)?\b(\d{1,3})[- ]years?[- ]old\b,?\s*", re.I)
_WHO = re.compile(r",?\s+(?:and\s+)?who\s+", re.I)
_IS_A = re.compile(r"(?:is|am|are|was|be)\s+(?:\w+ly\s+|also\s+)?(?:an?|the)\s+(?!\w+ (?:to|of) )", re.I)
_TAIL = re.compile(r"\s+(?=(?:with|studying|majoring|working|living|specializing|currently)\b)", re.I)
_NAMED = re.compile(r",?\s+(?:named|called)\s+", re.I)
_LIKES = re.compile(
    r"^(?:enjoys?|loves?|likes?|adores?|(?:is |be |am |are )?(?:(?:very |deeply |also )?passionate about|fond of|"
    r"interested in|into|obsessed with|an avid fan of|a (?:big )?fan of)|"
    r"ha(?:s|ve) an? (?:\w+ )?(?:passion|love|interest|hobby)\s+(?:for|in|of))\s+(?=\S)",
    re.I,
)
_PERFECT = re.compile(
    r"^ha(?:s|ve)\s+(?:(?:always|also|recently|never|once|even|just)\s+)?"
    r"(?:been|won|found|bought|sold|met|held|known|become|read|led|flown|driven|spent|written|had|run|made|taken|taught"
    r"|built|lived|climbed|seen|sung|to|given|gone|begun|\w+ed)\b",
    re.I,
)
_NAME = re.compile(r"^([A-Z][\w'-]+(?: [A-Z][\w'-]+)?) (\w+)\b(?= )")
_HOUSEHOLD = frozenset(stem(word) for key in ("family", "pets") for word in lexicon("heads", key))
_LONGEST = 400  # characters of a sentence
_NO_NAME = lexicon("no_name")
_FRONTED = re.compile(
    r"^(?:in|on|during|at|when|as|for|after|before|besides|additionally|outside|every|despite"
    r"|although|while)\b[^,]{2,40},\s+"
    r"(?=(?:he|she|they|i|you)\b)",
    re.I,
)
_BELIEVES = re.compile(
    r"^(?:the \w+|he|she|they|you|i)\s+(?:\w+ly\s+)?(?:believes?|thinks?|assumes?|claims?"
    r"|(?:is|are) (?:sure|convinced|certain))\s+"
    r"(?:that\s+)?",
    re.I,
)
_PAPER = re.compile(r"\b(?:degree|diploma|doctorate|certificat\w+|licen[cs]e|phd|ph\.d|mba|master's|bachelor's)", re.I)
_STATE = re.compile(r"^(?:happily |recently |newly )?(married|single|engaged|divorced|widowed|retired|unmarried|"
                    r"separated|unemployed|vegan|vegetarian)\b", re.I)  # fmt: skip
_JOBLIKE = re.compile(
    r"(?:er|or|ist|ian|ant|ent|chef|nurse|pilot|clerk|judge|actress|coach|architect|mechanic|cook|guard)$"
)
_PEOPLE = re.compile(r"^(?:\w+ )?(?:member|fan|lover|reader|collector|owner|part|mother|father|player|runner)\b", re.I)


class Piece(NamedTuple):
    """A part of a text in its own wording, its core as `kind` has it, whom it is about, and the number of an age."""

    text: str
    kind: Kind
    core: str
    subject: str
    age: str = ""


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a profile, in its order."""
    for sentence in _sentences(text):
        yield from _pieces(_unnamed(sentence, text))


def beliefs(text: str) -> Iterator[Piece]:
    """The sentences of a text, without "the pupil believes that"; their pronouns are not about the person."""
    for sentence in _sentences(text):
        held = _BELIEVES.sub("", sentence, count=1)
        yield Piece(held, "say", held, "")


def _unnamed(sentence: str, text: str) -> str:
    """`Marek is a plumber` with the pronoun that the text goes on with, so that it reads like any other sentence."""
    named = _NAME.match(sentence)
    if not named or named[1].lower() in _NO_NAME or not grammar.is_third_person(named[2]):
        return sentence
    return f"{_implied(text).capitalize()} {sentence[named.start(2) :]}"


def _sentences(text: str) -> Iterator[str]:
    for line in _END.split(text.strip().strip('"')):
        sentence = fold(_BULLET.sub("", line.strip())).strip().rstrip(".!;,").strip()
        if sentence:
            yield shorten(sentence, _LONGEST)


def _pieces(sentence: str) -> Iterator[Piece]:
    sentence = _FRONTED.sub("", sentence, count=1)
    label = _LABEL.match(sentence)
    if label and not grammar.is_third_person(label[1].split()[0]):
        yield from _labelled(label[1].lower(), label[2])
        return
    contracted = _CONTRACTED.match(sentence)
    if contracted:
        verb = {"m": "am", "re": "are", "ve": "have"}.get(contracted[2].lower(), "is")
        verb = "has" if verb == "is" and contracted[3] in ("been", "won", "got") else verb
        sentence = f"{contracted[1]} {verb} {sentence[contracted.end(2) + 1 :]}"
    opened = _SUBJECT.match(sentence)
    if opened:
        subject = (opened[1] or "they").lower()
        rest = sentence[opened.end() :]
    else:
        subject, rest = "", sentence
        if not _starts_predicate(rest):
            yield from _nominal(rest)
            return
    if subject in ("it", "we") or rest.startswith("and "):
        yield _whole(sentence)
        return
    for predicate in _predicates(rest, subject):
        yield from _predicate(predicate, subject or _implied(rest))


def _starts_predicate(rest: str) -> bool:
    first = grammar.drop_adverbs(rest, every=True).split(" ", 1)[0]
    if grammar.opens_clause(rest):
        return True
    return grammar.is_third_person(first) or ((grammar.is_base(first) or first.lower() in ("is", "be")) and " " in rest)


def _implied(rest: str) -> str:
    """Whom a text without a subject is about: the pronoun it uses first."""
    for word in words(rest):
        if word in ("his", "him", "her", "she", "he", "their", "my"):
            return {"his": "he", "him": "he", "he": "he", "her": "she", "she": "she", "their": "they", "my": "i"}[word]
    return "they"


def _predicates(rest: str, subject: str) -> list[str]:
    """`is a chef who bakes and has a son` holds three. Each starts with a finite verb after and, who or a comma."""
    if _IS_A.match(rest):
        rest = _WHO.sub(" \x00", rest, count=2)
    out: list[str] = []
    for part in rest.split("\x00"):
        start = 0
        for joint in re.finditer(r",?\s+(?:and|but|then)\s+|,\s+", part):
            after = grammar.drop_adverbs(part[joint.end() :], every=True).split(" ", 1)[0].strip(",.")
            begins = grammar.is_third_person(after) if subject not in ("i", "you") else grammar.is_base(after)
            again = re.match(rf"(?:{subject or 'they'}|they)\s+", part[joint.end() :], re.I)
            if again:
                out.append(part[start : joint.start()])
                start = joint.end() + again.end()
            elif begins and joint.start() > start and (" " in part[joint.end() :]):
                out.append(part[start : joint.start()])
                start = joint.end()
        out.append(part[start:])
    return [piece.strip(" ,") for piece in out if piece.strip(" ,")]


def _predicate(text: str, subject: str) -> Iterator[Piece]:
    text = grammar.drop_adverbs(text)
    liked = _LIKES.match(text)
    verb, _, rest = text.partition(" ")
    lowered = grammar.base(verb)
    if verb.lower() in grammar.ADVERBS and rest:
        # An adverb that turns the sense ("never eats breakfast") stays, and the verb behind it is what agrees.
        second, _, rest = rest.partition(" ")
        yield Piece(text, "do", f"{verb.lower()} {grammar.base(second)} {rest}".strip(), subject)
        return
    if liked and not re.match(r"(?:to|that|when|how|it)\s", text[liked.end() :]):
        for item in _phrases(text[liked.end() :]):
            yield Piece(item, "like", item, subject)
    elif rest and _owns(lowered, text, rest):
        for item in _phrases(rest):
            yield Piece(item, "have", item, subject)
    elif lowered == "be" and rest:
        yield from _being(grammar.drop_adverbs(rest), subject)
    elif rest:
        yield Piece(text, "do", f"{lowered} {rest}", subject)
    else:
        yield Piece(text, "say" if lowered not in text.lower() else "do", lowered, subject)


def _owns(verb: str, text: str, rest: str) -> bool:
    if verb == "have":
        return not _PERFECT.match(text)
    return verb == "own" or (verb in ("hold", "earn") and bool(_PAPER.search(rest)))


def _phrases(text: str) -> list[str]:
    """The items of a list; a determiner and a name stay with their noun."""
    if _NAMED.search(text):
        return [part for part in re.split(r"\s+and\s+(?=(?:an?|one|two|three|four)\s)|,\s+(?=an?\s)", text) if part]
    return list(grammar.items(text))


def _being(rest: str, subject: str) -> Iterator[Piece]:
    age = _AGE.search(rest)
    if age:
        yield Piece(age.group().strip(" ,").removeprefix("a ").removeprefix("an "), "age", age[1], subject, age[1])
        rest = rest[age.end() :] if age.start() < 4 else (rest[: age.start()] + rest[age.end() :])
        rest = rest.strip(" ,")
        if rest:
            yield from _noun(re.sub(r"^an?\s+", "", rest), subject, "job")
        return
    state = _STATE.match(rest)
    if state:
        yield from _state(rest, state, subject)
    elif re.match(r"an?\s", rest, re.I):
        noun = rest.split(" ", 1)[1]
        job = bool(_JOBLIKE.search(re.split(r"\s(?:at|for|in|with|who|of)\s", noun)[0])) and not _PEOPLE.match(noun)
        yield from _noun(noun, subject, "job" if job else "am", rest.split(" ", 1)[0])
    else:
        yield Piece(rest, "am", rest, subject)


def _noun(noun: str, subject: str, kind: Kind, determiner: str = "") -> Iterator[Piece]:
    """`retired nurse with two sons` is a job and what comes after it."""
    head, *tails = _TAIL.split(noun, maxsplit=1)
    core = head if kind == "job" else f"{determiner} {head}"
    if head:
        yield Piece(head, kind, core, subject)
    for tail in tails:
        if tail.startswith("with "):
            for item in _phrases(tail[5:]):
                yield Piece(item, "have", item, subject)
        else:
            yield Piece(tail, "am", tail, subject)


def _state(rest: str, state: re.Match[str], subject: str) -> Iterator[Piece]:
    after = rest[state.end() :].strip(" ,")
    if after.startswith("with ") and has_family(after):
        yield Piece(state.group(), "state", state.group(), subject)
        for item in _phrases(after[5:]):
            yield Piece(item, "have", item, subject)
    elif not after or after.startswith(("and ", "but ")):
        yield Piece(state.group(), "state", state.group(), subject)
        if after:
            yield Piece(after.split(" ", 1)[1], "am", after.split(" ", 1)[1], subject)
    elif state[1].lower() == "retired" and not after.startswith(("from", "after", "last")):
        yield Piece(rest, "job", rest, subject)
    else:
        yield Piece(rest, "state", rest, subject)


def has_family(text: str) -> bool:
    return not _HOUSEHOLD.isdisjoint(stem(word) for word in words(text))


def _nominal(text: str) -> Iterator[Piece]:
    """A line without a verb: `two cats`, `nurse`, `hiking and yoga`, `34 years old`."""
    first = text.split(" ", 1)[0]
    age = _AGE.search(text)
    if age:
        yield from _being(text, "they")
    elif grammar.has_determiner(text):
        for item in _phrases(text):
            noun = re.sub(r"^(?:an?|the)\s+", "", item, flags=re.I)
            job = first.lower() in ("a", "an") and len(noun.split()) < 4 and _JOBLIKE.search(noun)
            yield Piece(item, "job" if job else "have", noun if job else item, _implied(text))
    elif _STATE.match(text):
        yield from _being(text, _implied(text))
    elif _PEOPLE.match(text):
        yield Piece(text, "am", "a " + text, "they")
    elif len(words(text)) < 5 and _JOBLIKE.search(text.split(" at ")[0]) and first not in ("different",):
        yield Piece(text, "job", text, "they")
    elif re.search(r"\b(?:is|was|are|were|has|have|will|can)\b", text):
        yield _whole(text)
    elif re.match(r"(?:part|fluent|vegan|training|studying|majoring|working|living|allergic|member)\b", text, re.I):
        yield Piece(text, "am", text, _implied(text))
    else:
        for item in grammar.items(text):
            yield Piece(item, "like", item, _implied(text))


def _labelled(label: str, value: str) -> Iterator[Piece]:
    if label in ("age",) and value.strip().isdigit():
        yield Piece(value, "age", value, "they", value.lower())
    elif label in ("job", "occupation", "profession", "work"):
        yield Piece(value, "job", re.sub(r"^an?\s+", "", value), "they")
    elif label in ("hobbies", "hobby", "interests", "likes", "pets", "family", "children"):
        for item in _phrases(value):
            yield Piece(item, "like" if label in ("hobbies", "hobby", "interests", "likes") else "have", item, "they")
    else:
        yield Piece(value, "say", f"my {label} is {value}", "i")


def _whole(sentence: str) -> Piece:
    return Piece(sentence, "say", sentence, _implied(sentence))
