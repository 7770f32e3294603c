"""What the base model reads: people it never meets again, what they say, and what can be recalled of it.

Everything follows from a seed. A document is a list of parts, of which only some carry loss. It knows no tokenizer.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple

from agents.offline import responder, user
from agents.offline.evidence import revealed, telling
from agents.offline.facts import Fact, facts
from agents.offline.reading import Dialogue
from agents.offline.recalling import brief
from agents.offline.style import styles
from agents.offline.telling import phrase
from agents.offline.text import STOP, capital, fresh, lexicon, rng, stems
from agents.offline.topics import topics
from agents.offline.voice import say
from agents.offline.writer_personality import personality
from agents.offline.writer_profile import profile

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
TURNS = 10
LISTS, BY_WORD = 0.05, 0.5
ALL = ("What do you know about me by now?", "So what have I told you?")
BRIEFLY = ("And {}?", "So, {}?", "About {}?", "What about {}?")
ABOUT = (
    "What did I say about {}?",
    "Do you remember what I told you about {}?",
    "Remind me, what was that with {}?",
    "I mentioned {}, didn't I?",
)
AROUND = (
    "What does that remind you of?",
    "Does that remind you of anything I said?",
    "What did I tell you that goes with that?",
)
LEADS = ("You said", "You told me", "You mentioned that", "Yes,", "I think", "")
NOTHING = ("I don't think you've told me.", "Nothing that I know of.", "No, nothing comes to mind.")
_WORD = re.compile(r"[A-Za-z]{4,}")
_ANY_WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*")
_VERBS = lexicon("verbs")
_SAME = re.compile(r"(?:s|ing|ed|ly)$")


class Part(NamedTuple):
    """A piece of a document. `given` is only read, `reply` and `recall` the model learns to write; recall is what can
    be right or wrong."""

    text: str
    kind: Literal["given", "reply", "recall"]


Document = Sequence[Part]


class Person(NamedTuple):
    profile: str
    personality: str

    @property
    def facts(self) -> tuple[Fact, ...]:
        return facts(self.profile)


def person(chance: random.Random, *, scrambled: float = 0.0) -> Person:
    """An invented person. `scrambled`: the share of the nouns that is drawn anew, so that no value can be guessed."""
    text = profile(chance).text
    if scrambled:
        text = _WORD.sub(lambda found: _other(found, text, scrambled, chance), text)
    return Person(text, personality(chance).text)


def _other(found: re.Match[str], text: str, share: float, chance: random.Random) -> str:
    """Another word in the place of one that names something; verbs and the words of the grammar stay."""
    word = found[0]
    starts = found.start() == 0 or text[found.start() - 2] in ".!?"
    stays = word.lower() in STOP or word.lower() in _VERBS or _SAME.search(word) or starts
    if stays or chance.random() >= share:
        return word
    if word[0].isupper():
        return invented(chance).capitalize()
    return invented(chance) if chance.random() < 0.4 else chance.choice(_nouns())


def invented(chance: random.Random) -> str:
    """A word that nobody has read before: `norvel`, `takimo`."""
    syllables = chance.choice((2, 2, 3))
    return "".join(
        chance.choice("bcdfghjklmnprstvwz") + chance.choice("aeiou") + chance.choice(("", "", "n", "r", "l", "s"))
        for _ in range(syllables)
    )


@cache
def _nouns() -> tuple[str, ...]:
    """Words that name something, from some profiles."""
    found = dict[str, None]()
    for number in range(200):
        text = profile(rng("nouns", number)).text
        for word in _WORD.findall(text):
            if word.islower() and word not in STOP and word not in _VERBS and not _SAME.search(word):
                found[word] = None
    return tuple(found)


def recalled(fact: Fact) -> str:
    """A fact as it is recalled: a clause about `you`, without what trails behind."""
    return replace(fact, yours=brief(fact), when=("", "")).clause("you")


def fitting(known: Sequence[Fact], last: str) -> Fact | None:
    """What was told before and bears most on a message: shared words and topics decide, then what was told last."""
    spoken, about = stems(last), topics(last)
    best = [
        fact
        for fact in known
        if fact.kind != "belief" and not fact.needs <= spoken and responder.fits(fact, last, about)
    ]
    return max(reversed(best), key=lambda fact: responder.closeness(fact, spoken, about), default=None)


def cue(fact: Fact, used: str, chance: random.Random) -> str:
    """A message that leads back to a fact without saying it; empty where there is none."""
    lines = user.LINES["back"]
    named = next((topic for topic in fact.topics if topic in lines), "")
    return fresh(lines[named], used, chance) if named else ""


def dense_recall(seed: int, number: int) -> Document:
    """A few messages that each tell something, then questions after it."""
    chance = rng("dense", seed, number)
    who = person(chance, scrambled=chance.choice((0.0, 0.4, 0.8)))
    told = list(who.facts)
    chance.shuffle(told)
    told = told[: chance.randint(2, 7)]
    manner, parts, used = styles(who.personality), list[Part](), ""
    for fact in told:
        said = phrase(fact, used, chance)
        message = say([said], manner, used, chance) if chance.random() < 0.5 else said
        used += " " + message.lower()
        parts.append(Part(USER + message + END, "given"))
    if chance.random() < LISTS:
        return [*parts, *_answered(chance.choice(ALL), ", ".join(map(recalled, told)), chance)]
    return [*parts, *led_back(told, used, 8, BRIEFLY if chance.random() < 0.7 else ABOUT, chance)]


def led_back(
    told: Sequence[Fact], used: str, most: int, asking: Sequence[str], chance: random.Random
) -> Iterator[Part]:
    """Up to so many messages that ask for something told, by a word of it or by what it has to do with, answered."""
    for fact in chance.sample([*told, *told], k=min(2 * len(told), most)):
        if chance.random() < BY_WORD:
            message = chance.choice(asking).format(chance.choice(_telling_words(fact)))
            best: Fact | None = fact
        else:
            remark = cue(fact, used, chance) or chance.choice(user.LINES["follow"]["any"])
            used += " " + remark.lower()
            best, message = fitting(told, remark), f"{remark} {chance.choice(AROUND)}"
        yield from _answered(message, recalled(best) if best else "", chance)


def _answered(message: str, known: str, chance: random.Random) -> Iterator[Part]:
    """A question and its answer, in one frame or another."""
    yield Part(USER + message + END + ASSISTANT, "given")
    if not known:
        yield Part(chance.choice(NOTHING) + END, "reply")
        return
    lead = chance.choice(LEADS)
    if lead:
        yield Part(lead, "reply")
    yield Part(f" {known}" if lead else capital(known), "recall")
    yield Part("." + END, "reply")


def _telling_words(fact: Fact) -> list[str]:
    """The words of a fact, as the person has them, that could not stand in any other."""
    mark = telling(fact)
    return [word for word in _ANY_WORD.findall(fact.mine) if stems(word) & mark] or [fact.mine]


def dialogue(who: Person, turns: int, chance: random.Random) -> Dialogue:
    """A dialogue with somebody who answers whoever it is in the same way."""
    acting = user.character((("profile", who.profile), ("personality", who.personality)))
    talk = Dialogue(())
    for _ in range(turns):
        message = user.speak(acting, talk, seed=chance.getrandbits(32))
        talk = Dialogue((*talk.lines, ("user", message)))
        talk = Dialogue((*talk.lines, ("assistant", responder.generic(talk, seed=chance.getrandbits(32)))))
    return talk


def long_recall(seed: int, number: int) -> Document:
    """A generic dialogue, and then questions after what was told."""
    chance = rng("long", seed, number)
    who = person(chance, scrambled=chance.choice((0.0, 0.4)))
    *talk, last = dialogue(who, chance.randint(1, TURNS), chance).lines[:-1]
    parts = list[Part]()
    for speaker, text in talk:
        parts += (
            [Part(USER + text + END, "given")]
            if speaker == "user"
            else [Part(ASSISTANT, "given"), Part(text + END, "reply")]
        )
    users = [text for speaker, text in (*talk, last) if speaker == "user"]
    told = in_order(revealed(who.facts, users), users)
    best = fitting(in_order(revealed(who.facts, users[:-1]), users), users[-1])
    parts += _answered(f"{last[1]} {chance.choice(AROUND)}", recalled(best) if best else "", chance)
    return [*parts, *led_back(told, " ".join(users).lower(), 4, ABOUT, chance)]


def in_order(known: Sequence[Fact], messages: Sequence[str]) -> list[Fact]:
    """Facts in the order in which they were told."""
    said = [stems(message) for message in messages]
    return sorted(known, key=lambda fact: next(i for i, spoken in enumerate(said) if fact.needs <= spoken))
