"""Conversations between the engine's own roles, over hand-made personas and through the real prompts."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

import pytest

from i2a.models.model import Message
from i2a.simulator.engine import answer

PROMPTS = Path(__file__).parents[3] / "agents"
PERSONAS = {
    "blunt": (
        "Marek is a 58-year-old plumber. He lives alone with a tortoise called Otto and repairs "
        "old radios in his cellar. "
        "He hates parties and has a daughter in Lisbon. He enjoys fishing and strong coffee. He used to box.",
        "He is blunt and impatient. He is a man of few words.",
    ),
    "shy": (
        "She works in a library and sings alto in a church choir. She has a younger brother who is deaf. "
        "She is learning sign language, lives above a bakery and has two goldfish named Salt and "
        "Pepper. She enjoys knitting.",
        "- very shy\n- gentle\n- anxious in crowds",
    ),
    "sarcastic": (
        "You are a 31-year-old comedian. You share a flat with three nurses. You have a broken bicycle and collect bad "
        "souvenirs. You play the accordion and you grew up on an island. You love cooking and crossword puzzles.",
        "You are sarcastic, quick-witted and never sentimental.",
    ),
    "bubbly": (
        "Name: Ines\nJob: baker\nHobbies: surfing, chess, gardening\n- two cats named Pixel and "
        "Scribble\n- hates Mondays\n"
        "- lives in a houseboat\n- has a twin sister",
        "bubbly and talkative, easily bored",
    ),
    "formal": (
        "I am an engineer and I have an old sailing boat. I love astronomy, chess and strong coffee. My wife is a vet. "
        "I was born in Oslo. I teach evening classes at a school.",
        "I am formal and precise.",
    ),
}


def prompt(name: str, **values: str) -> tuple[str, str]:
    """The instructions and the final request of a prompt, filled in."""
    instructions, _, request = (PROMPTS / f"{name}.txt").read_text(encoding="utf-8").partition("\n---\n")
    return Template(instructions).safe_substitute(values), Template(request).safe_substitute(values)


def transcript(lines: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{speaker}: {' '.join(text.split())}" for speaker, text in lines)


def speak(profile: str, personality: str, lines: Sequence[tuple[str, str]], seed: int = 0) -> str:
    """The next message of the person, after `lines` of (User | Assistant, text)."""
    system, opening = prompt("user", profile=profile, personality=personality)
    said = [Message("assistant" if speaker == "User" else "user", text) for speaker, text in lines]
    return answer([Message("system", system), Message("user", opening), *said], seed=seed)


def infer(profile: str, personality: str, lines: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    system, request = prompt("inducer", profile=profile, personality=personality, dialogue=transcript(lines))
    inference: dict[str, list[str]] = json.loads(answer([Message("system", system), Message("user", request)], seed=0))
    return inference


def hint(inference: dict[str, list[str]]) -> str:
    parts = []
    for heading, key in (("Profile:", "profile"), ("Personality:", "personality")):
        if inference[key]:
            parts += [heading, *(f"- {entry}" for entry in inference[key])]
    return "\n".join(parts) or "(nothing yet)"


def reply(lines: Sequence[tuple[str, str]], known: str | None = None, seed: int = 0) -> str:
    system, _ = prompt("responder")
    if known is not None:
        system += "\n\n" + prompt("hint", known=known)[0]
    said = [Message("user" if speaker == "User" else "assistant", text) for speaker, text in lines]
    return answer([Message("system", system), *said], seed=seed)


def judge(
    profile: str, personality: str, lines: Sequence[tuple[str, str]], first: str, second: str, seed: int = 0
) -> Literal["1", "2"]:
    system, request = prompt(
        "judge", profile=profile, personality=personality, dialogue=transcript(lines), first=first, second=second
    )
    winner: Literal["1", "2"] = json.loads(answer([Message("system", system), Message("user", request)], seed=seed))[
        "winner"
    ]
    return winner


@dataclass(frozen=True)
class Turn:
    message: str
    inference: dict[str, list[str]]
    informed: str
    generic: str
    before: tuple[tuple[str, str], ...]
    """The lines up to and with the message."""


def converse(profile: str, personality: str, *, seed: int, turns: int = 10) -> list[Turn]:
    """A whole chat in which either reply may go on."""
    chance = random.Random(seed)
    lines: list[tuple[str, str]] = []
    made = []
    for _ in range(turns):
        lines.append(("User", speak(profile, personality, lines, chance.getrandbits(31))))
        inference = infer(profile, personality, lines)
        informed = reply(lines, hint(inference), chance.getrandbits(31))
        generic = reply(lines, None, chance.getrandbits(31))
        made.append(Turn(lines[-1][1], inference, informed, generic, tuple(lines)))
        lines.append(("Assistant", chance.choice((informed, generic))))
    return made


@dataclass(frozen=True)
class Chats:
    """Finished chats by persona name, four seeds each, and the functions that made them."""

    turns: dict[str, list[list[Turn]]]
    speak: Callable[..., str] = speak
    infer: Callable[..., dict[str, list[str]]] = infer
    reply: Callable[..., str] = reply
    judge: Callable[..., Literal["1", "2"]] = judge
    converse: Callable[..., list[Turn]] = converse
    hint: Callable[..., str] = hint

    def messages(self) -> list[str]:
        return [turn.message for chats in self.turns.values() for chat in chats for turn in chat]

    def replies(self) -> list[str]:
        all_turns = [turn for chats in self.turns.values() for chat in chats for turn in chat]
        return [turn.informed for turn in all_turns] + [turn.generic for turn in all_turns]


@pytest.fixture(scope="session")
def personas() -> dict[str, tuple[str, str]]:
    return PERSONAS


@pytest.fixture(scope="session")
def chats() -> Chats:
    return Chats({name: [converse(*persona, seed=seed) for seed in range(4)] for name, persona in PERSONAS.items()})


@pytest.fixture(scope="session")
def published() -> dict[str, list[str]]:
    """The published pools beside the checkout; the tests that need them skip where they are absent."""
    folder = Path(__file__).parents[4] / "shared" / "aloe"
    if not folder.exists():
        pytest.skip(f"the published pools are not at {folder}")
    return {name: _strings(folder / f"{name}.jsonl") for name in ("profile", "personality")}


def _strings(path: Path) -> list[str]:
    text, at, found = path.read_text(encoding="utf-8"), 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = json.JSONDecoder().raw_decode(text, at)
        found.append(value)
    return found
