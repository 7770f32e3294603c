"""The partner in the chat: with a private impression of the person, or with the last message only."""

import random
import re
from dataclasses import dataclass
from functools import lru_cache

from i2a.simulator.language import grammar
from i2a.simulator.language.text import fresh, load, rng, sentences, stems
from i2a.simulator.parts import voice
from i2a.simulator.parts.phrasing import recall
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.evidence import mentions, wordings
from i2a.simulator.persona.fact_kinds import theme, tone
from i2a.simulator.persona.facts import Fact, closeness, facts, fits
from i2a.simulator.persona.style import STYLES, shown, styles
from i2a.simulator.persona.topics import topics

LINES = load("responder.toml")
_HEADING = re.compile(r"^\s*(profile|personality)\s*:?\s*$", re.I)
_BULLET = re.compile(r"^\s*[-*•]\s+")
_BACK = re.compile(
    r"(?:what about you|what's up with you|how are you|how's your|your day|you up to|new on your side"
    r"|new with you)\b.*$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Impression:
    """What a hint says of the person. `revealed`: facts that the chat has shown. `described`: facts of a whole
    description of the person, not to be named before the person has done so, for it holds more than the chat has
    shown."""

    revealed: tuple[Fact, ...]
    described: tuple[Fact, ...]
    personality: str

    def nameable(self, messages: tuple[str, ...]) -> tuple[Fact, ...]:
        """The facts that a reply may bring up after these messages of the person."""
        if not self.described:
            return self.revealed
        repeated = (fact for wording in wordings(self.described, messages) for fact in facts(wording))
        return tuple(dict.fromkeys((*self.revealed, *repeated)))


@lru_cache(maxsize=8192)
def impression(known: str) -> Impression:
    """The facts and traits of a hint: lines under `Profile:` and `Personality:`. A line of several sentences is a whole
    description of the person, any other a wording that the chat supports."""
    lines: dict[str, list[str]] = {"profile": [], "personality": []}
    section = "profile"
    for line in known.splitlines():
        heading = _HEADING.match(line)
        if heading:
            section = heading[1].lower()
        elif line.strip() and not line.lstrip().startswith("("):
            lines[section].append(_BULLET.sub("", line).strip())
    revealed, described = (
        tuple(
            dict.fromkeys(
                fact for line in lines["profile"] if (len(sentences(line)) > 1) is whole for fact in facts(line)
            )
        )
        for whole in (False, True)
    )
    return Impression(revealed, described, "\n".join(f"- {trait}" for trait in lines["personality"]))


def informed(known: str, dialogue: Dialogue, *, seed: int) -> str:
    """A reply that lets the impression show: one detail where it fits the moment, in a style that suits the person."""
    chance = rng("informed", seed, dialogue.last, len(dialogue.lines))
    person = impression(known)
    used = dialogue.used
    last = dialogue.last
    about = topics(last)
    grave, bad = tone(last) == "grave", tone(last) in ("bad", "grave")
    known_of, ceiling = person.nameable(dialogue.users), bool(person.described)
    fact, just_said = _pick(known_of, last, about, dialogue, chance, attentive=ceiling)
    parts = []
    # Nobody listens all the time, and some overdo it when they do.
    mood = chance.random()
    if mood < 0.1 and not person.described and not grave:
        return grammar.tidy(fresh(LINES["curious"]["any"], used, chance))
    if fact:
        parts.append(recall(fact, "echo" if just_said else "beside" if grave else "weave", used, chance, about))
        if not parts[0].startswith("I'm sorry") and (grave or chance.random() < 0.45):
            parts.insert(0, acknowledged(last, used, chance))
    else:
        parts.append(
            acknowledged(last, used, chance)
            if bad or not _asks_back(last)
            else fresh(LINES["self"]["known"], used, chance)
        )
        if chance.random() < 0.8:
            parts.append(fresh(LINES["curious"]["grave" if grave else "any"], used, chance))
    return voice.reply(parts, styles(person.personality), dialogue, chance)


def generic(dialogue: Dialogue, *, seed: int) -> str:
    """A polite reply to the last message that would suit anybody, and now and then happens to suit somebody."""
    chance = rng("generic", seed, dialogue.last, len(dialogue.lines))
    last = dialogue.last
    about = next((topic for topic in topics(last) if topic in LINES["bland"]), "any")
    if len(dialogue.users) <= 1 and about == "any":
        about = "hello"
    about = "any" if chance.random() < 0.12 else about
    news = tone(last)
    bad = news in ("bad", "grave")
    about = news if bad else about
    used = dialogue.used
    line = fresh(LINES["bland"][about], used, chance)
    parts = [line]
    if bad:
        if chance.random() < 0.4:
            parts.append(fresh(LINES["ask"]["bad"], used, chance))
    elif _asks_back(last):
        parts = [fresh(LINES["self"]["bland"], used, chance), fresh(LINES["ask"]["any"], used, chance)]
    elif about != "hello":
        asks = line.endswith("?")
        if chance.random() < 0.35 and len(line.split()) < 12:
            parts.insert(0, fresh(LINES["polite"]["any"], used, chance))
        if not asks and chance.random() < 0.5 and len(line.split()) < 14:
            parts.append(fresh(LINES["ask"]["any"], used, chance))
    draw = chance.random()
    if draw < 0.3:
        # Take on the manner of the last message, or strike some note at random: now and then it suits.
        seen = [name for name in shown(last) if name in STYLES]
        style = chance.choice(seen if seen and draw < 0.2 else tuple(STYLES))
        return voice.reply(parts, (style,), dialogue, chance, mirrors=False)
    return grammar.tidy(" ".join(parts))


def probe(dialogue: Dialogue, *, seed: int) -> str:
    """A question after how the other thinks, as a tutor asks it; the first one asks what it is all about."""
    chance = rng("probe", seed, dialogue.last, len(dialogue.lines))
    used = dialogue.used
    question = fresh(LINES["probe"]["any" if dialogue.assistants else "first"], used, chance)
    lead = fresh(LINES["probe"]["lead"], used, chance) if chance.random() < 0.5 else ""
    return grammar.tidy(f"{lead} {question}".strip())


def _asks_back(message: str) -> bool:
    """Whether a message asks how the other is or what they do."""
    return bool(_BACK.search(message.rsplit(". ", 1)[-1]))


def _pick(
    facts: tuple[Fact, ...],
    last: str,
    about: tuple[str, ...],
    dialogue: Dialogue,
    chance: random.Random,
    *,
    attentive: bool,
) -> tuple[Fact | None, bool]:
    """A known fact that fits the last message, and whether the last message itself stated it, which is second best.
    An `attentive` partner misses no chance."""
    spoken = stems(last)
    recent = stems(" ".join(dialogue.assistants[-1:]))
    usable = [fact for fact in facts if fact.kind != "belief"]
    sad = [fact for fact in usable if theme(fact) == "grief" and fact.keywords <= spoken]
    if sad:
        return chance.choice(sad), True
    earlier = [fact for fact in usable if not fact.keywords <= spoken]
    fitting = [fact for fact in earlier if fits(fact, last, about) and not fact.keywords <= recent]
    now = [fact for fact in usable if fact.keywords <= spoken]
    again = {mention.fact for reply in dialogue.assistants for mention in mentions(tuple(fitting), reply)}
    if attentive and now:
        fitting = [fact for fact in fitting if fact not in again]
    if fitting and chance.random() < (1.0 if attentive else 0.95):
        fitting.sort(key=lambda fact: (fact in again, -closeness(fact, spoken, about), chance.random()))
        return fitting[0], False
    if now and chance.random() < (1.0 if attentive else 0.85):
        return chance.choice(now), True
    if earlier and chance.random() < 0.08:
        return chance.choice(earlier), False
    return None, False


def acknowledged(message: str, used: str, chance: random.Random) -> str:
    """A remark on a message, by its topics, or by its news where they are bad."""
    news = tone(message)
    if news in ("bad", "grave"):
        return fresh(LINES["ack"][news], used, chance)
    topic = next((topic for topic in topics(message) if topic in LINES["ack"]), "any")
    return fresh(LINES["ack"][topic], used, chance)
