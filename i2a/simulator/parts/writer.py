"""Writes a batch of profiles or personalities: what the offline engine answers to a Persona Writer. Pure and seeded."""

from collections.abc import Sequence

from i2a.models.model import Message
from i2a.simulator.language.text import rng
from i2a.simulator.parts.prompt_parser import blocks
from i2a.simulator.parts.writer_personality import personality
from i2a.simulator.parts.writer_profile import profile
from i2a.simulator.parts.writer_values import Values

__all__ = ["asks_for_personas", "write"]

_KINDS = ("profile", "personality")
_MOST = 1000  # texts in one answer


def asks_for_personas(system: str) -> bool:
    """Whether a system prompt asks for new profiles or personalities: it names the kind, and how many."""
    found = blocks(system)
    return found.get("kind") in _KINDS and found.get("count", "").isdecimal()


def write(messages: Sequence[Message], *, seed: int, values: Values = "all") -> str:
    """A numbered list of as many texts as the prompt asks for, none of them twice, none of the prompt's examples.

    The same prompt and seed give the same list in every process; another seed gives another list. `values`: from which
    of them the facts of profiles are drawn; traits have no parts.
    Raises `ValueError` for a prompt that does not ask for personas.
    """
    system = "\n".join(message.content for message in messages if message.role == "system")
    if not asks_for_personas(system):
        raise ValueError("the prompt names no <kind> (profile or personality) or no <count>")
    given = blocks(system)
    wanted = min(int(given["count"]), _MOST)
    seen = {line.removeprefix("- ").strip() for line in given.get("examples", "").splitlines()}
    texts: list[str] = []
    chance = rng("writer", given["kind"], seed, system)
    while len(texts) < wanted:
        text = profile(chance, values).text if given["kind"] == "profile" else personality(chance).text
        if text not in seen:
            seen.add(text)
            texts.append(text)
    return "\n".join(f"{place}. {text}" for place, text in enumerate(texts, 1))
