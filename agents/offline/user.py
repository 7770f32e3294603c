"""The person: an agenda-based user simulator. It works through what it may reveal, comes back to it, and reacts.

The agenda follows from the persona and the first message; `seed` decides only the wording.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from agents.offline import grammar, voice
from agents.offline.evidence import mentions, revealed
from agents.offline.facts import Fact, facts
from agents.offline.reading import Dialogue
from agents.offline.style import styles
from agents.offline.text import (
    capital,
    fixed_part,
    fold,
    fresh,
    lexicon,
    load,
    lower_first,
    rng,
    stems,
    with_article,
    words,
)
from agents.offline.topics import topics

LINES = load("user.toml")
_AGAINST = lexicon("against")
_TRIES = 8
_EVENT = re.compile(
    r"(?:attending|participating|hosting|visiting|going|trying|collecting|taking|volunteering|organizing|exploring)\b"
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
def character(given: tuple[tuple[str, str], ...]) -> Character:
    """The character that the tagged blocks of the prompt describe; unknown tags hold what the person believes."""
    blocks = dict(given)
    beliefs = tuple(
        fact for tag, text in given if tag not in ("profile", "personality") for fact in facts(text, "belief")
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
        if message not in own and message not in person.text and all(fact == move.fact for fact in new):
            return message
    return _safe(person, dialogue, chance)


def plan(person: Character, dialogue: Dialogue, chance: random.Random) -> Move:
    """The next move. Reveals lead at first; from the fourth message on the person comes back to what it has told."""
    own = dialogue.users
    everything = (*person.facts, *person.beliefs)
    told = revealed(everything, own)
    asked = bool(own) and dialogue.lines[-1][1].rstrip().endswith("?")
    agenda = [
        fact
        for fact in _agenda(person, own[0] if own else str(chance.random()))
        if fact not in told and (asked or fact not in person.beliefs)
    ]
    old = [fact for fact in revealed(everything, own[:-1]) if _back(fact)]
    last_topics = topics(own[-1]) if own else ()
    old = [fact for fact in old if fact.topics[0] not in last_topics[:1]]
    turn = len(own)
    draw = chance.random()
    back = 0.0 if turn < 2 or not old else min(0.6, 0.22 + 0.06 * turn)
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
            if pool[later].needs < pool[index].needs:
                pool[index], pool[later] = pool[later], pool[index]
    return pool


def _compose(person: Character, move: Move, dialogue: Dialogue, used: str, chance: random.Random) -> str:
    core = _core(move, used, chance)
    parts = [core]
    if not dialogue.users:
        short = "short" in voice.shape(person.styles)
        if chance.random() < 0.7 and not short:
            parts.insert(0, chance.choice(LINES["open"]["hello"]))
    else:
        reaction = _reaction(person, dialogue, used, chance)
        if reaction:
            parts.insert(0, reaction)
    return voice.say(parts, person.styles, used, chance)


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


def phrase(fact: Fact, used: str, chance: random.Random) -> str:
    """A natural statement that gives the fact away."""
    group, said = _frame(fact)
    lines = LINES["reveal"][group]
    if len(said.split()) > 5 and not group.startswith(("do", "did")):
        # A long phrase reads well only where the sentence ends with it.
        lines = [line for line in lines if line.endswith(("{x}.", "{a}."))] or lines
    line = fresh(lines, used, chance)
    if line.startswith("{X}"):
        said = capital(said)
    filled = voice.fill(voice.fill(line, "{X}", said), "{x}", said)
    if "{a}" in filled:
        filled = filled.replace("{a}", with_article(fact.mine) if not grammar.has_determiner(fact.mine) else fact.mine)
    return grammar.tidy(filled)


def _frame(fact: Fact) -> tuple[str, str]:
    """The group of templates that suits a fact, and the fact as the phrase that goes into it."""
    said = fact.mine
    if fact.kind == "age":
        return ("age_young" if said.isdigit() and int(said) < 32 else "age"), said
    if fact.kind == "job":
        group = "job_retired" if said.startswith("retired") else "job_study" if "student" in said else "job"
        return group, lower_first(said)
    if fact.kind == "state":
        group = "state_" + said.lower().split()[0]
        return (group if group in LINES["reveal"] else "state"), lower_first(said)
    if fact.kind == "like":
        if _EVENT.match(said):
            return "like_event", said
        return ("like_ing" if grammar.is_gerund(said) else "like_noun"), said
    if fact.kind == "have":
        group = "have_" + possession(fact)
        personal = group in ("have_pets", "have_family", "have_home", "have_garden", "have_collecting")
        return group, voice.possessive(said, "my") if personal else said
    if fact.kind in ("do", "am"):
        verb = said.split(" ", 1)[0]
        done = fact.kind == "do" and (verb in ("was", "grew", "moved", "won") or said.startswith(("have ", "used to")))
        if verb in _AGAINST:
            return "do_not", grammar.clause("I", said)
        return ("am", said) if fact.kind == "am" else (("did" if done else "do"), grammar.clause("I", said))
    belief = fact.mine == fact.text
    return ("say" if not belief else "belief"), lower_first(re.sub(r"^I and (my \w+)", r"\1 and I", said))


_HEADS = {kind: stems(" ".join(nouns)) for kind, nouns in load("words.toml")["heads"].items()}


def possession(fact: Fact) -> str:
    """What kind of thing a person has, by the noun before any `named`, `in` or `where`."""
    head = stems(" ".join(words(fact.mine.split(" where ")[0].split(" who ")[0].split(",")[0])[:5]))
    for group, nouns in _HEADS.items():
        if head & nouns and not (group in ("family", "home") and " of " in fact.mine):
            return group
    return "other"


def _reaction(person: Character, dialogue: Dialogue, used: str, chance: random.Random) -> str:
    """What the person says to the other's last words, or nothing."""
    if not dialogue.lines or dialogue.lines[-1][0] != "assistant":
        return ""
    reply = dialogue.lines[-1][1]
    lines = LINES["react"]
    if mentions(revealed(person.facts, dialogue.users[:-1]), reply) and chance.random() < 0.6:
        return fresh(lines["remembered"], used, chance)
    if reply.rstrip().endswith("?") and chance.random() < 0.75:
        return fresh(lines[_question(reply)], used, chance)
    touched = bool(stems(reply) & stems(dialogue.last)) or set(topics(reply)) & set(topics(dialogue.last))
    if not touched and chance.random() < 0.45:
        return fresh(lines["missed"], used, chance)
    return fresh(lines["engaged"], used, chance) if touched and chance.random() < 0.25 else ""


def _question(reply: str) -> str:
    """The kind of the reply's last question."""
    asked = words(fold(reply).replace("!", ".").rsplit(". ", 1)[-1])
    text = " ".join(asked)
    for start, group in (("how long", "how_long"), ("how often", "how_often"), ("how", "how"), ("why", "why"),
                         ("who", "who"), ("where", "where"), ("what", "what"), ("which", "what")):  # fmt: skip
        if f" {start} " in f" {text} ":
            return group
    return "yes_no"


def _safe(person: Character, dialogue: Dialogue, chance: random.Random) -> str:
    """A message that gives nothing away and was not sent before; numbered days are the last resort."""
    known: Sequence[str] = dialogue.users
    held = {fact.needs for fact in (*person.facts, *person.beliefs)}
    pool = [*LINES["follow"]["any"], *LINES["open"]["empty"], *LINES["open"]["small"], *LINES["follow"]["free"]]
    chance.shuffle(pool)
    for line in pool:
        spoken = stems(line)
        if line not in known and not any(needs <= spoken for needs in held):
            return line
    return f"So, {len(known)} messages in, and I still like talking to you."
