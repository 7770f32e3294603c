"""The interface of a model: messages in, one completion out. It knows no role, no journal and no framework.

A kind of model is a class under a name in the entry-point group `i2a.models`, see `docs/plugins.md`.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping

if TYPE_CHECKING:
    from i2a.models.batch import BatchService

ChatRole = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One message of a chat."""

    role: ChatRole
    content: str


class Completion(NamedTuple):
    """A model's answer to one call.

    `finish_reason` as in OpenAI's protocol: "stop", "length", "content_filter", "unknown"; "stop_string" if it went on
    past its end and was cut there. No tokens: nobody counted them. `estimated`: they are estimates of ours. Of the
    prompt's tokens, `cached_tokens` were read from the provider's cache, and `written_tokens` written into it.
    `sample`: the tokens that were drawn, where they are kept, see `i2a.models.local.policy`. `batched`: it came in a
    batch, which costs half.
    """

    content: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False
    cached_tokens: int = 0
    written_tokens: int = 0
    sample: str = ""
    batched: bool = False


REPLIES = "replies"  # the parameter of a call that asks for the likelihoods of replies instead of a reply


# The parameter of a call that limits the tokens of an answer where neither the model string nor the user does. It goes
# only to a model that `limits_answers`, is not part of a call's key, and a model that thinks first may pass it over.
DEFAULT_MAX_TOKENS = "default_max_tokens"


class Likelihood(NamedTuple):
    """The log-probability of a reply, in nats, with what the chat template closes it with; and over how many tokens."""

    logprob: float
    tokens: int


class Price(NamedTuple):
    """US dollars for a million tokens.

    `cached`, `written`: for those of a prompt that are read from the provider's cache, or written into it. None where
    nobody says: they then cost what any other token of a prompt costs.
    """

    prompt: float
    completion: float
    cached: float | None = None
    written: float | None = None


FREE = Price(0.0, 0.0)


class Model(ABC):
    """Text in, text out. A subclass needs `complete`, and `from_spec` to be opened by a model string."""

    structured_output: bool = True
    """Whether it accepts a JSON schema as the parameter `response_format`; if not, only the prompt asks for JSON."""

    keeps_cut: bool = False
    """Whether an answer that was cut at its limit of tokens is one; else it is asked for again, and then an error."""

    limits_answers: bool = False
    """Whether it takes the parameter `DEFAULT_MAX_TOKENS`."""

    @property
    def context(self) -> int | None:
        """How many tokens a prompt and its answer may have together, as far as that is known by now."""
        return None

    host: str = ""
    """Where the server is, if there is one."""

    notes: Sequence[str] = ()
    """What came out about the server while it was called, for the user and the manifest."""

    simulated: bool = False
    """Whether it is a rule-based simulator and not a language model. Valid once `prepare` has returned."""

    in_process: bool = False
    """Whether i2a itself draws the words, so that nobody but the sampler sees the seed of a call."""

    stateless: bool = False
    """Whether an answer follows from the call alone, without weights, a connection or a limit, so that every process of
    a run may open one of its own."""

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        """The model that `KIND:NAME[@URL][?PARAM=VALUE&...]` names. Raises `UsageError`."""
        raise UsageError(f"{cls.__name__} cannot be opened by a model string")

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        """The price of such a model, without opening it; None if unknown."""
        return None

    @abstractmethod
    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """One answer; `parameters` have OpenAI's names, among them `seed` and `response_format`. Raises `ModelError`.

        It tries once: retries, rate limits, budget and journal are in `i2a.models.call`.
        """

    @classmethod
    def scores_replies(cls, params: Mapping[str, str]) -> bool:
        """Whether a model of this kind, opened with these parameters, has `likelihoods`; told without opening it."""
        return False

    async def likelihoods(self, messages: Sequence[Message], replies: Sequence[str]) -> list[Likelihood]:
        """How likely each of `replies` is as the answer to `messages`. Raises `ModelError`.

        It is a call like any other, journal and budget included: `complete` gets the replies as the parameter
        `REPLIES`, and answers with the numbers as JSON.
        """
        completion = await self.complete(messages, {REPLIES: list(replies)})
        return [Likelihood(*pair) for pair in json.loads(completion.content)]

    def for_role(self, role: str) -> "Model":
        """The model for the role of this name: itself, unless it treats roles differently."""
        return self

    def batches(self) -> "BatchService | None":
        """The provider's interface for calls that nobody waits for; None if it has none that we know."""
        return None

    async def prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """Called once in the event loop, before the first call."""

    async def probe(self) -> None:
        """`prepare` for a run, which waits and tries again while this raises `Unreachable`: there is no server yet."""
        await self.prepare()

    def price(self) -> Price | None:
        """The price of this model; None if unknown."""
        return None

    def describe(self) -> Mapping[str, object]:
        """For the manifest: a local model's `fingerprint` and resolved settings; empty for any other model."""
        return {}

    def resume(self, described: JsonMapping) -> None:  # noqa: B027
        """Called once, before the first call, with what `describe` said when the run began."""

    async def close(self) -> None:  # noqa: B027
        """Nothing is open."""


def estimate_tokens(text: str) -> int:
    """A rough count, 4 characters per token: tokenizers differ per model."""
    return max(1, len(text) // 4)
