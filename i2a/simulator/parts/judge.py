"""The Judge: a score of one reply for one person, 1 to 5; from it a grade, a pass or fail, and the choice between two.

Every credit is multiplied by penalties first, each of which answers an adversary that once fooled a judge:
parrots, lists of facts, keyword salad, all styles at once, repeated best replies, injections, flattery.
"""

import json
from dataclasses import dataclass
from functools import lru_cache

from i2a.simulator.language.text import fold, rng, shorten, stems, words
from i2a.simulator.parts.penalties import PENALTIES
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.evidence import Mention, false_claim, mentions, revealed, taken_up
from i2a.simulator.persona.facts import Fact, closeness, facts, fits
from i2a.simulator.persona.style import STYLES, shape, shown, styles, suits
from i2a.simulator.persona.topics import topics

_WORST = 1.2  # the most for a reply that says what is not so, or recites
_TAKEN_UP = 0.35  # credit for taking up the last message without repeating it
_MOST_FACTS = 2  # that a reply can name without reciting them
_CLEAR = 0.3  # from this difference on, neither the order nor chance decides


@dataclass(frozen=True, slots=True)
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


@lru_cache(maxsize=4096)
def recipient(profile: str, personality: str) -> Recipient:
    return Recipient(facts(profile), styles(personality), stems(profile))


@lru_cache(maxsize=1024)  # a pair is judged in both orders
def score(reply: str, dialogue: Dialogue, person: Recipient) -> ReplyScore:
    """The marks of `reply` as the answer to the person's last message in `dialogue`."""
    reply = shorten(fold(reply), 1500)
    penalty, fault = _penalty(reply, dialogue)
    content, recalls, untold, aside = _content(reply, dialogue, person)
    style, style_shown = _style(reply, person)
    engagement = _engagement(reply, dialogue)
    total = 1.0 + 4.0 * penalty * (0.45 * content + 0.32 * style + 0.23 * engagement)
    if untold:
        total, fault = 1.0 + (total - 1.0) * 0.4, fault or "brings up something it cannot know"
    if aside:
        total, fault = 1.0 + (total - 1.0) * aside, fault or "brings up what has nothing to do with the message"
    if _distinct(mentions(person.facts, reply)) > _MOST_FACTS:
        total, fault = min(total, _WORST), fault or "recites facts"
    wrong = false_claim(reply, person.words, dialogue.users)
    if wrong:
        total, fault = min(total, _WORST), fault or f"takes for granted what is not so ({wrong})"
    return ReplyScore(content, style, engagement, penalty, total, recalls, style_shown, fault)


def prefer(replies: tuple[str, str], dialogue: Dialogue, person: Recipient, *, seed: int) -> str:
    """The JSON verdict. When the two are nearly level, chance and a slight liking for the first decide."""
    first, second = (score(reply, dialogue, person) for reply in replies)
    lead = first.total - second.total
    if abs(lead) < _CLEAR:
        lead += 0.06 + rng("judge", seed, *replies).gauss(0.0, 0.08)
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


def _content(reply: str, dialogue: Dialogue, person: Recipient) -> tuple[float, str, bool, float]:
    """Credit for what was remembered, the fact that earned most of it, whether something untold was used, and what
    share of the total is left because of memories that are beside the point or too many, 0 where there are none."""
    earlier, last = dialogue.users[:-1], dialogue.last
    made = mentions(person.facts, reply)
    taken = taken_up(person.facts, reply, last)
    if not made:
        return (_TAKEN_UP, taken.text, False, 0.0) if taken else (0.0, "", False, 0.0)
    before = set(revealed((mention.fact for mention in made), earlier))
    known = frozenset().union(*(stems(message) for message in dialogue.users)) if dialogue.users else frozenset()
    about = topics(last)
    credits: list[tuple[float, str]] = []
    untold, astray = False, 0
    for mention in made:
        if mention.fact in before:
            credit = _credit(mention, last, about)
            astray += credit == 0.0
            credits.append((credit, mention.fact.text))
        elif mention.fact.keywords <= stems(last):
            credits.append((0.45 if mention.own_words else 0.1, mention.fact.text))
        elif len(mention.fact.keywords & stems(reply) - known) > 0 and _is_claim(mention):
            untold = True
    if taken:
        credits.append((_TAKEN_UP, taken.text))
    if not credits:
        return 0.0, "", untold, 0.0
    best, count = max(credits), _distinct(made)
    left = {1: 1.0, 2: 0.5}.get(count, 0.4) * (0.7 if astray else 1.0)
    return best[0] * {1: 1.0, 2: 0.4}.get(count, 0.1), best[1], untold, left if left < 1.0 else 0.0


def _credit(mention: Mention, last: str, about: tuple[str, ...]) -> float:
    """1 for a memory on the topic of the message, less where it is near or a repetition, 0 where it is off."""
    if mention.fact.keywords <= stems(last):
        return 0.45 if mention.own_words else 0.1
    if not fits(mention.fact, last, about):
        return 0.0
    strong = closeness(mention.fact, stems(last), about) >= 1
    return (1.0 if strong else 0.8) * (1.0 if mention.own_words else 0.3)


def _is_claim(mention: Mention) -> bool:
    """A fact of one everyday word ("hiking") may be met by chance; anything longer is knowledge."""
    return len(mention.fact.keywords) >= 2


def _distinct(made: tuple[Mention, ...]) -> int:
    """How many different facts were named, where facts that share most of their words count once."""
    kept: list[frozenset[str]] = []
    for mention in sorted(made, key=lambda one: -len(one.fact.keywords)):
        if not any(2 * len(mention.fact.keywords & other) >= len(mention.fact.keywords) for other in kept):
            kept.append(mention.fact.keywords)
    return len(kept)


def _style(reply: str, person: Recipient) -> tuple[float, str]:
    """The match of the styles shown with those that suit the person, less what is foreign to it."""
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
    return max(0.0, min(1.0, value)), hits[0] if hits else ""


def _engagement(reply: str, dialogue: Dialogue) -> float:
    """On the topic of the message, of a readable length, in words of its own, and with somewhere to go."""
    last, length = dialogue.last, len(words(reply))
    about, here = topics(last), topics(reply)
    on_topic = not about or bool(set(about) & set(here)) or bool(stems(last) & stems(reply))
    fitting = 1.0 if 4 <= length <= 34 else 0.5 if length <= 45 else 0.1
    own = len(stems(reply) - stems(last)) / max(1, len(stems(reply)))
    return 0.4 * on_topic + 0.25 * fitting + 0.2 * min(1.0, own * 1.5) + 0.15 * ("?" in reply)


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
_WAVERING = 0.1  # standard deviation: near the line between two grades chance decides, as it does with people


def rate(reply: str, dialogue: Dialogue, person: Recipient, *, seed: int, scale: tuple[int, int] = (1, 5)) -> str:
    """The JSON answer of a graded protocol: the reason, then the grade, a whole number on the scale."""
    marks, (low, high) = score(reply, dialogue, person), scale
    return _answer(marks, "score", round(low + (grade(marks, reply, seed=seed) - 1) * (high - low) / 4))


def passes(reply: str, dialogue: Dialogue, person: Recipient, *, seed: int) -> str:
    """The JSON answer of the strict protocol: a good reply passes if it suits both this person's manner and life."""
    marks = score(reply, dialogue, person)
    both = bool(marks.style_shown and marks.recalls)
    return _answer(marks, "passes", both and grade(marks, reply, seed=seed) >= _PASS)


def grade(marks: ReplyScore, reply: str, *, seed: int) -> int:
    """The total as a whole number of 1 to 5."""
    wavered = marks.total + rng("rating", seed, reply).gauss(0.0, _WAVERING)
    return min(5, max(1, round(wavered)))


def _answer(marks: ReplyScore, key: str, value: int | bool) -> str:
    return json.dumps({"reason": f"The reply {merits(marks)}.", key: value}, ensure_ascii=False)
