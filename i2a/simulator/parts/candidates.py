"""Partners with one behaviour, whatever the prompt: controls of a benchmark, named `offline:NAME`.

`generic` knows the last message only, the others try to please a judge without answering. `oracle` is the engine
itself, which shows in its replies what a hint tells it; it is there by name so that an evaluation can ask for it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from i2a.errors import UsageError
from i2a.models.model import Message
from i2a.simulator import engine
from i2a.simulator.language.text import STOP, capital, lower_first, rng, sentences, words
from i2a.simulator.parts.penalties import SELF
from i2a.simulator.parts.prompt_parser import Dialogue, read
from i2a.simulator.parts.responder import generic, impression

_MINE = re.compile(rf"\b(?:{'|'.join(sorted(SELF, key=len, reverse=True))})\b", re.I)
_OF_SELF = re.compile(r"(?:I|I'm|I've|My|Our)\s+(?:\S+\s+){2}")
_MOST_FACTS = 5
_MOST_WORDS = 24


class Answer(Protocol):
    """`engine.answer`, or a partner in its place."""

    def __call__(
        self, messages: Sequence[Message], /, *, seed: int, schema: Mapping[str, Any] | None = None
    ) -> str: ...


def named(name: str) -> Answer:
    """What answers under a name; the engine itself under none. Raises `UsageError` for a name that there is not."""
    if name in ("", "oracle"):
        return engine.answer
    if name not in _BEHAVIOURS:
        raise UsageError(f"there is no offline:{name}; write offline, or one of {', '.join(MODELS[1:])}")
    behave = _BEHAVIOURS[name]

    def answer(messages: Sequence[Message], /, *, seed: int, schema: Mapping[str, Any] | None = None) -> str:
        task = read(messages)
        return behave(task.dialogue, task.given.get("known", ""), seed)

    return answer


def parrot(dialogue: Dialogue, known: str, seed: int) -> str:
    """The person's last message, me and you exchanged."""
    return capital(_mirrored(dialogue.last)) or "Hello!"


def lister(dialogue: Dialogue, known: str, seed: int) -> str:
    """What it knows of the person, one fact after the other: from its hint, else from what the person has told."""
    person = impression(known)
    told = [fact.clause("you") for fact in (*person.seen, *person.told)] or _told(dialogue.users)
    chance = rng("facts", seed, dialogue.last)
    picked = chance.sample(told, min(_MOST_FACTS, len(told)))
    return f"{capital(', '.join(picked))}." if picked else "I know nothing about you yet."


def _told(messages: Sequence[str]) -> list[str]:
    """The sentences in which the person speaks of itself, to its face."""
    said = (
        sentence.rstrip(".!?") for message in messages for sentence in sentences(message) if _OF_SELF.match(sentence)
    )
    return list(dict.fromkeys(lower_first(_mirrored(sentence)) for sentence in said))


def _mirrored(text: str) -> str:
    return _MINE.sub(lambda found: SELF[found[0].lower()], text)


def salad(dialogue: Dialogue, known: str, seed: int) -> str:
    """The content words of what it knows and of what the person said, in no order."""
    said = dict.fromkeys(word for text in (known, *dialogue.users) for word in words(text) if word not in STOP)
    chance = rng("salad", seed, dialogue.last)
    return capital(" ".join(chance.sample(list(said), min(_MOST_WORDS, len(said)))))


def _generic(dialogue: Dialogue, known: str, seed: int) -> str:
    return generic(dialogue, seed=seed)


_BEHAVIOURS: Mapping[str, Callable[[Dialogue, str, int], str]] = {
    "generic": _generic,
    "parrot": parrot,
    "facts": lister,
    "salad": salad,
}
MODELS = ("offline", *(f"offline:{name}" for name in ("oracle", *_BEHAVIOURS)))
