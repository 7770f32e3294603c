"""Answers to a JSON schema of some other role: extractive, and negative unless the dialogue shows otherwise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from i2a.jsonl import JsonMapping
from i2a.simulator.language.text import lexicon, rng, stems
from i2a.simulator.parts.prompt_parser import PromptTask
from i2a.simulator.persona.evidence import wordings
from i2a.simulator.persona.facts import Fact, facts

_AFFIRMATIVE = lexicon("affirmative")
_NEGATIVE = lexicon("negative")
_DEEPEST = 6  # levels of objects and arrays

Schema = JsonMapping


def fill(schema: Schema, task: PromptTask, *, seed: int) -> str:
    """A valid JSON document of the schema, in the schema's order of properties."""
    filler = _Filler(schema, task, rng("form", seed, task.dialogue.last))
    return json.dumps(filler.value(schema, 0), ensure_ascii=False)


@dataclass(frozen=True)
class _Filler:
    """Fills the nodes of the schema `root`, one after the other."""

    root: Schema
    task: PromptTask
    chance: Random

    def value(self, node: Schema, depth: int) -> object:
        node = self.resolve(node)
        if "const" in node:
            return node["const"]
        if "enum" in node:
            return self.choice(list(node["enum"]))
        for key in ("anyOf", "oneOf", "allOf"):
            if node.get(key):
                return self.value(node[key][0], depth)
        kind = node.get("type", "object" if "properties" in node else "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            parts = node.get("properties", {}) if depth < _DEEPEST else {}
            return {name: self.value(part, depth + 1) for name, part in parts.items()}
        if kind == "array":
            return self.array(node, depth)
        if kind in ("integer", "number"):
            return self.number(node, kind)
        return self.evident() if kind == "boolean" else None if kind == "null" else self.sentence(node)

    def resolve(self, node: Schema) -> Schema:
        """Follow a local `$ref`."""
        target: Any = node
        for _ in range(8):
            if "$ref" not in target:
                break
            path = str(target["$ref"]).removeprefix("#/").split("/")
            target = self.root
            for part in path:
                target = target[part]
        return target if isinstance(target, Mapping) else {}

    def choice(self, choices: list[object]) -> object:
        named = {str(choice).lower(): choice for choice in choices}
        yes = next((named[name] for name in named if name in _AFFIRMATIVE), None)
        no = next((named[name] for name in named if name in _NEGATIVE), None)
        if yes is not None and no is not None:
            return yes if self.evident() else no
        return self.chance.choice(choices)

    def array(self, node: Schema, depth: int) -> list[object]:
        items = self.resolve(node.get("items", {}))
        least, most = int(node.get("minItems", 0)), int(node.get("maxItems", 20))
        if items.get("type", "string") == "string" and "enum" not in items:
            found = list[object](wordings(self.facts(), self.task.dialogue.users))[:most]
            return found + [self.sentence(items)] * (least - len(found))
        count = max(least, min(1, most)) if depth < _DEEPEST else 0
        return [self.value(items, depth + 1) for _ in range(count)]

    def number(self, node: Schema, kind: str) -> int | float:
        low = node.get("minimum", node.get("exclusiveMinimum", 0) + (1 if "exclusiveMinimum" in node else 0))
        high = node.get("maximum", node.get("exclusiveMaximum", low + 11) - (1 if "exclusiveMaximum" in node else 0))
        if kind == "integer":
            return self.chance.randint(int(low), max(int(low), int(high)))
        return round(self.chance.uniform(low, max(low, high)), 2)

    def sentence(self, node: Schema) -> str:
        """What the person said last, cut to the length that the schema allows."""
        text = " ".join(self.task.dialogue.users[-2:]) or "Nothing has been said yet."
        return text[: int(node.get("maxLength", 400))].ljust(int(node.get("minLength", 0)), ".")

    def facts(self) -> tuple[Fact, ...]:
        """The facts that the system prompt holds in tags."""
        tags = self.task.system.items()
        return tuple(fact for tag, text in tags for fact in facts(text, "profile" if tag == "profile" else "belief"))

    def evident(self) -> bool:
        """Whether the person's own words show these facts: most of their content words."""
        keywords = frozenset[str]().union(*(fact.keywords for fact in self.facts()))
        spoken = frozenset[str]().union(*(stems(text) for text in self.task.dialogue.users))
        return bool(keywords) and len(keywords & spoken) >= 0.6 * len(keywords)
