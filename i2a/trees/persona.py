"""A persona, the simulated user: an id and named fields.

Two of them are those of the paper: the profile holds the facts about them, the personality how they talk. The others
are whatever else is known, such as `age` or `language`; prompts can name all of them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from i2a.digests import digest

Kind = Literal["profile", "personality"]
KINDS: tuple[Kind, ...] = ("profile", "personality")
LANGUAGE = "language"  # the field that says in which language they write


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
    """A profile, a personality and further `fields`, JSON values by name. Any of these may be empty.

    Empty ids are filled: those of the halves from their texts, `id` from theirs and from the fields. A half without a
    text has the id of the persona, so that two people of whom nothing is known are not taken for one.
    """

    id: str
    profile: str = ""
    personality: str = ""
    profile_id: str = ""
    personality_id: str = ""
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        told = f"f-{digest(json.dumps(self.fields, sort_keys=True), 5)}" if self.fields else ""
        halves = {
            kind: getattr(self, f"{kind}_id") or (content_id(kind, text) if (text := getattr(self, kind)) else "")
            for kind in KINDS
        }
        own = self.id or "+".join(filter(None, [*halves.values(), told])) or "nobody"
        object.__setattr__(self, "id", own)
        object.__setattr__(self, "profile_id", halves["profile"] or own)
        object.__setattr__(self, "personality_id", halves["personality"] or own)

    @property
    def unknown(self) -> bool:
        """Whether nothing is known of them, as where a scenario uses no persona."""
        return not (self.profile or self.personality or self.fields)

    @property
    def language(self) -> str:
        """The language that they write, in the words of their file; empty if it does not say."""
        return as_text(self.fields.get(LANGUAGE, "")).strip()

    @property
    def values(self) -> dict[str, str]:
        """All fields by name, as texts for prompts."""
        further = {name: as_text(value) for name, value in self.fields.items()}
        return further | {"profile": self.profile, "personality": self.personality}


def as_text(value: object) -> str:
    """A JSON value as it stands in a prompt or a table: a list as its parts, `yes` and `no`, nothing for null."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(as_text, value))
        case dict():
            return "; ".join(f"{name}: {as_text(part)}" for name, part in value.items())
        case _:
            return str(value)
