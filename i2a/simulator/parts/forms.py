"""Answers to a JSON schema of some other role: extractive, and negative unless the dialogue shows otherwise."""

import json
import random
from collections.abc import Mapping
from typing import Any

from i2a.simulator.language.text import lexicon, rng, stems
from i2a.simulator.parts.prompt_parser import PromptTask
from i2a.simulator.persona.evidence import wordings
from i2a.simulator.persona.facts import Fact, facts

_AFFIRMATIVE = lexicon("affirmative")
_NEGATIVE = lexicon("negative")


def fill(schema: Mapping[str, Any], task: PromptTask, *, seed: int) -> str:
    """A valid JSON document of the schema, in the schema's order of properties."""
    chance = rng("form", seed, task.dialogue.last)
    return json.dumps(_value(schema, schema, task, chance, depth=0), ensure_ascii=False)


def _value(
    node: Mapping[str, Any], root: Mapping[str, Any], task: PromptTask, chance: random.Random, *, depth: int
) -> Any:
    node = _resolve(node, root)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return _choice(list(node["enum"]), task, chance)
    for key in ("anyOf", "oneOf", "allOf"):
        if node.get(key):
            return _value(node[key][0], root, task, chance, depth=depth)
    kind = node.get("type", "object" if "properties" in node else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return (
            {
                name: _value(part, root, task, chance, depth=depth + 1)
                for name, part in node.get("properties", {}).items()
            }
            if depth < 6
            else {}
        )
    if kind == "array":
        return _array(node, root, task, chance, depth=depth)
    if kind in ("integer", "number"):
        return _number(node, kind, chance)
    return _evident(task) if kind == "boolean" else None if kind == "null" else _sentence(node, task)


def _resolve(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a local `$ref`."""
    target: Any = node
    for _ in range(8):
        if "$ref" not in target:
            break
        path = str(target["$ref"]).removeprefix("#/").split("/")
        target = root
        for part in path:
            target = target[part]
    return target if isinstance(target, Mapping) else {}


def _choice(choices: list[Any], task: PromptTask, chance: random.Random) -> Any:
    named = {str(choice).lower(): choice for choice in choices}
    yes = next((named[name] for name in named if name in _AFFIRMATIVE), None)
    no = next((named[name] for name in named if name in _NEGATIVE), None)
    if yes is not None and no is not None:
        return yes if _evident(task) else no
    return chance.choice(choices)


def _array(
    node: Mapping[str, Any], root: Mapping[str, Any], task: PromptTask, chance: random.Random, *, depth: int
) -> list[Any]:
    items = _resolve(node.get("items", {}), root)
    least, most = int(node.get("minItems", 0)), int(node.get("maxItems", 20))
    if items.get("type", "string") == "string" and "enum" not in items:
        found: list[Any] = list(wordings(_facts(task), task.dialogue.users))[:most]
        return found + [_sentence(items, task)] * (least - len(found))
    return (
        [_value(items, root, task, chance, depth=depth + 1) for _ in range(max(least, min(1, most)))]
        if depth < 6
        else []
    )


def _number(node: Mapping[str, Any], kind: str, chance: random.Random) -> int | float:
    low = node.get("minimum", node.get("exclusiveMinimum", 0) + (1 if "exclusiveMinimum" in node else 0))
    high = node.get("maximum", node.get("exclusiveMaximum", low + 11) - (1 if "exclusiveMaximum" in node else 0))
    return (
        chance.randint(int(low), max(int(low), int(high)))
        if kind == "integer"
        else round(chance.uniform(low, max(low, high)), 2)
    )


def _sentence(node: Mapping[str, Any], task: PromptTask) -> str:
    """What the person said last, cut to the length that the schema allows."""
    text = " ".join(task.dialogue.users[-2:]) or "Nothing has been said yet."
    most = int(node.get("maxLength", 400))
    return text[:most].ljust(int(node.get("minLength", 0)), ".")


def _facts(task: PromptTask) -> tuple[Fact, ...]:
    return tuple(
        fact for tag, text in task.system.items() for fact in facts(text, "profile" if tag == "profile" else "belief")
    )


def _evident(task: PromptTask) -> bool:
    """Whether the person's own words show what the system prompt holds in tags: most of its content words."""
    keywords = frozenset[str]().union(*(fact.keywords for fact in _facts(task)))
    spoken = frozenset[str]().union(*(stems(text) for text in task.dialogue.users))
    return bool(keywords) and len(keywords & spoken) >= 0.6 * len(keywords)
