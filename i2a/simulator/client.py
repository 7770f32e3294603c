"""The offline engine as a model: the model string `offline`, or `offline:NAME` for one fixed behaviour.

`offline?values=seen` and `offline?values=unseen` are Persona Writers for training and for a test: their places, names,
work, pastimes and so on have no entry in common.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self, cast, get_args

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping
from i2a.models.model import FREE, Completion, Message, Model, Price, estimate_tokens
from i2a.simulator import engine
from i2a.simulator.parts.writer_markup import Values


class OfflineModel(Model):
    """Answers at once, in this process, by rules. It has no state but the seed of each call."""

    simulated = True
    in_process = True
    stateless = True

    def __init__(self, name: str = "", values: Values = "all") -> None:
        self._answer = partial(engine.answer, values=values) if values != "all" else engine.named(name)

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        if not url and not name and params.keys() == {"values"} and params["values"] in get_args(Values):
            return cls(values=cast(Values, params["values"]))
        if url or params:
            raise UsageError(
                "the offline engine takes no URL, and no parameter but the values of its Persona Writer; write "
                "offline, offline?values=seen or offline?values=unseen"
            )
        return cls(name)

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        return FREE

    def price(self) -> Price | None:
        return FREE

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        schema = parameters.get("response_format", {}).get("json_schema", {}).get("schema")
        text = self._answer(messages, seed=parameters.get("seed", 0), schema=schema)
        return Completion(text, "stop", sum(estimate_tokens(m.content) for m in messages), estimate_tokens(text))
