"""Adapters between our models and AutoGen's clients. Below the roles, only this file imports AutoGen.

`AutoGenModel` makes any `ChatCompletionClient` a model of ours; `ModelClient` wraps any model of ours for AutoGen.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, Literal, Self, cast, get_args

from autogen_core import CancellationToken, Component, ComponentModel
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FinishReasons,
    LLMMessage,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel, ValidationError

from i2a.errors import MalformedResponse, UsageError
from i2a.jsonl import JsonMapping
from i2a.markup import spoken
from i2a.models.autogen_file import CLIENTS, ComponentFile
from i2a.models.model import ChatRole, Completion, Message, Model, Price, estimate_tokens
from i2a.models.reply import library_error, quote, refused_by_library
from i2a.models.response_format import response_format
from i2a.models.spec import ModelSpec
from i2a.validation import problem

WINDOW = 128_000  # tokens; an assumption, as no protocol reports it
ROLES: dict[type, ChatRole] = {SystemMessage: "system", UserMessage: "user", AssistantMessage: "assistant"}


class AutoGenModel(Model):
    """An AutoGen client (OpenAI, Azure, Anthropic, Ollama, Replay, ...) as a model.

    `parameters`: which parameters of a call the client accepts as `extra_create_args`, "seed" for instance; by default
    what is known of its class. The others are dropped, because a client raises on unknown ones; and those that its
    server refuses are, from then on. `file`: where it was read from.
    """

    def __init__(
        self,
        client: ChatCompletionClient,
        parameters: Collection[str] | None = None,
        file: ComponentFile | None = None,
    ) -> None:
        taken = _taken_by(client) if parameters is None else parameters
        self.client, self._parameters, self._file = client, frozenset(taken), file
        self.notes: list[str] = []
        self._secrets = file.secrets if file else ()
        self.structured_output = "response_format" in self._parameters
        self.host = file.host if file else ""

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        """The client that `autogen:FILE.json[?key_env=NAME]` names: what AutoGen's `dump_component` gives, as JSON.

        Only the classes in `autogen_file.CLIENTS` are imported. Without a key in the file, the client's own library
        looks for one in the environment, or the variable of `key_env` holds it. Raises `UsageError`.
        """
        if url or (unknown := sorted(params.keys() - {"key_env"})):
            what = "@URL" if url else f"the parameter {unknown[0]!r}"
            raise UsageError(f"autogen:{name} takes no {what}: all but ?key_env=NAME stands in the file")
        file = ComponentFile.read(name, params.get("key_env"))
        try:
            client = ChatCompletionClient.load_component(ComponentModel(**file.component))
        except ImportError as error:
            raise UsageError(f"{name}: {file.provider} cannot be imported: {error}; install {file.package}") from None
        except ValidationError as error:
            raise UsageError(f"{name}: {problem(error)}") from None
        except Exception as error:  # noqa: BLE001 - their libraries raise all kinds for a key or an address
            reason = quote(str(error), file.secrets)
            raise UsageError(f"{name}: {file.provider} does not open: {type(error).__name__}: {reason}") from None
        return cls(client, file=file)

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        """The list price of the model that the file names, at its provider."""
        return ComponentFile.read(name, params.get("key_env")).list_price()

    def price(self) -> Price | None:
        return self._file.list_price() if self._file else None

    def describe(self) -> JsonMapping:
        return self._file.describe() if self._file else {}

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """Raises `ModelError` for a refusal, a lost connection and an empty reply, else what the client raises."""
        result = await self._create(messages, parameters)
        usage = result.usage
        billed = (usage.prompt_tokens, usage.completion_tokens)
        if not isinstance(result.content, str):
            raise MalformedResponse("the model called tools instead of answering", billed=billed)
        content, _, went_on = spoken(result.content.encode("utf-8", "replace").decode())  # no half of a surrogate pair
        if not content.strip():
            name = type(self.client).__name__
            raise MalformedResponse(f"{name}: an empty reply ({result.finish_reason})", billed=billed)
        reason = "stop_string" if went_on else result.finish_reason
        return Completion(content, reason, usage.prompt_tokens, usage.completion_tokens)

    async def _create(self, messages: Sequence[Message], parameters: JsonMapping) -> CreateResult:
        """The client's result, without the parameters that its server refuses."""
        args = {name: value for name, value in parameters.items() if name in self._parameters}
        try:
            return await self.client.create([_to_autogen(message) for message in messages], extra_create_args=args)
        except Exception as error:
            if name := refused_by_library(error, messages, args):
                self._parameters -= {name}
                self.notes.append(f"{type(self.client).__name__}: the server takes no {name}: it is left out")
            elif failure := library_error(error, self._secrets):
                raise failure from (None if self._secrets else error)
            else:
                raise
        return await self._create(messages, parameters)

    async def close(self) -> None:
        await self.client.close()

    def dump_component(self) -> ComponentModel:
        return self.client.dump_component()


class ModelClientConfig(BaseModel):
    """A model string. It contains no API key; keys are read from the environment."""

    model: str


class ModelClient(ChatCompletionClient, Component[ModelClientConfig]):
    """A model of ours for AutoGen's agents and teams: `ModelClient("openai:gpt-4o-mini")`.

    Text in, text out: tools and images raise `ValueError`. Only one made from a model string can be serialized.
    """

    component_type = "model"
    component_config_schema = ModelClientConfig
    component_provider_override = "i2a.models.autogen.ModelClient"

    def __init__(self, model: str | Model) -> None:
        self._string = model if isinstance(model, str) else None
        self.model = ModelSpec.parse(model).open() if isinstance(model, str) else model
        self._usage = RequestUsage(0, 0)

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, object] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """The model's reply. `extra_create_args` win over everything else. Raises `ModelError`."""
        if tools:
            raise ValueError(f"{type(self.model).__name__} does not call tools")
        parameters = dict(extra_create_args)
        if json_output and self.model.structured_output:
            chosen = {"type": "json_object"} if json_output is True else response_format(json_output)
            parameters.setdefault("response_format", chosen)
        call = asyncio.ensure_future(self.model.complete([_from_autogen(m) for m in messages], parameters))
        if cancellation_token is not None:
            cancellation_token.link_future(call)
        said = await call
        usage = RequestUsage(said.prompt_tokens, said.completion_tokens)
        total = self._usage
        self._usage = RequestUsage(
            total.prompt_tokens + usage.prompt_tokens, total.completion_tokens + usage.completion_tokens
        )
        known = said.finish_reason in get_args(FinishReasons)
        return CreateResult(
            finish_reason=cast(FinishReasons, said.finish_reason) if known else "unknown",
            content=said.content,
            usage=usage,
            cached=False,
        )

    async def create_stream(
        self, messages: Sequence[LLMMessage], **options: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        """The whole reply as one chunk, then the result.

        There is no streaming: a reply is used only when it is complete, and a stream that breaks is paid for and lost.
        """
        result = await self.create(messages, **options)
        yield str(result.content)
        yield result

    async def close(self) -> None:
        await self.model.close()

    def actual_usage(self) -> RequestUsage:
        return self._usage

    def total_usage(self) -> RequestUsage:
        return self._usage

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return sum(estimate_tokens(_from_autogen(message).content) for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return max(0, WINDOW - self.count_tokens(messages))

    @property
    def model_info(self) -> ModelInfo:
        takes = self.model.structured_output
        return ModelInfo(
            vision=False,
            function_calling=False,
            json_output=takes,
            structured_output=takes,
            family=ModelFamily.UNKNOWN,
        )

    @property
    def capabilities(self) -> Any:
        """Deprecated by AutoGen, still abstract there."""
        return self.model_info

    def _to_config(self) -> ModelClientConfig:
        if self._string is None:
            raise ValueError(f"{self.model!r} has no model string, so it cannot be stored")
        return ModelClientConfig(model=self._string)

    @classmethod
    def _from_config(cls, config: ModelClientConfig) -> Self:
        return cls(config.model)


Client = Model | ChatCompletionClient  # what a caller may pass in


def as_model(model: Client) -> Model:
    """Either of the two as a model; a `ModelClient` is unwrapped."""
    if isinstance(model, ModelClient):
        return model.model
    return AutoGenModel(model) if isinstance(model, ChatCompletionClient) else model


def _taken_by(client: ChatCompletionClient) -> frozenset[str]:
    """The parameters that a client of this class accepts; a schema only if its model is said to keep to one."""
    providers = (str(getattr(kind, "component_provider_override", "")) for kind in type(client).__mro__)
    taken = next((CLIENTS[name].takes for name in providers if name in CLIENTS), frozenset[str]())
    return taken if client.model_info.get("structured_output") else taken - {"response_format"}


def _from_autogen(message: LLMMessage) -> Message:
    """Raises `ValueError` for images and function results."""
    if type(message) not in ROLES:
        raise ValueError(f"i2a models take text, not a {type(message).__name__}")
    parts = [message.content] if isinstance(message.content, str) else message.content
    if not all(isinstance(part, str) for part in parts):
        raise ValueError("i2a models take text only, no images and no function calls")
    return Message(ROLES[type(message)], "\n".join(map(str, parts)))


def _to_autogen(message: Message) -> LLMMessage:
    match message.role:
        case "system":
            return SystemMessage(content=message.content)
        case "user":
            return UserMessage(content=message.content, source="user")
        case "assistant":
            return AssistantMessage(content=message.content, source="assistant")
