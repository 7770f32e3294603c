"""The one wrapper under every model: journal, retry, concurrency, seed, usage and budget of each call.

A role holds a `RoleClient` and sees a plain AutoGen `ChatCompletionClient`; it knows nothing of what happens here.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, NoReturn

from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo, RequestUsage
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from i2a.errors import AccessDenied, I2AError, RateLimited, Retryable, RunStopped, Unreachable, UsageError
from i2a.models.limiter import Limiter
from i2a.models.text_client import TextClient
from i2a.models.usage import Count, Meter
from i2a.runs.journal import Journal, Reply

SPELLED: dict[int, tuple[Mapping[str, Any], str]] = {}
BACKOFF = wait_random_exponential(multiplier=0.5, max=30)


class Traffic:
    """Whether further calls may go out, and how many are out. `stop` lets those that are out come home."""

    def __init__(self) -> None:
        self.out = 0
        self.stopped: I2AError | None = None
        self.landed = asyncio.Event()

    def stop(self, reason: I2AError) -> None:
        self.stopped = self.stopped or reason
        if not self.out:
            self.landed.set()

    async def park(self) -> NoReturn:
        """Wait until the runner takes the conversation down: to raise would cancel the calls of its branches."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a parked call is never woken")

    def __enter__(self) -> None:
        self.out += 1

    def __exit__(self, *_: object) -> None:
        self.out -= 1
        if self.stopped and not self.out:
            self.landed.set()


class Endpoint:
    """A model's own client, under one retry policy and one limit for all who call it."""

    def __init__(self, model: str, client: ChatCompletionClient, *, max_calls: int, retries: int) -> None:
        self.model, self.client, self.limiter = model, client, Limiter(max_calls)
        self._retrying = AsyncRetrying(
            retry=retry_if_exception_type(Retryable), stop=stop_after_attempt(retries + 1), wait=_wait, reraise=True
        )

    async def ask(self, send: Callable[[], Awaitable[CreateResult]], count: Count) -> CreateResult:
        """What `send` gives in the end. Raises `ModelError` once retries are used up or would not help.

        `send` is called whenever it is this call's turn; `count` counts the retries.
        """
        try:
            return await self._attempt(send, count)
        except Retryable as error:
            failures: list[Retryable] = [error]

        async def again() -> CreateResult:
            if failures:  # tenacity costs a third of a call, so it comes in only once something has failed
                raise failures.pop()
            return await self._attempt(send, count)

        return await self._retrying(again)

    async def _attempt(self, send: Callable[[], Awaitable[CreateResult]], count: Count) -> CreateResult:
        async with self.limiter:
            try:
                result = await send()
            except Retryable as error:
                count.retries += 1
                if isinstance(error, RateLimited | Unreachable) or error.retry_after:
                    self.limiter.overloaded(error.retry_after)
                raise
            self.limiter.succeeded()
            return result


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Retryable) and error.retry_after is not None:
        return error.retry_after
    return BACKOFF(state)


@dataclass(slots=True)
class Ledger:
    """What one tree has asked so far, and what earlier sessions were answered: equal calls get equal answers.

    `attempt` counts how often the tree has failed before; where a role asks again, it must not get the old answer.
    """

    tree: str
    seed: int
    journal: Journal
    attempt: int = 0
    answers: dict[bytes, Reply] = field(init=False)
    asked: Counter[bytes] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.answers = self.journal.answers(self.tree)

    def call(self, role: str, model: str, messages: Sequence[LLMMessage], args: Mapping[str, Any]) -> tuple[bytes, int]:
        """The key of the next such call, and its seed. The seed does not depend on the model that is called."""
        request = blake2b(f"{self.seed}\x1e{role}".encode(), digest_size=16)
        parts: list[str] = []
        for message in messages:
            parts += (message.type, str(message.content))
        request.update("\x1e".join(parts).encode())
        digest = request.digest()
        sample = self.asked[digest]
        self.asked[digest] += 1
        if sample:
            request.update(f"\x1e{sample}\x1e{self.attempt}".encode())
            digest = request.digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        request.update(f"\x1e{model}\x1e{spelled(args)}".encode())
        return request.digest(), seed


def spelled(args: Mapping[str, Any]) -> str:
    """`repr(args)`, kept for the few that come with every call: the response formats of roles."""
    known = SPELLED.get(id(args))
    if known is not None and known[0] is args:
        return known[1]
    text = repr(args)
    if len(SPELLED) < 64:
        SPELLED[id(args)] = (args, text)  # held, so that nothing else gets its id
    return text


class RoleClient(TextClient):
    """A model as one role of one tree calls it."""

    def __init__(self, role: str, endpoint: Endpoint, ledger: Ledger, meter: Meter, traffic: Traffic) -> None:
        self._role, self._endpoint, self._ledger = role, endpoint, ledger
        self._meter, self._traffic = meter, traffic
        self._count = meter.counts[role, endpoint.model]

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
        """One answer, from the journal if it was given before. Raises `ModelError`.

        Where the whole run must stop (budget, access, disk), it does not return: the runner takes the tree down.
        """
        if tools or json_output is not None:
            raise ValueError("roles ask for text, and for structure through extra_create_args['response_format']")
        key, seed = self._ledger.call(self._role, self._endpoint.model, messages, extra_create_args)
        reply = self._ledger.answers.get(key)
        if reply is None:
            return await self._pay(key, messages, {"seed": seed, **extra_create_args})
        self._count.replayed += 1
        return CreateResult(
            finish_reason=reply.finish_reason,
            content=reply.content,
            usage=RequestUsage(prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens),
            cached=False,
        )

    async def _pay(self, key: bytes, messages: Sequence[LLMMessage], args: Mapping[str, Any]) -> CreateResult:
        traffic, model = self._traffic, self._endpoint.model

        async def send() -> CreateResult:
            if traffic.stopped:
                await traffic.park()
            self._meter.check()
            with traffic:
                result = await self._endpoint.client.create(messages, extra_create_args=args)
                usage = result.usage
                reply = Reply(str(result.content), result.finish_reason, usage.prompt_tokens, usage.completion_tokens)
                self._meter.paid(self._role, model, reply)
                await self._ledger.journal.write(self._ledger.tree, key, self._role, model, reply)
                return result

        try:
            return await self._endpoint.ask(send, self._count)
        except (AccessDenied, RunStopped, UsageError) as reason:
            traffic.stop(reason)
            await traffic.park()

    def actual_usage(self) -> RequestUsage:
        return RequestUsage(self._count.prompt_tokens, self._count.completion_tokens)

    total_usage = actual_usage

    @property
    def model_info(self) -> ModelInfo:
        return self._endpoint.client.model_info
