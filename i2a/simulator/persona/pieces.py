"""Sentences about a person cut into pieces: clauses first, then their predicates, lists and labels."""

import re
from collections.abc import Iterator

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.clauses import POINTS_BACK, Clause, clauses, far
from i2a.simulator.language.text import capital, fold, lexicon, lower_first, shorten
from i2a.simulator.persona.predicates import Piece, has_family, implied, inner, labelled, nominal, predicate, whole

_SUBJECT = re.compile(r"^(?:(he|she|they|i|you|we|it)\b(?:'(?:s|m|re|ve)\b)?|this person\b)\s*", re.I)
_CONTRACTED = re.compile(r"^(he|she|they|i|you)'(s|m|re|ve)\s+(\w+)", re.I)
_LABEL = re.compile(r"^([A-Za-z][A-Za-z ]{1,18}):\s+(\S.*)$")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_END = re.compile(r"(?<=[^\s.][.!?])[\"')]*\s+(?=[^\sa-z])|;\s+|[\n\r]+")
_ONE_WHO = re.compile(r"an?\s[^,]+\swho\s", re.I)
_THEIR = {"he": "his", "she": "her", "i": "my", "you": "your"}
_BOTH = re.compile(r"(he|she|they|i|you) and ((?:his|her|their|my|your) [\w-]+) (.+)", re.I)
_HOME = re.compile(r"^(?:his|her|their|my)?\s*home is (?:in )?(?=(?:an?|the)\b|(?-i:[A-Z]))", re.I)
_THING = re.compile(r"The\s(?!(?:person|man|woman)\b)(?:\S+\s){3,}\S")  # `The ship docks every week` is no possession
# `Two cats, A and B, live in the hall`
_LIVING = re.compile(r"\S.*, (?:lives?|sleeps?|works?) (?:in|at|on|under|behind) ")
_MEAL = re.compile(r"(?:\w+ )?(?:breakfast|lunch|dinner|supper)\b", re.I)
# What follows no name of a person.
_LIFELESS = re.compile(r"(?:(?:is|are) (?:on|by|in the|written|paid|rented|where|still)|has (?:come|been))\b")
_SMALL = lexicon("small")
_NAME = re.compile(r"^([A-Z][\w'-]+(?: [A-Z][\w'-]+)?) (\w+)\b(?= )")
_LONGEST = 400  # characters of a sentence
_NO_NAME = lexicon("no_name")
_BELIEVES = re.compile(
    r"^(?:the \w+|he|she|they|you|i)\s+(?:\w+ly\s+)?(?:believes?|thinks?|assumes?|claims?"
    r"|(?:is|are) (?:sure|convinced|certain))\s+"
    r"(?:that\s+)?",
    re.I,
)


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a profile, in its order."""
    person = implied(text)
    for sentence in _sentences(text):
        for part in apart(sentence, person):
            found = list(impersonal(part))
            yield from found or _pieces(_unnamed(part, text), person)


def beliefs(text: str) -> Iterator[Piece]:
    """The sentences of a text, without "the pupil believes that"; their pronouns are not about the person."""
    for sentence in _sentences(text):
        belief = _BELIEVES.sub("", sentence, count=1)
        yield Piece(belief, "belief", belief, "")


def _unnamed(sentence: str, text: str) -> str:
    """`Marek is a plumber` with the pronoun that the text goes on with, so that it reads like any other sentence."""
    if _HOME.match(sentence):
        return sentence
    owner = re.match(r"([A-Z]\w+)'s ", sentence)
    if owner and owner[1].lower() not in _NO_NAME and re.search(rf"(?:^|[.!?]\s+){owner[1]} [a-z]+s\b", text):
        return f"{_THEIR.get(implied(text), 'their').capitalize()} {sentence[owner.end() :]}"
    named = _NAME.match(sentence)
    if not named or named[1].lower() in _NO_NAME or _MEAL.match(sentence) or not grammar.is_third_person(named[2]):
        return sentence
    if _LIFELESS.match(sentence, named.start(2)) and text.count(named[1]) == 1:
        return sentence
    return f"{implied(text).capitalize()} {sentence[named.start(2) :]}"


def _sentences(text: str) -> Iterator[str]:
    for line in _END.split(text.strip().strip('"')):
        sentence = fold(_BULLET.sub("", line.strip())).strip().rstrip(".!;,").strip()
        if sentence:
            yield shorten(sentence, _LONGEST)


def _pieces(sentence: str, person: str) -> Iterator[Piece]:
    label = _LABEL.match(sentence)
    if label and not grammar.is_third_person(label[1].split()[0]):
        yield from labelled(label[1].lower(), label[2])
        return
    sentence = _HOME.sub(f"{person.capitalize()} {'live' if person in ('i', 'you', 'they') else 'lives'} in ", sentence)
    sentence = _uncontracted(sentence)
    if re.match(r"(?:it|we|and)\s", sentence, re.I):
        yield whole(sentence)
        return
    both = _BOTH.match(sentence)
    if both:
        yield Piece(sentence, "say", f"{both[2]} and {both[1].lower()} {both[3]}", both[1].lower())
        return
    opened = _SUBJECT.match(sentence)
    subject = (opened[1] or "they").lower() if opened else ""
    if opened and not opened[1]:
        sentence = "They " + sentence[opened.end() :]
    if not opened and _starts_predicate(sentence):
        # A line without a subject, as in a list or a hint: `works nights`.
        subject = implied(sentence)
        if subject == "they" and grammar.is_third_person(sentence.split(" ", 1)[0]) and " their " not in sentence:
            subject = "he"
        sentence = f"{subject.capitalize()} {sentence}"
    if _ONE_WHO.match(sentence) and not has_family(sentence.split(" who ")[0]) and not verbs.verb_at(sentence):
        subject = implied(sentence)
        sentence = f"{subject.capitalize()} {'are' if subject == 'they' else 'is'} {lower_first(sentence)}"
    cut = clauses(sentence, subject or person)
    if not subject and not (cut and (cut[0].subject or verbs.verb_at(cut[0].body))):
        yield from [whole(sentence)] if _THING.match(sentence) or _LIVING.match(sentence) else nominal(sentence)
        return
    for clause in cut:
        yield from _clause(clause, person, sentence)


def _uncontracted(sentence: str) -> str:
    contracted = _CONTRACTED.match(sentence)
    if not contracted:
        return sentence
    verb = {"m": "am", "re": "are", "ve": "have"}.get(contracted[2].lower(), "is")
    verb = "has" if verb == "is" and contracted[3] in ("been", "won", "got") else verb
    return f"{contracted[1]} {verb} {sentence[contracted.end(2) + 1 :]}"


def _clause(clause: Clause, person: str, sentence: str) -> Iterator[Piece]:
    """The pieces of a clause; what hangs on it goes with the last."""
    if not clause.subject:
        yield _about_another(clause, person)
        return
    found = list(predicate(clause.body, clause.subject))
    for at, piece in enumerate(found):
        if clause.front and piece.kind in ("do", "am"):
            piece = piece._replace(text=clause.text, key=piece.text, when=clause.front)
        elif piece.kind == "am" and re.fullmatch(rf"(?:is|are|am) {re.escape(piece.text)}", clause.body):
            # Read alone, `learning to knit` would be something that the person likes.
            piece = piece._replace(text=clause.body, key=piece.text)
        elif piece.kind == "do" and not piece.key and not _starts_predicate(piece.text):
            if f"{clause.subject} {piece.text}".lower() not in sentence.lower():
                continue  # read alone, as in a hint, it would not be understood
            piece = piece._replace(text=f"{clause.subject.capitalize()} {piece.text}", key=piece.text)
        yield piece if at + 1 < len(found) else piece._replace(more=_hanging(clause.more, clause.subject))


def _about_another(clause: Clause, person: str) -> Piece:
    """`Her father came from Oslo`, `Breakfast is rice`: a clause of its own, whoever it is about."""
    first, _, rest = clause.body.partition(" ")
    core = inner(clause.body)
    meal = _MEAL.match(clause.body)
    if meal and first.lower() not in _SMALL:
        core = f"{_THEIR.get(person, 'their')} {clause.body if first.endswith('day') else f'{first.lower()} {rest}'}"
    return Piece(clause.text, "say", core, person, more=clause.more)


def _hanging(more: str, subject: str) -> str:
    """What hangs on, with the plain form of a verb whose subject was left out: ` and stores it` to ` and store it`."""
    joint = re.match(r",?\s+(?:and|but|then)\s+(?:\w+ly\s+|then\s+|also\s+)?", more)
    if not joint or not verbs.opens(more[joint.end() :], subject):
        return more
    verb, _, rest = more[joint.end() :].partition(" ")
    return f"{joint.group()}{grammar.base(verb)} {rest}"


def _starts_predicate(rest: str) -> bool:
    first = grammar.drop_adverbs(rest, every=True).split(" ", 1)[0]
    if first.lower() == "married" and " to " in rest:
        return False
    if first.lower() in ("is", "be", "am", "are", "was", "were", "has", "have", "had"):
        return " " in rest
    return (
        grammar.is_third_person(first)
        or verbs.opens(rest, "they")
        or verbs.opens(rest, "")
        or grammar.opens_clause(rest)
    )


# Sentences about a person that do not name the person: `Free hours go to knitting` says what they like.

_DOING = r"(?:[a-z][\w-]*ing|reading aloud)\b[^;]*"
_TIME = (
    r"(?:(?:free|spare|idle) (?:hours?|time|money|evenings?)|what is left of the (?:week|day|month|pay)"
    r"|(?:half an|an) hour a (?:day|week)|(?:most )?(?:weekends?|evenings|holidays|sundays))"
)
_PASTIME = re.compile(
    rf"(?:{_TIME} (?:goes|go) (?:in)?to|(?:the|his|her|their) (?:\w+ )?(?:hobby|pastime) is|{_TIME} (?:is|are) for)\s+"
    rf"(?P<doing>{_DOING})$",
    re.I,
)
_LONG_PASTIME = re.compile(rf"(?P<doing>{_DOING}) (?:is a (?:hobby|pastime) of long standing|began as a bet)$", re.I)
_TO_LEARN = re.compile(
    r"(?:the plan for this year is to learn|the next thing to learn is|still to be learn(?:ed|t):)\s+(?P<what>\S.*)$",
    re.I,
)
_THINGS = re.compile(
    r"(?:among (?:the|his|her|their) belongings is|(?:under the stairs|in the hall) there is"
    r"|the (?:oldest possession|only thing of value) is)\s+(?P<what>an?\s.+)$",
    re.I,
)
_KINDS = (_PASTIME, _LONG_PASTIME, _TO_LEARN, _THINGS)
_OPENS = (
    rf"(?:{_TIME}|the \w+ (?:hobby|pastime)|the next thing to learn|the plan for this year|still to be learn\w+:)\s"
)
_BEFORE = re.compile(
    rf",?\s+and\s+(?={_OPENS}|(?:his|her|their|my|your) age is \d+$|(?:in the hall|under the stairs) there is"
    r"|among the belongings is|the (?:oldest possession|only thing of value) is)",
    re.I,
)
_BEHIND = re.compile(r",\s+and\s+")
_OTHER = re.compile(r"(?:the (?!youngest|eldest|oldest|new|other)|an? |his |her |their |my |your )[a-z]")
_PERSON = re.compile(r"(?:he|she|they|i|you)\b", re.I)
_WORDS_ALONE = 7
_AGED = re.compile(r"(?:At|Aged|(?:His|Her|Their|My|Your) age is) (\d{1,3})(?=,|$| and )", re.I)


def apart(sentence: str, person: str) -> list[str]:
    """A sentence, cut where one that does not name the person begins or ends."""
    found = []
    for part in (half for piece in _BEFORE.split(sentence) for half in _halves(piece)):
        aged = _AGED.match(part)
        if aged:
            verb = "are" if person in ("they", "you") else "am" if person == "i" else "is"
            found.append(f"{capital(person)} {verb} {aged[1]}")
            part = re.sub(r"^,?\s*(?:and\s+)?", "", part[aged.end() :])
        head, *rest = _BEHIND.split(part, maxsplit=1)
        cut = [head, *rest] if rest and any(kind.match(head) for kind in _KINDS) else [part]
        found += [one for one in cut if one]
    return found


def _halves(sentence: str) -> list[str]:
    """`Breakfast is rice, and his flat looks out on a wall` as two sentences: the second is about something else."""
    for joint in _BEHIND.finditer(sentence):
        here, after = sentence[: joint.start()], sentence[joint.end() :]
        alone = _OTHER.match(after) and len(after.split()) >= _WORDS_ALONE and verbs.verb_at(after)
        person = _PERSON.match(after) and not _PERSON.match(here)
        if (alone or person) and not POINTS_BACK.search(after) and not far(after):
            return [here, *_halves(after)]
    return [sentence]


def impersonal(sentence: str) -> Iterator[Piece]:
    """The pieces of such a sentence; none where it is another one."""
    pastime = _PASTIME.match(sentence) or _LONG_PASTIME.match(sentence)
    learnt, thing = _TO_LEARN.match(sentence), _THINGS.match(sentence)
    if pastime:
        doing = lower_first(pastime["doing"])
        if doing.startswith("learning "):
            yield Piece(sentence, "am", doing, "they", key=doing)
        else:
            # Read alone, a list would be several things, and `training a team` no liking.
            alone = [(piece.kind, piece.core) for piece in nominal(doing)] == [("like", doing)]
            yield Piece(pastime["doing"] if alone else sentence, "like", doing, "they", key=doing)
    elif learnt:
        yield Piece(sentence, "do", f"want to learn {learnt['what']}", "they", key=learnt["what"])
    elif thing:
        yield from nominal(thing["what"])
