"""Prompts: text files beside the roles, filled by safe substitution."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Self

from i2a.digests import digest
from i2a.errors import UsageError

GUILLEMETS = str.maketrans("<>", "\u2039\u203a")
TAG = re.compile(r"<\s*/?\s*(\w+)\s*/?\s*>")


@dataclass(frozen=True)
class Prompt:
    """Instructions with `$names`, optionally followed by a line `---` and a request.

    The instructions are sent as the system message, the request as a user message. A request with `$dialogue` shows
    the dialogue as a transcript; without `$dialogue`, the dialogue follows the request as chat messages. `$$` is a
    dollar sign; any other `$` without a name raises `ValueError`.
    """

    text: str

    def __post_init__(self) -> None:
        for place in Template.pattern.finditer(self.text):
            if place["invalid"] is not None:
                near = self.text[place.start() :][:20].partition("\n")[0]
                raise ValueError(f"a prompt has a $ before no name, at {near!r}; write $$ for a dollar sign")

    @classmethod
    def beside(cls, module: str, *names: str) -> Self:
        """The text files `names`, joined, from the folder of `module` (its `__file__`)."""
        folder = Path(module).parent
        return cls("\n\n".join((folder / name).read_text("utf-8").strip() for name in names))

    @cached_property
    def _parts(self) -> tuple["_Part", "_Part | None"]:
        instructions, line, request = self.text.partition("\n---\n")
        return _Part(instructions.strip(), self.tags), _Part(request.strip(), self.tags) if line else None

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that must be filled in."""
        return frozenset(Template(self.text).get_identifiers())

    @cached_property
    def shows_dialogue(self) -> bool:
        request = self._parts[1]
        return request is not None and "dialogue" in request.names

    @cached_property
    def own_texts(self) -> tuple[str, ...]:
        """What stands in the prompt between the names, whatever they are filled with."""
        fixed = re.split(r"\n---\n|<\s*/?\s*\w+\s*/?\s*>", Template.pattern.sub("\x00", self.text))
        return tuple(text.strip() for part in fixed for text in part.split("\x00") if text.strip())

    @cached_property
    def tags(self) -> frozenset[str]:
        """The names of its tags, in lower case."""
        return frozenset(tag.lower() for tag in TAG.findall(self.text))

    @property
    def fingerprint(self) -> str:
        return digest(self.text)

    def instructions(self, values: Mapping[str, str]) -> str:
        """Raises `UsageError` for a name without a value."""
        return self._parts[0].fill(values)

    def request(self, values: Mapping[str, str]) -> str | None:
        request = self._parts[1]
        return None if request is None else request.fill(values)


class _Part:
    """Text with `$names`."""

    def __init__(self, text: str, tags: frozenset[str]) -> None:
        self.template, self.tags = Template(text), tags
        self.names = tuple(self.template.get_identifiers())

    def fill(self, values: Mapping[str, str]) -> str:
        try:
            return self.template.substitute({name: harmless(values[name], self.tags) for name in self.names})
        except KeyError as missing:
            known = ", ".join(f"${name}" for name in sorted({*values, "dialogue"}))
            raise UsageError(f"a prompt uses ${missing.args[0]}, which has no value; the values are: {known}") from None


def harmless(value: str, tags: frozenset[str]) -> str:
    """`value` with every tag of the prompt made harmless: a value must not close the tag around it or open another."""

    def defuse(tag: re.Match[str]) -> str:
        return tag[0].translate(GUILLEMETS) if tag[1].lower() in tags else tag[0]

    return TAG.sub(defuse, value) if "<" in value else value
