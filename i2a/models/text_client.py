"""The base of our model clients: text in, text out. What AutoGen wants of a client beyond that stands here, once."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal

from autogen_core import CancellationToken
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

WINDOW = 128_000  # tokens; assumed, for no protocol tells
INFO = ModelInfo(
    vision=False, function_calling=False, json_output=True, structured_output=True, family=ModelFamily.UNKNOWN
)


class TextClient(ChatCompletionClient):
    """Subclasses define `answer`. Tools and images raise `ValueError`; there are no streams, see `create_stream`."""

    component_type = "model"

    def __init__(self) -> None:
        self._spent = RequestUsage(0, 0)

    async def answer(self, messages: Sequence[LLMMessage], args: Mapping[str, Any]) -> CreateResult:
        """One answer; `args` has OpenAI's names, among them `seed` and `response_format`. Raises `ModelError`."""
        raise NotImplementedError

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """The model's reply. `extra_create_args` win over everything else. Raises `ModelError`."""
        if tools:
            raise ValueError(f"{type(self).__name__} does not call tools")
        args = dict(extra_create_args)
        if json_output:
            chosen = {"type": "json_object"} if json_output is True else response_format(json_output)
            args.setdefault("response_format", chosen)
        call = self.answer(messages, args)
        if cancellation_token is None:
            result = await call
        else:
            result = await cancellation_token.link_future(asyncio.ensure_future(call))
        spent, usage = self._spent, result.usage
        self._spent = RequestUsage(
            spent.prompt_tokens + usage.prompt_tokens, spent.completion_tokens + usage.completion_tokens
        )
        return result

    async def create_stream(
        self, messages: Sequence[LLMMessage], **options: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        """The whole reply as one chunk, then the result.

        We do not stream: a reply is used only when it is complete, a stream that breaks midway is paid and lost, and
        servers differ in whether a stream tells the usage.
        """
        result = await self.create(messages, **options)
        yield str(result.content)
        yield result

    def describe(self) -> Mapping[str, Any]:
        """A local model's `fingerprint`, and what else its string leaves open; nothing for any other."""
        return {}

    async def close(self) -> None:
        """Nothing is open."""

    def actual_usage(self) -> RequestUsage:
        return self._spent

    def total_usage(self) -> RequestUsage:
        return self._spent

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return sum(estimate_tokens(as_json(message)["content"]) for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return max(0, WINDOW - self.count_tokens(messages))

    @property
    def model_info(self) -> ModelInfo:
        return INFO

    @property
    def capabilities(self) -> Any:
        """Deprecated by AutoGen, still abstract there."""
        return self.model_info


def estimate_tokens(text: str) -> int:
    """4 characters a token, roughly: tokenizers differ per model, and tiktoken downloads its tables."""
    return max(1, len(text) // 4)


def as_json(message: LLMMessage) -> dict[str, str]:
    """A message as `{"role", "content"}`. Raises `ValueError` for images and function calls."""
    match message:
        case SystemMessage():
            role = "system"
        case UserMessage():
            role = "user"
        case AssistantMessage():
            role = "assistant"
        case _:
            raise ValueError(f"i2a models take text, not a {type(message).__name__}")
    parts = [message.content] if isinstance(message.content, str) else message.content
    if not all(isinstance(part, str) for part in parts):
        raise ValueError("i2a models take text only, no images and no function calls")
    return {"role": role, "content": "\n".join(map(str, parts))}


@functools.cache
def response_format(answer: type[BaseModel]) -> dict[str, Any]:
    """`answer` as a strict `json_schema` response format; do not change the result, it is shared."""
    schema = _strict(answer.model_json_schema())
    return {"type": "json_schema", "json_schema": {"name": answer.__name__, "schema": schema, "strict": True}}


def _strict(schema: Any) -> Any:
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
