"""The model that is being trained, as a model that answers: on the weights as they are, and keeping what it drew.

Knows no training: it is made around a model of transformers that is in memory, and a chat template.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic import BaseModel, Field, model_validator

from i2a.errors import MalformedResponse
from i2a.models.local.batching import Row
from i2a.models.local.client import HFConfig, HFModel

if TYPE_CHECKING:
    from i2a.models.local.template import ChatTemplate


class TokenSample(NamedTuple):
    """One answer as it was drawn. `reply`: its tokens, with the one that ended it, if one did.

    `logprobs`: of each of them, in nats, of the model's whole distribution at `temperature`: that the reply may not
    begin with its end, or what top-p leaves out, is not taken into account.
    """

    prompt: list[int]
    reply: list[int]
    logprobs: list[float]
    temperature: float

    def dump(self) -> str:
        """As one line of JSON; nine digits give every number of 32 bits back."""
        return json.dumps(self._asdict() | {"logprobs": [float(f"{value:.9g}") for value in self.logprobs]})

    @classmethod
    def load(cls, text: str) -> Self:
        return cls(**json.loads(text))


class PolicyModel(HFModel):
    """A model in memory that answers in batches. `identity`: what its weights are; default: a digest of all of them.

    `settings`: those of `HFConfig`; an answer is drawn, at a temperature above 0. What it computed for earlier calls is
    of the weights of that time: make another `PolicyModel` once they have changed.
    """

    keeps_samples = True

    def __init__(self, model: Any, template: "ChatTemplate", *, identity: str | None = None, **settings: Any) -> None:
        from i2a.models.local.loading import around

        config = HFConfig(**{"name": "policy", "temperature": 1.0, **settings})
        if not config.temperature:
            raise ValueError("a policy draws its answers: its temperature is above 0")
        self._config = config
        self._open(around(model, template, identity or digest_of_weights(model)))
        self._today = config.date or template.today

    def _sample(self, prompt: Sequence[int], row: Row) -> str:
        return TokenSample(list(prompt), row.written, row.logprobs, row.temperature).dump()


class ServedPolicyModel(PolicyModel):
    """A policy whose answers a vLLM server draws, which has the same weights at the time.

    `url`: of the server, without `/v1`; `served`: the model's name there. The server must give log-probabilities at the
    sampling temperature (`--logprobs-mode processed_logprobs`). The model in memory says what a prompt's tokens are.
    """

    in_process = False

    def __init__(self, model: Any, template: "ChatTemplate", url: str, served: str, **settings: Any) -> None:
        from i2a.models.openai import OpenAIModel

        super().__init__(model, template, **settings)
        self._served, self._server = served, OpenAIModel(served, base_url=f"{url.rstrip('/')}/v1")

    async def _generate(self, row: Row) -> None:
        """Raises what `OpenAIModel.send` raises, and `MalformedResponse`."""
        asked = {
            "model": self._served,
            "prompt": row.ids,
            "max_tokens": row.limit,
            "stop_token_ids": self._loaded.stops,
            "temperature": row.temperature,
            "top_p": row.top_p,
            "top_k": 0,  # else that of the checkpoint's generation_config, like the two that follow
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "seed": row.seed,
            "logprobs": 0,
            "return_token_ids": True,
        }
        reply = await self._server.send("POST", "/completions", json.dumps(asked).encode())
        try:
            [drawn] = DrawnReplies.model_validate_json(reply.body).choices
        except ValueError as error:
            raise MalformedResponse(f"{self}: no tokens with their log-probabilities: {error!s:.200}") from None
        row.ids += drawn.token_ids
        row.logprobs += drawn.logprobs.token_logprobs
        row.end = "length" if drawn.finish_reason == "length" else "stop"

    async def close(self) -> None:
        await self._server.close()
        await super().close()


class TokenLogprobs(BaseModel):
    """Of each token that was drawn, in nats."""

    token_logprobs: list[float]


class DrawnReply(BaseModel):
    """A choice of vLLM's `/v1/completions` with `return_token_ids`."""

    token_ids: list[int] = Field(min_length=1)
    logprobs: TokenLogprobs
    finish_reason: str

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if len(self.token_ids) != len(self.logprobs.token_logprobs):
            raise ValueError("as many log-probabilities as tokens are wanted")
        return self


class DrawnReplies(BaseModel):
    """The body of such an answer."""

    choices: list[DrawnReply] = Field(min_length=1, max_length=1)


def digest_of_weights(model: Any) -> str:
    """16 hex digits of all weights, bit by bit; of those that an adapter trains, only these."""
    import torch

    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    whole = blake2b(digest_size=8)
    for name, weight in sorted((trained or dict(model.named_parameters())).items()):
        whole.update(name.encode())
        whole.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy())
    return whole.hexdigest()


@contextmanager
def answering(model: Any) -> Iterator[None]:
    """Meanwhile the model answers instead of being trained: no dropout, and attention of a kind that it generates with.

    What it had comes back, also the settings with which a checkpoint generates.
    """
    training, settings, attention = model.training, model.generation_config, model.config._attn_implementation
    model.eval()
    if attention == "flex_attention":  # of packed trees; generation has its own masks
        model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        if attention == "flex_attention":
            model.set_attn_implementation(attention)
        model.generation_config = settings
        model.train(training)
