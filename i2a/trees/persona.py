"""A persona, the simulated user. The profile holds the facts about them, the personality how they talk."""

import json
from dataclasses import dataclass
from typing import Literal

from i2a.digests import digest

Kind = Literal["profile", "personality"]
KINDS: tuple[Kind, ...] = ("profile", "personality")


def clean(text: str) -> str:
    """`text` without surrounding space, and without the JSON quotes that published records may have twice."""
    text = text.strip()
    while len(text) > 1 and text[0] == text[-1] == '"':
        try:
            text = str(json.loads(text, strict=False)).strip()
        except ValueError:
            break
    return text


def content_id(kind: Kind, text: str) -> str:
    """`p-` or `t-` and 10 hex digits of the text: the same text has the same id in any file."""
    return f"{'p' if kind == 'profile' else 't'}-{digest(text, 5)}"


@dataclass(frozen=True, slots=True)
class Persona:
    """A profile and a personality. Empty ids are filled: those of the halves from their texts, `id` from theirs."""

    id: str
    profile: str
    personality: str
    profile_id: str = ""
    personality_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "profile_id", self.profile_id or content_id("profile", self.profile))
        object.__setattr__(self, "personality_id", self.personality_id or content_id("personality", self.personality))
        object.__setattr__(self, "id", self.id or f"{self.profile_id}+{self.personality_id}")
