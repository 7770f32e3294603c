"""Sentences that tell of a person without a word for the person: `Free hours go to knitting` is of what they like."""

import re
from collections.abc import Iterator

from i2a.simulator.language import verbs
from i2a.simulator.language.clauses import POINTS_BACK, far
from i2a.simulator.language.predicates import Piece, nominal
from i2a.simulator.language.text import capital, lower_first

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
    """A sentence, cut where one that tells of the person without a word for it begins or ends."""
    found = []
    for part in (half for whole in _BEFORE.split(sentence) for half in _halves(whole)):
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
    told = _PASTIME.match(sentence) or _LONG_PASTIME.match(sentence)
    learnt, thing = _TO_LEARN.match(sentence), _THINGS.match(sentence)
    if told:
        doing = lower_first(told["doing"])
        if doing.startswith("learning "):
            yield Piece(sentence, "am", doing, "they", key=doing)
        else:
            # Read alone, a list would be several things, and `training a team` no liking.
            alone = [(piece.kind, piece.core) for piece in nominal(doing)] == [("like", doing)]
            yield Piece(told["doing"] if alone else sentence, "like", doing, "they", key=doing)
    elif learnt:
        yield Piece(sentence, "do", f"want to learn {learnt['what']}", "they", key=learnt["what"])
    elif thing:
        yield from nominal(thing["what"])
