"""The offline engine as a model client: the model string `offline`, or `offline:NAME` for one fixed behaviour.

`offline?values=seen` and `offline?values=unseen` are Persona Writers for training and for a test: their places, names,
work, pastimes and so on have no entry in common.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self, get_args

from autogen_core import Component
from autogen_core.models import CreateResult, LLMMessage, RequestUsage
from pydantic import BaseModel

from i2a.errors import UsageError
from i2a.models.model import Message
from i2a.models.text_client import TextClient, as_json, estimate_tokens
from i2a.simulator import engine
from i2a.simulator.parts.writer_markup import Values


class OfflineConfig(BaseModel):
    """The behaviour, empty for the whole engine, which has no state but the seed of each call; and its `values`."""

    name: str = ""
    values: Values = "all"


class OfflineClient(TextClient, Component[OfflineConfig]):
    """Answers at once, in this process."""

    component_config_schema = OfflineConfig
    component_provider_override = "i2a.simulator.client.OfflineClient"

    def __init__(self, name: str = "", values: Values = "all") -> None:
        super().__init__()
        self._config = OfflineConfig(name=name, values=values)
        self._answer = partial(engine.answer, values=values) if values != "all" else engine.named(name)

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: dict[str, str]) -> Self:
        if not url and not name and params.keys() == {"values"} and params["values"] in get_args(Values):
            return cls(values=params["values"])  # type: ignore[arg-type]
        if url or params:
            raise UsageError(
                "the offline engine takes no URL, and no parameter but the values of its Persona Writer; write "
                "offline, offline?values=seen or offline?values=unseen"
            )
        return cls(name)

    async def answer(self, messages: Sequence[LLMMessage], args: Mapping[str, Any]) -> CreateResult:
        chat = [Message(**as_json(message)) for message in messages]  # type: ignore[arg-type]
        schema = args.get("response_format", {}).get("json_schema", {}).get("schema")
        text = self._answer(chat, seed=args.get("seed", 0), schema=schema)
        usage = RequestUsage(sum(estimate_tokens(message.content) for message in chat), estimate_tokens(text))
        return CreateResult(finish_reason="stop", content=text, usage=usage, cached=False)

    def _to_config(self) -> OfflineConfig:
        return self._config

    @classmethod
    def _from_config(cls, config: OfflineConfig) -> Self:
        return cls(config.name, config.values)
