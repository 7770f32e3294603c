"""A pydantic class as the response format that makes a model answer in its form."""

import functools

from pydantic import BaseModel

from i2a.jsonl import JsonObject


@functools.cache
def response_format(answer: type[BaseModel]) -> JsonObject:
    """`answer` as a strict `json_schema` response format; do not change the result, it is shared."""
    schema = _strict(answer.model_json_schema())
    return {"type": "json_schema", "json_schema": {"name": answer.__name__, "schema": schema, "strict": True}}


def _strict(schema: object) -> object:
    """`schema` as OpenAI's strict mode wants it: closed objects, every property required, no defaults, bare `$ref`s."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and "$defs" not in schema:
        return {"$ref": schema["$ref"]}
    strict = {key: _strict(value) for key, value in schema.items() if key != "default"}
    if "properties" in schema and schema.get("type") == "object":
        strict["properties"] = {name: _strict(value) for name, value in schema["properties"].items()}
        strict |= {"additionalProperties": False, "required": list(schema["properties"])}
    return strict
