"""Partners with one behaviour, whatever the prompt: controls of a benchmark, named `offline:NAME`.

`generic` knows the last message only, the others try to please a judge without answering.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from i2a.simulator.language.text import STOP, capital, lower_first, rng, sentences, words
from i2a.simulator.parts.penalties import SELF
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.parts.responder import generic, impression, informed

_MINE = re.compile(rf"\b(?:{'|'.join(sorted(SELF, key=len, reverse=True))})\b", re.I)
_OF_SELF = re.compile(r"(?:I|I'm|I've|My|Our)\s+(?:\S+\s+){2}")
_MOST_FACTS = 5
_MOST_WORDS = 24


def echo(dialogue: Dialogue, known: str, seed: int) -> str:
    """The person's last message, me and you exchanged."""
    return capital(_mirrored(dialogue.last)) or "Hello!"


def fact_list(dialogue: Dialogue, known: str, seed: int) -> str:
    """What it knows of the person, one fact after the other: from its hint, else from the person's messages."""
    person = impression(known)
    facts = [fact.clause("you") for fact in (*person.revealed, *person.described)] or _self_descriptions(dialogue.users)
    chance = rng("facts", seed, dialogue.last)
    picked = chance.sample(facts, min(_MOST_FACTS, len(facts)))
    return f"{capital(', '.join(picked))}." if picked else "I know nothing about you yet."


def word_salad(dialogue: Dialogue, known: str, seed: int) -> str:
    """The content words of what it knows and of what the person said, in no order."""
    content = dict.fromkeys(word for text in (known, *dialogue.users) for word in words(text) if word not in STOP)
    chance = rng("salad", seed, dialogue.last)
    return capital(" ".join(chance.sample(list(content), min(_MOST_WORDS, len(content)))))


def _self_descriptions(messages: Sequence[str]) -> list[str]:
    """The sentences in which the person speaks of itself, to its face."""
    found = (part.rstrip(".!?") for message in messages for part in sentences(message) if _OF_SELF.match(part))
    return list(dict.fromkeys(lower_first(_mirrored(sentence)) for sentence in found))


def _mirrored(text: str) -> str:
    return _MINE.sub(lambda found: SELF[found[0].lower()], text)


def answering(dialogue: Dialogue, known: str, seed: int) -> str:
    """The engine's own reply: with what it knows of the person, if anything."""
    return informed(known, dialogue, seed=seed) if known else generic(dialogue, seed=seed)


CONTROLS: Mapping[str, Callable[[Dialogue, str, int], str]] = {
    "generic": lambda dialogue, known, seed: generic(dialogue, seed=seed),
    "parrot": echo,
    "facts": fact_list,
    "salad": word_salad,
}
