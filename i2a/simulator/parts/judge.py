"""The Judge: a score of one reply for one person, 1 to 5; from it a grade, a pass or fail, and the choice between two.

A reply that answers earns the lowest part of the scale, what it rightly remembers of the person the next, and the right
manner the highest, but only as far as there is such content: the parts multiply, they do not add up. All is multiplied
by penalties, each of which answers an adversary that once fooled a judge. See docs/judge.md.
"""

import json
from dataclasses import dataclass, replace
from functools import lru_cache

from i2a.simulator.language.text import STOP, fold, rng, sentences, shorten, stem, stems, words
from i2a.simulator.parts.borrowing import misused
from i2a.simulator.parts.penalties import PENALTIES
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.evidence import GENERIC, SMALL_TALK, false_claim, revealed
from i2a.simulator.persona.facts import Fact, closeness, facts, fits
from i2a.simulator.persona.recalls import Recall, recalls
from i2a.simulator.persona.style import STYLES, shape, shown, styles, suits
from i2a.simulator.persona.topics import topics, topics_of

_ANSWER, _CONTENT, _MANNER = 0.32, 0.34, 0.34  # the parts of the scale
_BESIDE = 0.75  # what is left of an answer that says nothing of its own on the topic of the message
_MISUSED = 0.6  # what is left for each word that is used as it cannot be
_LENGTH = 25  # words of an ordinary reply
_WORST = 1.2  # the most for a reply that says what is not so, or recites
_SPLICED = 1.9  # the most for one that puts parts of two facts together
_TAKEN_UP = 0.85  # credit for taking up what the last message tells
_ANSWERED = 0.35  # for taking up a word of it and going on with words of one's own on its topic
_MOST_FACTS = 2  # that a short reply can name without reciting them
_SOON = 2  # replies in which a fact that one of them recalled is nothing new
_KNOWN = 0.85  # how much of a memory that is nothing new still belongs to the talk
_MISUSE = "uses words as nobody would"
_CLEAR = 0.45  # from this difference on, neither the order nor chance decides
_FIRST = 0.2  # how much the first of two that are nearly level is liked: then both orders seldom agree
_FAULTS = {
    "denies": "denies what the person said",
    "reverses": "takes the person's life for its own",
    "alters": "gets a fact wrong",
    "splices": "puts together what does not belong together",
}


@dataclass(frozen=True, slots=True, eq=False)
class Recipient:
    """A persona as the judge reads it."""

    facts: tuple[Fact, ...]
    styles: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReplyScore:
    """A reply's marks: three components in 0..1, the penalty that multiplies them, the total in 1..5; and why."""

    facts: float
    style: float
    engagement: float
    penalty: float
    total: float
    recalls: str = ""
    style_shown: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a reply brings up of the person: the `credit` for it, how much it `belongs` to this dialogue, which decides
    what manner is worth, the fact that earned it, what share of the total is `left` and the most that it can be, and
    what is wrong."""

    credit: float = 0.0
    belongs: float = 0.0
    fact: str = ""
    left: float = 1.0
    most: float = 5.0
    fault: str = ""


@lru_cache(maxsize=4096)
def recipient(profile: str, personality: str) -> Recipient:
    return Recipient(facts(profile), styles(personality), stems(profile))


@lru_cache(maxsize=1024)  # a pair is judged in both orders
def score(reply: str, dialogue: Dialogue, person: Recipient) -> ReplyScore:
    """The marks of `reply` as the answer to the person's last message in `dialogue`."""
    reply = shorten(fold(reply), 1500)
    penalty, fault = _penalty(reply, dialogue)
    odd = {part: count for part in sentences(reply) if (count := misused(part, dialogue.users))}
    content = _content(reply, dialogue, person, " ".join(odd))
    if not odd and not content.fault and content.belongs < _ANSWERED and _answers(reply, dialogue):
        content = replace(content, credit=_ANSWERED, belongs=_ANSWERED)
    manner, style_shown, foreign = _style(reply, person)
    engagement = _engagement(reply, dialogue, content) * (1 - 0.1 * min(3, foreign))
    earned = _ANSWER * engagement + _CONTENT * content.credit + _MANNER * content.belongs * manner
    fault = fault or (_MISUSE if odd else "")
    misuses = min(3.0, sum(odd.values()) * _LENGTH / max(_LENGTH, len(words(reply))))
    total = min(1.0 + 4.0 * penalty * content.left * _MISUSED**misuses * earned, content.most)
    fault = fault or content.fault
    wrong = false_claim(reply, person.words, dialogue.users)
    if wrong:
        total, fault = min(total, _WORST), fault or f"takes for granted what is not so ({wrong})"
    return ReplyScore(content.credit, manner, engagement, penalty, total, content.fact, style_shown, fault)


def prefer(replies: tuple[str, str], dialogue: Dialogue, person: Recipient, *, seed: int) -> str:
    """The JSON verdict. When the two are nearly level, a liking for the first decides, and chance."""
    first, second = (score(reply, dialogue, person) for reply in replies)
    lead = first.total - second.total
    if abs(lead) < _CLEAR:
        lead = lead / 2 + _FIRST + rng("judge", seed, *replies).gauss(0.0, 0.08)
    winner = "1" if lead > 0 else "2"
    return json.dumps({"reason": _reason(winner, first, second), "winner": winner}, ensure_ascii=False)


def _penalty(reply: str, dialogue: Dialogue) -> tuple[float, str]:
    """The product of all penalties, and the name of the narrowest one that bit."""
    product, worst, fault = 1.0, 0.7, ""
    for name, penalty in PENALTIES:
        value = penalty(reply, dialogue)
        product *= value
        if value < worst:
            worst, fault = value, name
    return product, fault


def _content(reply: str, dialogue: Dialogue, person: Recipient, nonsense: str) -> Content:
    """What the reply brings up of the person, and what is wrong with it. A recall in its `nonsense` is none."""
    made = _recalled(reply, person)
    lost = {one.fact for one in _recalled(nonsense, person)} if nonsense else set[Fact]()
    if not made:
        return Content()
    last, spoken = dialogue.last, stems(dialogue.last)
    before = frozenset(revealed((one.fact for one in made), dialogue.users[:-1]))
    known = frozenset().union(*(stems(message) for message in dialogue.users)) if dialogue.users else frozenset()
    about, said = topics(last), stems(reply)
    credits = [(0.0, 0.0, "")]
    untold, again, wrong = False, False, ""
    astray: list[bool] = []
    for one in made:
        now = one.fact.keywords <= spoken
        if not (now or one.fact in before):
            untold |= len(one.fact.keywords) >= 2 and bool(one.fact.keywords & said - known)
            continue
        wrong = wrong or one.fault
        if one.fact in lost:
            continue
        if now:
            astray.append(False)
            credit = belongs = _TAKEN_UP * _worth(one)
        else:
            told = _earlier(one.fact, dialogue, person)
            fitting = _fitting(one.fact, last, about)
            astray.append(not fitting)
            again |= bool(fitting) and told < 1
            credit = told * fitting * _worth(one)
            belongs = (1.0 if told == 1 else _KNOWN) * fitting * _worth(one)
        credits.append((credit, belongs, one.fact.text))
    credit, belongs, fact = max(credits)
    count, most = _distinct(made), _MOST_FACTS + len(words(reply)) // 40
    if count > most:
        return Content(credit, belongs, fact, 1.0, _WORST, "recites facts")
    if wrong:
        return Content(0.0, 0.0, fact, 1.0, _SPLICED if wrong == "splices" else _WORST, _FAULTS[wrong])
    if untold:
        return Content(credit, belongs, fact, 0.4, 5.0, "brings up something it cannot know")
    off = bool(astray) and all(astray)
    if off or count > 1:
        left = ({1: 1.0, 2: 0.9}.get(count, 0.8)) * (0.7 if off else 1.0)
        fault = "brings up what has nothing to do with the message" if off else ""
        return Content(credit, belongs, fact, left, 5.0, fault)
    return Content(credit, belongs, fact, fault="repeats what it has recalled before" if again and credit < 0.3 else "")


@lru_cache(maxsize=16384)
def _recalled(reply: str, person: Recipient) -> tuple[Recall, ...]:
    return recalls(person.facts, reply)


def _worth(recall: Recall) -> float:
    """What a recall is worth as a sentence: a clause that is so, said to the person, in words beside the fact's own."""
    return recall.soundness * (1.0 if recall.to_you else 0.6) * (1.0 if recall.own_words else 0.3)


def _earlier(fact: Fact, dialogue: Dialogue, person: Recipient) -> float:
    """What is left of a memory that earlier replies had: half for each, nothing soon after the last of them. A reply to
    the message that told it does not count, for it took up what it had just heard."""
    times, at, last = 0, 0, -_SOON - 1
    told = ""
    for speaker, text in dialogue.lines:
        if speaker == "user":
            told = text
            continue
        at += 1
        if not fact.keywords <= stems(told) and any(one.fact == fact for one in _recalled(text, person)):
            times, last = times + 1, at
    return 0.0 if times and at - last < _SOON else 0.5**times


def _fitting(fact: Fact, last: str, about: tuple[str, ...]) -> float:
    """1 for a fact on the topic of the message, less where it is near, 0 where it is off."""
    if not fits(fact, last, about):
        return 0.0
    return 1.0 if closeness(fact, stems(last), about) >= 1 else 0.9


def _distinct(made: tuple[Recall, ...]) -> int:
    """How many different facts were named, where facts that share most of their words count once."""
    kept: list[frozenset[str]] = []
    for one in sorted(made, key=lambda one: -len(one.fact.keywords)):
        if not any(2 * len(one.fact.keywords & other) >= len(one.fact.keywords) for other in kept):
            kept.append(one.fact.keywords)
    return len(kept)


def _style(reply: str, person: Recipient) -> tuple[float, str, int]:
    """The match of the styles shown with those that suit the person, less what is foreign to it, and how much is."""
    visible = shown(reply)
    welcome = suits(person.styles)
    hits = [name for name in person.styles if name in visible]
    hits += [name for name in visible if name in welcome and name not in hits]
    foreign = sum(1 for name, length in visible.items() if name not in welcome and length > 1)
    value = 0.4 + (0.5 if hits else 0.0) + (0.1 if len(hits) > 1 else 0.0) - 0.22 * foreign
    if not person.styles:
        value = 0.6 - 0.1 * foreign
    forms, length = shape(person.styles), len(words(reply))
    if ("short" in forms and length > 18) or ("flat" in forms and "!" in reply):
        value -= 0.15
    if len(visible) > 3:
        value *= 0.3
    return max(0.0, min(1.0, value)), hits[0] if hits else "", foreign


def _engagement(reply: str, dialogue: Dialogue, content: Content) -> float:
    """An answer to the message, of a readable length, in words of its own, and with somewhere to go."""
    last, length = dialogue.last, len(words(reply))
    own = stems(reply) - stems(last)
    fitting = 1.0 if 4 <= length <= 45 else 0.8 if length <= 120 else 0.5
    form = 0.55 + 0.2 * fitting + 0.15 * min(1.0, 1.5 * len(own) / max(1, len(stems(reply)))) + 0.1 * ("?" in reply)
    return form * (1.0 if content.belongs >= 0.3 else _relevance(reply, dialogue))


def _relevance(reply: str, dialogue: Dialogue) -> float:
    """1 for a reply on the topic of the message in words of its own, less for one that only takes up words of it."""
    about = topics(dialogue.last)
    borrowed = bool(stems(reply) & stems(dialogue.last))
    return 1.0 if _goes_on(reply, dialogue) or not (about or borrowed or _tells(reply)) else _BESIDE


def _answers(reply: str, dialogue: Dialogue) -> bool:
    """Whether a reply takes up a word of the message and goes on about it."""
    return bool((stems(reply) & stems(dialogue.last)) - GENERIC) and _goes_on(reply, dialogue)


def _goes_on(reply: str, dialogue: Dialogue) -> bool:
    """Whether a reply is on the topic of the message, in words that the person never used."""
    about = frozenset(topics(dialogue.last))
    if about.isdisjoint(topics(reply)):
        return False
    said = frozenset[str]().union(*(stems(message) for message in dialogue.users))
    own = [word for word in words(reply) if word not in STOP and stem(word) not in said]
    return len(own) >= 3 or any(not about.isdisjoint(topics_of(word)) for word in own)


def _tells(reply: str) -> bool:
    """Whether a reply brings up things of its own, as small talk does not."""
    return len(stems(reply) - SMALL_TALK) >= 2


def _reason(winner: str, first: ReplyScore, second: ReplyScore) -> str:
    best, other = (first, second) if winner == "1" else (second, first)
    return f"Reply {winner} {merits(best)}; reply {'2' if winner == '1' else '1'} {merits(other)}."


def merits(one: ReplyScore) -> str:
    """What to say of a reply after `The reply ...`."""
    if one.fault:
        return one.fault
    style = STYLES[one.style_shown]["merit"][0] if one.style_shown else ""
    if one.recalls and one.facts > 0.15:
        return f"picks up '{one.recalls}'" + (f" and {style}, which suits this person" if style else "")
    if style:
        return f"{style}, which suits this person, but recalls nothing"
    return "is a remark that would suit anybody" if one.engagement > 0.5 else "hardly answers the message"


# Grades.

_PASS = 4  # the least grade that the strict protocol lets through
_WHOLE = 0.8  # and the least credit for what is recalled
_WAVERING = 0.1  # standard deviation: near the line between two grades chance decides, as it does with people


def rate(reply: str, dialogue: Dialogue, person: Recipient, *, seed: int, scale: tuple[int, int] = (1, 5)) -> str:
    """The JSON answer of a graded protocol: the reason, then the grade, a whole number on the scale."""
    marks, (low, high) = score(reply, dialogue, person), scale
    return _answer(marks, "score", round(low + (grade(marks, reply, seed=seed) - 1) * (high - low) / 4))


def passes(reply: str, dialogue: Dialogue, person: Recipient, *, seed: int) -> str:
    """The JSON answer of the strict protocol: a good reply passes if it suits both this person's manner and life, which
    takes a recall that is whole, new and on the topic."""
    marks = score(reply, dialogue, person)
    both = bool(marks.style_shown and marks.recalls) and marks.facts >= _WHOLE
    return _answer(marks, "passes", both and grade(marks, reply, seed=seed) >= _PASS)


def grade(marks: ReplyScore, reply: str, *, seed: int) -> int:
    """The total as a whole number of 1 to 5."""
    wavered = marks.total + rng("rating", seed, reply).gauss(0.0, _WAVERING)
    return min(5, max(1, round(wavered)))


def _answer(marks: ReplyScore, key: str, value: int | bool) -> str:
    return json.dumps({"reason": f"The reply {merits(marks)}.", key: value}, ensure_ascii=False)
