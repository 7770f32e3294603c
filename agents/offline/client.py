"""The offline engine as a model client: the model string `offline`, or `offline:NAME` for one fixed behaviour."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from autogen_core import Component
from autogen_core.models import CreateResult, LLMMessage, RequestUsage
from pydantic import BaseModel

from agents.offline import candidates
from agents.offline.reading import Message
from i2a.errors import UsageError
from i2a.models.text_client import TextClient, as_json, estimate_tokens


class OfflineConfig(BaseModel):
    """The behaviour, empty for the whole engine, which has no state but the seed of each call."""

    name: str = ""


class OfflineClient(TextClient, Component[OfflineConfig]):
    """Answers at once, in this process."""

    component_config_schema = OfflineConfig
    component_provider_override = "agents.offline.client.OfflineClient"

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._name, self._answer = name, candidates.named(name)

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: dict[str, str]) -> Self:
        if url or params:
            raise UsageError("the offline engine takes no URL or parameters; write just: offline")
        return cls(name)

    async def answer(self, messages: Sequence[LLMMessage], args: Mapping[str, Any]) -> CreateResult:
        chat = [Message(**as_json(message)) for message in messages]  # type: ignore[arg-type]
        schema = args.get("response_format", {}).get("json_schema", {}).get("schema")
        text = self._answer(chat, seed=args.get("seed", 0), schema=schema)
        usage = RequestUsage(sum(estimate_tokens(message.content) for message in chat), estimate_tokens(text))
        return CreateResult(finish_reason="stop", content=text, usage=usage, cached=False)

    def _to_config(self) -> OfflineConfig:
        return OfflineConfig(name=self._name)

    @classmethod
    def _from_config(cls, config: OfflineConfig) -> Self:
        return cls(config.name)
