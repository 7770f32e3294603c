"""The body of a chat request: parameters from a model string, and what a server does not take left out."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from i2a.errors import UsageError

NUMBERS = {"temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty"}
NUMBERS |= {"max_tokens", "max_completion_tokens", "seed", "timeout"}
OTHER_NAMES = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


def param_value(name: str, text: str) -> Any:
    """A parameter of a model string: a number, a truth value or JSON where it reads as one. Raises `UsageError`."""
    for kind in (int, float):
        try:
            number = kind(text)
            if math.isfinite(number):
                return number
        except (ValueError, OverflowError):
            continue
    if name in NUMBERS:
        raise UsageError(f"model parameter {name}={text}: not a number")
    if text[:1] in ("{", "[", '"') or text in ("true", "false", "null"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"model parameter {name}={text[:80]}: not JSON: {error}") from None
    return text


def merged_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """`a.b` put into `a`, and the fields of `extra_body` (the openai package's word) beside the others."""
    body: dict[str, Any] = {}
    for name, value in params.items():
        if name == "extra_body":
            if not isinstance(value, dict):
                raise UsageError("model parameter extra_body: not a JSON object")
            body |= value
            continue
        *groups, last = name.split(".")
        inner = body
        for group in groups:
            inner = inner.setdefault(group, {})
            if not isinstance(inner, dict):
                raise UsageError(f"model parameter {name}: {group} has a value of its own")
        inner[last] = value
    return body


def without(body: Mapping[str, Any], refused: Collection[str]) -> dict[str, Any]:
    """`body` less what is refused. A limit of tokens has a second name, and a system message another place."""
    left = {name: value for name, value in body.items() if name not in refused}
    for name, other in OTHER_NAMES.items():
        if name in refused and name in body and other not in refused:
            left[other] = body[name]
    if "system" in refused:
        left["messages"] = _merged_system(body["messages"])
    return left


def _merged_system(messages: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """A leading system message as the beginning of the first user message, or as one before the first reply."""
    said = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [message for message in messages if message["role"] != "system"]
    if rest and rest[0]["role"] == "user":
        return [{"role": "user", "content": f"{said}\n\n{rest[0]['content']}"}, *rest[1:]]
    return [{"role": "user", "content": said}, *rest]
