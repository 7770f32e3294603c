"""The predicate of a person, or a line without a verb, as pieces of a kind. Knows grammar, no meaning."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.text import lexicon, lower_first, stem, with_article, words
from i2a.simulator.persona.topics import topics, topics_of

# age 34 | job nurse | am an avid reader | state married | like yoga | have two cats | do live alone | say my cat snores
Kind = Literal["age", "job", "am", "state", "like", "have", "do", "say", "belief"]

_AGE = re.compile(r"(?:\ban?\s+)?\b(\d{1,3})[- ]years?[- ]old\b,?\s*", re.I)
_TAIL = re.compile(r"\s+(?=(?:with|studying|majoring|working|living|specializing|currently)\b)", re.I)
_NAMED = re.compile(r",?\s+(?:named|called)\s+", re.I)
_LIKES = re.compile(
    r"^(?:enjoys?|loves?|likes?|adores?|(?:is |be |am |are )?(?:(?:very |deeply |also )?passionate about|fond of|"
    r"interested in|into|obsessed with|an avid fan of|a (?:big )?fan of)|"
    r"ha(?:s|ve) an? (?:\w+ )?(?:passion|love|interest|hobby)\s+(?:for|in|of))\s+(?=\S)",
    re.I,
)
_PERFECT = re.compile(
    r"^ha(?:s|ve)\s+(?!(?:fried|smoked|stuffed|pickled|stewed|baked|boiled|steamed)\s)(?:(?:always|also|recently|never|not|once|even"
    r"|just)\s+)*"
    r"(?:been|won|found|bought|sold|met|held|known|become|read|led|flown|driven|spent|written|had|run|made|taken|taught"
    r"|built|lived|climbed|seen|sung|to|given|gone|begun|left|lost|come|got|told|sent|forgotten|slept|grown|kept|done|\w+ed)\b",
    re.I,
)
_HOUSEHOLD = frozenset(stem(word) for key in ("family", "pets") for word in lexicon("heads", key))
_PAPER = re.compile(r"\b(?:degree|diploma|doctorate|certificat\w+|licen[cs]e|phd|ph\.d|mba|master's|bachelor's)", re.I)
_STATE = re.compile(r"^(?:happily |recently |newly )?(married|single|engaged|divorced|widowed|retired|unmarried|"
                    r"separated|unemployed|vegan|vegetarian)\b", re.I)  # fmt: skip
_SMALL = lexicon("small")
_STATE_OF_JOB = re.compile(
    r"(?:married|single|divorced|widowed|unemployed)\s+(?!to |with |from |and |after |for |in |but |last )", re.I
)
_JOBLIKE = re.compile(
    r"(?:er|or|ist|ista|ian|ant|ent|chef|nurse|pilot|clerk|judge|actress|coach|architect|mechanic|cook|guard)$"
)
_PEOPLE = re.compile(
    r"^(?:\w+ )?(?:member|fan|lover|reader|collector|owner|part|mother|father|player|runner"
    r"|advocate|buff|widow|widower|grandfather|grandmother|enthusiast)\b",
    re.I,
)

# `Visitors ask the way` is a sentence whose verb is not known, no list of what somebody likes.
_PROSE = re.compile(r"[A-Z][a-z]+(?: [a-z][\w'-]*){4,}$")


class Piece(NamedTuple):
    """A part of a text in its own wording, its core as `kind` has it, whom it is about, and the number of an age.

    `key` is the part of the text that makes it known, where that is not the whole; `more` is what hangs on
    to it, and `when` the adverbial that it began with.
    """

    text: str
    kind: Kind
    core: str
    subject: str
    age: str = ""
    key: str = ""
    more: str = ""
    when: str = ""


def implied(rest: str) -> str:
    """Whom a text without a subject is about: the pronoun it uses first."""
    for word in words(rest):
        if word in ("his", "him", "her", "she", "he", "their", "my"):
            return {"his": "he", "him": "he", "he": "he", "her": "she", "she": "she", "their": "they", "my": "i"}[word]
    return "they"


def predicate(text: str, subject: str) -> Iterator[Piece]:
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
        found = _phrases(rest)
        bare = len(found) == 1 and verb == text.split(" ", 1)[0] and not grammar.has_determiner(rest)
        for item in found:
            # Read alone, `type 1 diabetes` would be something that the person likes.
            yield Piece(text if bare else item, "have", item, subject, key=item)
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
    rest = re.sub(r"^[A-Z][\w'-]+,\s+(?=an?\s)", "", rest)
    number = re.match(r"(\d{1,3})(?:$|,? and |,\s+)", rest)
    if number:
        yield Piece(number[1], "age", number[1], subject, number[1])
        yield from _beside(rest[number.end() :], subject)
        return
    age = _AGE.search(rest)
    if age:
        yield Piece(age.group().strip(" ,").removeprefix("a ").removeprefix("an "), "age", age[1], subject, age[1])
        if rest[age.end() :].startswith("and "):
            yield from _beside(rest[age.end() + len("and ") :], subject)
            return
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
        job = bool(_JOBLIKE.search(re.split(r"\s(?:at|for|in|with|who|of|from)\s|,", noun)[0])) and not _PEOPLE.match(
            noun
        )
        yield from _noun(noun, subject, "job" if job else "am", rest.split(" ", 1)[0])
    else:
        yield Piece(rest, "am", rest, subject)


def _beside(rest: str, subject: str) -> Iterator[Piece]:
    """What stands beside an age: something else that the person is, or a verb, be it one that nobody listed."""
    first, _, after = grammar.drop_adverbs(rest, every=True).partition(" ")
    if not rest:
        return
    if verbs.may_open(first, after, subject):
        for piece in predicate(rest, subject):
            # Read alone, as in a hint, it would be a noun.
            known = verbs.opens(rest, subject)
            yield piece if known else piece._replace(text=f"{subject.capitalize()} {piece.text}", key=piece.text)
    else:
        yield from _being(rest, subject)


def _noun(noun: str, subject: str, kind: Kind, determiner: str = "") -> Iterator[Piece]:
    """`retired nurse with two sons` is a job and what comes after it."""
    head, *tails = _TAIL.split(noun.strip(" ,"), maxsplit=1)
    head = head.strip(" ,")
    head, *others = re.split(r",\s+(?:and\s+)?", head)
    core = head if kind == "job" else f"{determiner} {head}"
    if head:
        yield Piece(head, kind, core, subject)
    for other in others:
        yield from nominal(other)
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
        yield from _beside(after.partition(" ")[2], subject)
    elif state[1].lower() == "retired" and not after.startswith(("from", "after", "last")):
        yield Piece(rest, "job", rest, subject)
    else:
        yield Piece(rest, "state", rest, subject)


def has_family(text: str) -> bool:
    return not _HOUSEHOLD.isdisjoint(stem(word) for word in words(text))


def nominal(text: str) -> Iterator[Piece]:
    """A line without a verb: `two cats`, `nurse`, `hiking and yoga`, `34 years old`."""
    first = text.split(" ", 1)[0]
    age = _AGE.search(text)
    if age or (text.isdecimal() and 5 < int(text) < 120):
        yield from _being(text, "they")
    elif grammar.has_determiner(text):
        for item in _phrases(text):
            noun = re.sub(r"^(?:an?|the)\s+", "", item, flags=re.I)
            job = first.lower() in ("a", "an") and len(noun.split()) < 4 and _is_job(noun)
            yield Piece(item, "job" if job else "have", noun if job else item, implied(text))
    elif _STATE.match(text) and not _STATE_OF_JOB.match(text):
        yield from _being(text, implied(text))
    elif _PEOPLE.match(text):
        yield Piece(text, "am", text if first.lower() == "part" else with_article(text), implied(text))
    elif (
        len(words(text)) < 7
        and _is_job(re.split(r" (?:at|in|for|from|of|with|on) ", text)[0])
        and not grammar.is_gerund(text)
    ):
        yield Piece(text, "job", text, "they")
    elif re.search(r"\b(?:is|was|are|were|has|have|will|can)\b", text):
        yield whole(text)
    elif first.lower() in grammar.AFTER_VERB or re.match(
        r"(?:part|fluent|vegan|training|studying|majoring|working|living|allergic|member)\b", text, re.I
    ):
        yield Piece(text, "am", text, implied(text))
    elif _PROSE.match(text) and not grammar.is_gerund(text):
        yield whole(text)
    else:
        for item in grammar.items(text):
            yield Piece(item, "like", lower_first(item) if grammar.is_gerund(item) else item, implied(text))


def _is_job(noun: str) -> bool:
    about = topics(noun)
    known = not about or "work" in about or noun.endswith("ista")
    return known and bool(_JOBLIKE.search(noun)) and not has_family(noun)


def labelled(label: str, value: str) -> Iterator[Piece]:
    if label in ("age",) and value.strip().isdecimal():
        yield Piece(value, "age", value, "they", value.lower())
    elif label in ("job", "occupation", "profession", "work"):
        yield Piece(value, "job", re.sub(r"^an?\s+", "", value), "they")
    elif label in ("hobbies", "hobby", "interests", "likes", "pets", "family", "children"):
        for item in _phrases(value):
            yield Piece(item, "like" if label in ("hobbies", "hobby", "interests", "likes") else "have", item, "they")
    else:
        yield Piece(f"{label.capitalize()}: {value}", "say", f"my {label} is {value}", "i", key=value)


def whole(sentence: str) -> Piece:
    return Piece(sentence, "say", inner(sentence), implied(sentence))


def inner(sentence: str) -> str:
    """A sentence as it stands after others: with a small letter, unless it begins with a name."""
    first, _, rest = sentence.partition(" ")
    then = rest.split(" ", 1)[0]
    small = (
        first.lower().split("-")[0] in _SMALL
        or first.lower() in grammar.AFTER_VERB
        # `Letters come`, `Wild boar dig`, but `Ines works`.
        or (first.endswith("s") and not first.endswith("'s") and not then.endswith("s"))
        # `Spare castors fill a bath`: the word behind a name is its verb.
        or (
            then.islower()
            and then not in grammar.ADVERBS
            and verbs.verb_at(sentence) > 1
            and not first.endswith((",", "'s"))
        )
        or (bool(topics_of(first)) and not grammar.is_third_person(then))
    )
    return f"{first.lower()} {rest}" if small else sentence
