"""What a model is to i2a: messages in, one completion out. It knows no role, no journal and no framework.

A kind of model is a class under a name in the entry-point group `i2a.models`, see `docs/plugins.md`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Self

from i2a.errors import UsageError

ChatRole = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One message of a chat."""

    role: ChatRole
    content: str


class Completion(NamedTuple):
    """A model's answer to one call.

    `finish_reason` as in OpenAI's protocol: "stop", "length", "content_filter", "unknown"; "stop_string" if it went on
    past its end and was cut there. No tokens: nobody counted them. `estimated`: they are estimates of ours.
    """

    content: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False


class Price(NamedTuple):
    """US dollars for a million tokens."""

    prompt: float
    completion: float


FREE = Price(0.0, 0.0)


class Model(ABC):
    """Text in, text out. A subclass needs `complete`, and `from_spec` to be opened by a model string."""

    structured_output: bool = True
    """Whether it takes a JSON schema under the parameter `response_format`; else it is only asked for JSON in words."""

    keeps_cut: bool = False
    """Whether an answer that was cut at its limit of tokens is one; else it is asked for again, and then an error."""

    host: str = ""
    """Where the server is, if there is one."""

    notes: Sequence[str] = ()
    """What came out about the server while it was called, for the user and the manifest."""

    simulated: bool = False
    """Whether rules answer, and no language model. Settled once `prepare` has returned."""

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        """The model that `KIND:NAME[@URL][?PARAM=VALUE&...]` names. Raises `UsageError`."""
        raise UsageError(f"{cls.__name__} cannot be opened by a model string")

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        """What such a model costs, told without opening it; None if nobody knows."""
        return None

    @abstractmethod
    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        """One answer; `parameters` have OpenAI's names, among them `seed` and `response_format`. Raises `ModelError`.

        It tries once: retries, pacing, budget and journal belong to `i2a.models.call`.
        """

    def for_role(self, role: str) -> "Model":
        """The model as the role of this name calls it: itself, unless it treats roles differently."""
        return self

    async def prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """Called once in the event loop, before the first call."""

    async def probe(self) -> None:
        """`prepare` for a run, which waits and tries again while this raises `Unreachable`: there is no server yet."""
        await self.prepare()

    def price(self) -> Price | None:
        """What this model costs; None if nobody knows."""
        return None

    def describe(self) -> Mapping[str, Any]:
        """A local model's `fingerprint`, and what else its string leaves open; nothing for any other."""
        return {}

    async def close(self) -> None:  # noqa: B027
        """Nothing is open."""


def estimate_tokens(text: str) -> int:
    """4 characters a token, roughly: tokenizers differ per model."""
    return max(1, len(text) // 4)
