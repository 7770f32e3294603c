"""The Inducer: which parts of a persona the person's own messages give away. Extractive, and silent when in doubt."""

import json

from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.evidence import wordings
from i2a.simulator.persona.facts import facts
from i2a.simulator.persona.style import shown, traits


def infer(profile: str, personality: str, dialogue: Dialogue) -> str:
    """The JSON answer: facts that the messages reveal, and traits that showed in two messages or by a clear marker."""
    messages = dialogue.users
    facts_shown = wordings(facts(profile), messages)
    manner = shown_traits(personality, messages)
    reason = "; ".join(_because(facts_shown, manner)) or "The User has said nothing about these things yet"
    return json.dumps({"reason": reason + ".", "profile": facts_shown, "personality": manner}, ensure_ascii=False)


def shown_traits(personality: str, messages: tuple[str, ...]) -> tuple[str, ...]:
    """The traits whose own style was seen: a marker of three words counts twice, and two points are needed."""
    points: dict[str, int] = {}
    for message in messages:
        for name, length in shown(message).items():
            points[name] = points.get(name, 0) + (2 if length >= 3 else 1)
    found: dict[str, str] = {}
    for trait in traits(personality):
        for name in trait.shown_by[:1]:
            if points.get(name, 0) >= 2:
                # One trait per style: the same signs cannot prove two.
                found.setdefault(name, trait.text)
    return tuple(dict.fromkeys(found.values()))


def _because(facts_shown: tuple[str, ...], manner: tuple[str, ...]) -> list[str]:
    parts = []
    if facts_shown:
        parts.append(f"The User's own words give away {_listed(facts_shown[-2:])}")
    if manner:
        parts.append(
            f"the way the User writes shows {_listed(manner[-2:])}"
            if parts
            else f"The way the User writes shows {_listed(manner[-2:])}"
        )
    return parts


def _listed(parts: tuple[str, ...]) -> str:
    return " and ".join(f"'{part}'" for part in parts)
