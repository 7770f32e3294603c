"""The person: an agenda-based user simulator. It works through what it may reveal, comes back to it, and reacts.

The agenda follows from the persona and the first message; `seed` decides only the wording.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from i2a.simulator.language.text import fixed_part, fold, fresh, load, lower_first, rng, sentences, stems
from i2a.simulator.parts import voice
from i2a.simulator.parts.phrasing import phrase
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.evidence import mentions, revealed
from i2a.simulator.persona.facts import Fact, facts
from i2a.simulator.persona.style import shape, styles
from i2a.simulator.persona.topics import topics

LINES = load("user.toml")
_TRIES = 8
# How often the person says something to the other's last words first.
ANSWERS, NOTICES, THANKS, SHRUGS, MISSES, AGREES = 0.3, 0.2, 0.3, 0.15, 0.1, 0.1
# A question after how somebody thinks; only these bring out what they believe.
_PROBES = re.compile(
    r"\b(?:why|how come|explain|how do you know|(?:you|do you) (?:think|believe|expect|suppose|reckon|imagine)|happens?"
    r"|example|what makes|sure|would you say|which (?:of|one)|what if)\b[^?]*\?",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Character:
    """A person as the simulator plays it: what it may reveal, how it writes, and a fingerprint of its text."""

    facts: tuple[Fact, ...]
    beliefs: tuple[Fact, ...]
    styles: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Move:
    """What one message is for: reveal a new fact, come back to an old one, or talk without either."""

    kind: Literal["reveal", "return", "follow"]
    fact: Fact | None = None


@lru_cache(maxsize=4096)
def character(tagged: tuple[tuple[str, str], ...]) -> Character:
    """The character that the tagged blocks of the prompt describe; unknown tags hold what the person believes."""
    blocks = dict(tagged)
    beliefs = tuple(
        fact for tag, text in tagged if tag not in ("profile", "personality") for fact in facts(text, "belief")
    )
    personality = blocks.get("personality", "")
    return Character(facts(blocks.get("profile", "")), beliefs, styles(personality), fold(" ".join(blocks.values())))


def speak(person: Character, dialogue: Dialogue, *, seed: int) -> str:
    """The person's next message. It never repeats one of its own and gives away at most one new fact."""
    chance = rng("user", seed, len(dialogue.users), dialogue.lines[-1][1] if dialogue.lines else "")
    move = plan(person, dialogue, chance)
    own = dialogue.users
    used = " ".join(own).lower()
    known = revealed((*person.facts, *person.beliefs), own)
    message = ""
    for _ in range(_TRIES):
        message = _compose(person, move, dialogue, used, chance)
        new = [fact for fact in revealed((*person.facts, *person.beliefs), (message,)) if fact not in known]
        if message not in own and not _copies(message, person) and all(fact == move.fact for fact in new):
            return message
    return _safe(person, dialogue, chance)


def _copies(message: str, person: Character) -> bool:
    """Whether a sentence of the message stands in the persona as it is."""
    return any(sentence in person.text for sentence in sentences(message) if len(sentence.split()) > 3)


def plan(person: Character, dialogue: Dialogue, chance: random.Random) -> Move:
    """The next move. Reveals lead at first; from the fourth message on the person comes back to earlier facts."""
    own = dialogue.users
    everything = (*person.facts, *person.beliefs)
    known = revealed(everything, own)
    asked = bool(own) and bool(_PROBES.search(dialogue.lines[-1][1]))
    agenda = [
        fact
        for fact in _agenda(person, own[0] if own else str(chance.random()))
        if fact not in known and (asked or fact not in person.beliefs)
    ]
    old = [fact for fact in revealed(everything, own[:-1]) if _back(fact)]
    last_topics = topics(own[-1]) if own else ()
    old = [fact for fact in old if fact.topics[0] not in last_topics[:1]]
    turn = len(own)
    draw = chance.random()
    back = 0.0 if turn < 2 or not old else min(0.75, 0.15 + 0.1 * turn)
    belief = next((fact for fact in agenda if fact in person.beliefs), None)
    if belief and draw < 0.7:
        return Move("reveal", belief)
    if draw < back:
        return Move("return", chance.choice(old))
    if agenda and draw < back + (1 - back) * (0.6 if turn == 0 else 0.86):
        return Move("reveal", agenda[0])
    return Move("follow")


def _agenda(person: Character, opening: str) -> list[Fact]:
    """The order of revealing: beliefs mixed in, narrow facts after the wide ones that they contain."""
    order = rng("agenda", person.text, opening)
    pool = list(person.facts)
    order.shuffle(pool)
    # Age and marital status are no small talk: they come late.
    pool.sort(key=lambda fact: fact.kind in ("age", "state") and order.random() < 0.7)
    if person.beliefs:
        beliefs = list(person.beliefs)
        order.shuffle(beliefs)
        for index, belief in enumerate(beliefs):
            pool.insert(min(len(pool), 2 * index), belief)
    for index in range(len(pool)):
        for later in range(index + 1, len(pool)):
            if pool[later].keywords < pool[index].keywords:
                pool[index], pool[later] = pool[later], pool[index]
    return pool


def _compose(person: Character, move: Move, dialogue: Dialogue, used: str, chance: random.Random) -> str:
    core = _core(move, used, chance)
    if not dialogue.users:
        parts = [core]
        if chance.random() < 0.7 and "short" not in shape(person.styles):
            parts.insert(0, chance.choice(LINES["open"]["hello"]))
        return voice.say(parts, person.styles, used, chance)
    if move.fact and move.fact.kind == "belief":
        return voice.say([core], person.styles, used, chance)
    first, answers = reaction(person.facts, dialogue, used, chance)
    if first and answers and move.kind != "follow" and chance.random() < 0.4:
        core = _bridged(core, move, dialogue, chance)
    return voice.say([first, core] if first else [core], person.styles, used, chance)


def _bridged(core: str, move: Move, dialogue: Dialogue, chance: random.Random) -> str:
    """The core behind words that lead over to it from what was talked about."""
    if re.match(r"(?:By the way|If I|Ask|Don't|Just|Of all|Surely|You|It's been|I don't think I've)\b", core):
        return core
    about = set(topics(dialogue.last)[:2])
    near = move.fact is not None and not about.isdisjoint(move.fact.topics)
    return f"{chance.choice(LINES['bridge']['more' if near else 'new'])} {lower_first(core)}"


def _core(move: Move, used: str, chance: random.Random) -> str:
    if move.kind == "reveal" and move.fact:
        return phrase(move.fact, used, chance)
    if move.kind == "return" and move.fact:
        return fresh(LINES["back"][_back(move.fact)], used, chance)
    if not used:
        return fresh(LINES["open"]["small"], used, chance)
    lines = LINES["follow"]["free" if chance.random() < 0.4 else "any"]
    unused = [line for line in lines if fixed_part(line) not in used]
    return fresh(unused or [*LINES["follow"]["any"], *LINES["open"]["small"], *LINES["follow"]["free"]], used, chance)


def _back(fact: Fact) -> str:
    """The topic under which the person can come back to a fact, empty when there is none."""
    return next((topic for topic in fact.topics if topic in LINES["back"]), "")


def _safe(person: Character, dialogue: Dialogue, chance: random.Random) -> str:
    """A message that gives nothing away and was not sent before; numbered days are the last resort."""
    sent: Sequence[str] = dialogue.users
    secrets = {fact.keywords for fact in (*person.facts, *person.beliefs)}
    pool = [*LINES["follow"]["any"], *LINES["open"]["empty"], *LINES["open"]["small"], *LINES["follow"]["free"]]
    chance.shuffle(pool)
    for line in pool:
        spoken = stems(line)
        if line not in sent and not any(keywords <= spoken for keywords in secrets):
            return line
    return f"So, {len(sent)} messages in, and I still like talking to you."


# What the person says to the other's last words.

_QUESTIONS = tuple(
    (re.compile(pattern, re.I), group)
    for pattern, group in (
        (r"what(?:'s| is) it like|what(?:'s| is) that like|what was (?:it|that) like", "like"),
        (r"what (?:got|made) you|how did you (?:come|get|end|start)|how did (?:it|that) (?:start|come)", "start"),
        (r"\b(?:best|favourite)\b|like most|enjoy most", "best"),
        (r"first thing you do", "morning"), (r"switch off", "off"), (r"rather be", "rather"),
        (r"good day look", "good_day"), (r"what happen", "happened"),
        (r"what (?:will|would) you|what are you going", "plan"),
        (r"\bwhen (?:do|will|did|is)\b", "when"),
        (r"will you|get to\b|(?:find|have|be|make) (?:the )?time|any time", "time"),
        (r"are you still|do you still|still\b.*\bgoing", "still"),
        (r"would\b.*\b(?:help|do)|couldn't|isn't it time|does it help", "would"),
        (r"did(?:n't)? you (?:say|tell|mention)|you (?:said|told|mentioned)|aren't you|right\?", "said"),
        (r"(?:what|how) (?:did|does|do|would|will) your", "others"),
        (r"\bhow long|since when", "how_long"), (r"\bhow often", "how_often"), (r"\bhow\b", "how"), (r"\bwhy\b", "why"),
        (r"\bwho\b", "who"), (r"\bwhere\b", "where"), (r"\bwh(?:at|ich)\b", "what"),
    )
)  # fmt: skip
_SYMPATHY = re.compile(
    r"sorry to hear|bad luck|hope (?:it|you|that|tomorrow)|fingers crossed|look after yourself", re.I
)
_STALE = re.compile(
    r"many people|a (?:great|good|nice) way|important|takes (?:time|patience|some)|these days|in general|everybody has"
    r"|always (?:nice|good|helps|a good)|can be (?:a lot|very|hard|tiring|tricky)",
    re.I,
)


def reaction(known: Sequence[Fact], dialogue: Dialogue, used: str, chance: random.Random) -> tuple[str, bool]:
    """What to say first, or nothing; and whether it answers a question."""
    if not dialogue.lines or dialogue.lines[-1][0] != "assistant":
        return "", False
    reply = dialogue.lines[-1][1]
    recalled = bool(mentions(revealed(known, dialogue.users[:-1]), reply))
    asked = _asked(reply)
    if asked:
        kind = _kind(asked)
        if kind == "said" and not recalled:
            kind = "unsure"
        answer = fresh(LINES["react"][kind], used, chance) if chance.random() < ANSWERS else ""
        if answer and recalled and kind not in ("said", "others") and chance.random() < 0.3:
            return f"{fresh(LINES['react']['remembered'], used, chance)} {answer}".strip(), True
        return answer, True
    if recalled and chance.random() < NOTICES:
        return fresh(LINES["react"]["remembered"], used, chance), False
    if _SYMPATHY.search(reply):
        return (fresh(LINES["react"]["thanks"], used, chance) if chance.random() < THANKS else ""), False
    touched = bool(stems(reply) & stems(dialogue.last)) or set(topics(reply)) & set(topics(dialogue.last))
    if _STALE.search(reply):
        return (fresh(LINES["react"]["cool"], used, chance) if chance.random() < SHRUGS else ""), False
    if not touched:
        return (fresh(LINES["react"]["missed"], used, chance) if chance.random() < MISSES else ""), False
    return (fresh(LINES["react"]["engaged"], used, chance) if chance.random() < AGREES else ""), False


def _asked(reply: str) -> str:
    """The reply's last question, where it comes near the end."""
    return next((part for part in reversed(sentences(fold(reply))[-2:]) if part.rstrip().endswith("?")), "")


def _kind(question: str) -> str:
    return next((group for pattern, group in _QUESTIONS if pattern.search(question)), "yes_no")
