"""A sentence about a person cut into clauses, each of which can stand alone once it has its subject back.

What cannot ("which he carried across three borders", "and the exam is in October") hangs on to the clause before it.
"""

import re
from typing import NamedTuple

from i2a.simulator.language import grammar, verbs

_PRONOUN = r"(?:he|she|they|i|you)"
_FRONT = re.compile(
    rf"^(?P<front>(?:on|at|in|every|each|most|with|from|after|before|between|during|this|twice|once|for|by|under|near)\b"
    rf"[^,;]{{1,60}}?),?\s+(?P<subject>{_PRONOUN})\s+(?=[a-z])",
    re.I,
)
_SUBORDINATE = re.compile(
    r"^(?:when|as|before|after|besides|additionally|outside|despite|although|while|since|if)\b[^,]{2,60},\s+"
    rf"(?={_PRONOUN}\b)",
    re.I,
)
_IDLE = re.compile(r"\b(?:free|spare|leisure|downtime|down time|addition|past|off days?)\b", re.I)
_JOINT = re.compile(r",?\s+(?P<word>and|but|so(?! far)|then|while|yet|because)\s+(?:then\s+)?|,\s+|\s+(?=who\s)")
_HANGING = re.compile(
    r"^(?:which|whose|where|who|whom|of which|of whom|because|usually|mostly|although|though|since|on a|when|until"
    r"|twelve|even)\b",
    re.I,
)
_ALONE = re.compile(r"^(?:his|her|their|my|your|the|breakfast|lunch|dinner|supper|two|one|three)\b", re.I)
_OWN = re.compile(r"\b(?:his|her|their|my|your|him|them|me|breakfast|lunch|dinner|supper)\b", re.I)
POINTS_BACK = re.compile(
    r"\b(?:it|them|ones?(?=$|[ ,](?:of|is|was|in|on|lies)\b)|this|that|afterwards|the (?:new|other|same)"
    r"|follows(?=$|,| in\b| on\b)|still|so|neither|either|not)\b|\bof over\b"
    r"|'s (?:is|are|has)\b",
    re.I,
)
_BARE_NUMBER = re.compile(
    r"^(?:\w+ly )?\w+ (?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|\d+)(?:$|,)", re.I
)
_IS_A = re.compile(r"(?:is|am|are|was|be)\s+(?:\w+ly\s+|also\s+)?(?:an?|the)\s+(?!\w+ (?:to|of) )", re.I)
_RELATIVE = re.compile(r"(?<![,]) (?=(?:that|who|whose|which|for whoever|since (?:he|she|they)) )")
_NEXT = re.compile(r",\s+(?:and|but|so)\s+")
_LISTS = re.compile(r"(?:(?:ha[sd]|have)(?! \w+ed )|owns?|enjoys?|loves?|likes?|adores?)\b")
_WORDS_MORE, _WORDS_ALONE, _WORDS_LEFT = 14, 5, 3
_PARTICIPLES = ("bought ", "made ", "built ", "sold ")  # `one suit, bought for a wedding`


class Clause(NamedTuple):
    """A clause in its own wording. `body` starts with the verb where the subject is the person (a pronoun, or left
    out), and with the subject where that is something else (`subject` is empty then)."""

    text: str
    body: str
    subject: str
    front: str = ""
    more: str = ""


def clauses(sentence: str, person: str) -> list[Clause]:
    """The clauses of a sentence with a subject, or with the verb of one that was left out."""
    sentence = _SUBORDINATE.sub("", sentence, count=1)
    front = _FRONT.match(sentence)
    if front and not verbs.verb_at(front["front"]):
        start, idle = front.start("subject"), bool(_IDLE.search(front["front"]))
        rest, kept = sentence[start:], "" if idle else _placed(front["front"])
    else:
        start, rest, kept = 0, sentence, ""
    found = _cut(rest, person)
    if kept and found:
        found[0] = found[0]._replace(front=kept, text=sentence[: start + rest.find(found[0].text)] + found[0].text)
    return found


def _placed(front: str) -> str:
    """An adverbial as it stands at the end of a clause."""
    return front[:1].lower() + front[1:]


def _cut(text: str, person: str) -> list[Clause]:
    subject, body = _subject(text)
    found: list[Clause] = []
    start, hold = len(text) - len(body) if subject else 0, False
    begin = start
    for joint in _JOINT.finditer(text, start):
        if joint.start() < begin or hold:
            continue
        after, here = text[joint.end() :], text[begin : joint.start()]
        new = _begins(after, here, subject, person, joint)
        if new == "hangs":
            found.append(_clause(here, subject, _more(text[joint.start() :])))
            hold = True
        elif new:
            found.append(_clause(here, subject))
            subject = "" if new == "noun" else new
            begin = joint.end() + (_lead(after) if subject else 0)
    if not hold:
        found.append(_clause(text[begin:], subject))
    return [clause for clause in found if clause.text]


def _begins(after: str, here: str, subject: str, person: str, joint: re.Match[str]) -> str:
    """What starts after a joint: a clause of the person (its pronoun), of a "noun", one that "hangs" on, or nothing."""
    pronoun, rest = _subject(after)
    hanging = bool(_HANGING.match(after)) or (joint["word"] or "") in ("so", "while", "because", "yet")
    if not subject and not verbs.verb_at(here):
        return ""  # the verb is still to come, as after `His son Kuba, who is twelve,`
    if not subject and not pronoun and not hanging:
        other = "," in joint.group() and verbs.verb_at(after) and _OWN.search(after) and not POINTS_BACK.search(after)
        return "noun" if other else "hangs" if "," in joint.group() and verbs.verb_at(after) else ""
    if after.startswith("who ") and _IS_A.match(here):
        return subject
    if hanging:
        return "hangs" if joint.group().strip() else ""
    if pronoun:
        theirs = pronoun not in (person, subject, "they")
        return "hangs" if theirs or POINTS_BACK.search(_near(rest)) or far(rest) else subject or person
    if subject and verbs.opens(after, subject, past=_was(here)):
        part = _near(after)
        if joint.group().strip() == "," and after.startswith(_PARTICIPLES) and not _was(here):
            return "hangs"
        return "hangs" if POINTS_BACK.search(part) or _BARE_NUMBER.search(part) else subject
    if not verbs.verb_at(_NEXT.split(after)[0]) or grammar.is_gerund(after) or "," not in joint.group():
        return ""
    alone = _ALONE.match(after) and _OWN.search(after) and len(after.split()) > _WORDS_ALONE
    return "noun" if alone and not POINTS_BACK.search(after) else "hangs"


def _lead(text: str) -> int:
    """The length of a pronoun, or of `who`, at the start of a clause."""
    return len("who ") if text.startswith("who ") else len(text) - len(_subject(text)[1])


def _near(text: str) -> str:
    """A text up to its first comma, or to the clause that gives a reason."""
    return re.split(r",| because | until | that | which | and ", text, maxsplit=1)[0]


def far(text: str) -> bool:
    """Whether a clause speaks of somebody that only the clause before it names: `she visits him in Busan`."""
    return bool(re.search(r"\b(?:him|the grave|to them)\b", _near(text)))


def _was(body: str) -> bool:
    first = grammar.drop_adverbs(body, every=True).split(" ", 1)[0].strip(",")
    return (
        first in ("was", "were", "had", "used", "lost", "left")
        or verbs.is_past(first)
        or bool(re.search(r"\b(?:lost|was|were)\b", body.split(", ")[-1][:12]))
    )


def _subject(text: str) -> tuple[str, str]:
    """The pronoun that a text starts with, and the text behind it."""
    found = re.match(rf"({_PRONOUN})\s+(?=\S)", text, re.I)
    return (found[1].lower(), text[found.end() :]) if found else ("", text)


def _clause(body: str, subject: str, more: str = "") -> Clause:
    body = body.strip(" ,")
    if not _LISTS.match(body):
        body, relative = _relative(body, subject)
        more = _more(relative + more) or relative or more
    return Clause(body, body, subject, "", more)


def _relative(body: str, subject: str) -> tuple[str, str]:
    """A clause without the relative clause at its end, and that: `a team` and ` that trains on Tuesdays`."""
    earliest = 0 if subject else len(" ".join(body.split()[: verbs.verb_at(body) + 1]))
    for found in _RELATIVE.finditer(body, earliest):
        head, tail = body[: found.start()], body[found.end() :]
        rest = tail.split(" ", 1)[1]
        says = grammar.base(head.rsplit(" ", 1)[-1]) in verbs.KNOWN
        if len(head.split()) >= _WORDS_LEFT and not says and not head.endswith((" so", " is", " than")) and rest:
            return head, _more(body[found.start() :])
    return body, ""


def _more(text: str) -> str:
    return text if len(text.split()) <= _WORDS_MORE else ""
