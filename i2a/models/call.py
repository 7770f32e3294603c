"""The one wrapper under every model: journal, retry, concurrency, seed, usage and budget of each call.

A role has a `RoleModel`, which is a `Model` like any other; it knows nothing of journal, retries or budget.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NoReturn, Protocol

from i2a.errors import AccessDenied, I2AError, RateLimited, Retryable, RunStopped, Unreachable, UsageError
from i2a.models.limiter import Limiter
from i2a.models.model import Completion, Message, Model
from i2a.models.usage import UsageTracker

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds


class AnswerStore(Protocol):
    """What a call needs of the journal, `i2a.runs.journal.Journal`."""

    def answers(self, tree: str, /) -> dict[bytes, Completion]:
        """All stored answers of a tree, by request key."""
        ...

    async def write(self, tree: str, key: bytes, role: str, model: str, completion: Completion, /) -> None:
        """Return once the answer is on disk."""
        ...


class InFlight:
    """How many requests are in flight, and whether further ones may start. `stop` lets those in flight finish."""

    def __init__(self) -> None:
        self.count = 0
        self.stopped: I2AError | None = None
        self.drained = asyncio.Event()

    def stop(self, reason: I2AError) -> None:
        self.stopped = self.stopped or reason
        if not self.count:
            self.drained.set()

    async def suspend(self) -> NoReturn:
        """Wait until the runner cancels the conversation: raising would cancel requests in its other branches."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a suspended call is never woken")

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1
        if self.stopped and not self.count:
            self.drained.set()


class Endpoint:
    """A model under one limit and one number of retries for all who call it. `name`: its model string."""

    def __init__(self, name: str, model: Model, *, max_calls: int, retries: int) -> None:
        self.name, self.model, self.retries = name, model, retries
        self.limiter = Limiter(max_calls)


@dataclass(slots=True)
class RequestKeys:
    """The requests of one tree so far, and the stored answers of earlier sessions: equal requests get equal answers.

    `attempt` counts how often the tree has failed before; a repeated request then must not get the old answer.
    """

    tree: str
    seed: int
    store: AnswerStore
    attempt: int = 0
    answers: dict[bytes, Completion] = field(init=False)
    asked: Counter[bytes] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.answers = self.store.answers(self.tree)

    def next(
        self, role: str, model: str, messages: Sequence[Message], parameters: Mapping[str, Any]
    ) -> tuple[bytes, int]:
        """The key of the next such request, and its seed. The seed does not depend on the model that is called."""
        request = blake2b(f"{self.seed}\x1e{role}".encode(), digest_size=16)
        parts = [part for role, content in messages for part in (KEY_NAMES[role], content)]
        request.update("\x1e".join(parts).encode())
        digest = request.digest()
        sample = self.asked[digest]
        self.asked[digest] += 1
        if sample:
            request.update(f"\x1e{sample}\x1e{self.attempt}".encode())
            digest = request.digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        request.update(f"\x1e{model}\x1e{dict(parameters)!r}".encode())
        return request.digest(), seed


# How a chat role is written in a request key. From version 0.1: stored journals contain such keys.
KEY_NAMES = {"system": "SystemMessage", "user": "UserMessage", "assistant": "AssistantMessage"}


class RoleModel(Model):
    """A model as called by one role of one tree."""

    def __init__(
        self, role: str, endpoint: Endpoint, keys: RequestKeys, tracker: UsageTracker, in_flight: InFlight
    ) -> None:
        self._role, self._endpoint, self._keys = role, endpoint, keys
        self._model = endpoint.model.for_role(role)
        self._tracker, self._in_flight = tracker, in_flight
        self._usage = tracker.usage[role, endpoint.name]
        self.structured_output = endpoint.model.structured_output
        self.simulated = endpoint.model.simulated

    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        """One answer, from the journal if it is stored there. Raises `ModelError`.

        If the whole run must stop (budget, access, disk), it does not return: the runner cancels the tree.
        """
        endpoint, in_flight = self._endpoint, self._in_flight
        key, seed = self._keys.next(self._role, endpoint.name, messages, parameters)
        if (stored := self._keys.answers.get(key)) is not None:
            self._usage.replayed += 1
            return stored
        parameters = {"seed": seed, **parameters}
        failures = 0
        while True:
            try:
                async with endpoint.limiter as limiter:
                    if in_flight.stopped:
                        await in_flight.suspend()
                    self._tracker.check()
                    try:
                        with in_flight:
                            completion = await self._model.complete(messages, parameters)
                            self._tracker.add(self._role, endpoint.name, completion)
                            await self._keys.store.write(self._keys.tree, key, self._role, endpoint.name, completion)
                    except Retryable as error:
                        if isinstance(error, RateLimited | Unreachable) or error.retry_after:
                            limiter.overloaded(error.retry_after)
                        raise
                    limiter.succeeded()
                    return completion
            except Retryable as error:
                self._usage.retries += 1
                failures += 1
                if failures > endpoint.retries:
                    raise
                wait = backoff(failures) if error.retry_after is None else error.retry_after
            except (AccessDenied, RunStopped, UsageError) as reason:
                in_flight.stop(reason)
                await in_flight.suspend()
            await asyncio.sleep(wait)


def backoff(failures: int) -> float:
    """Seconds before the next try: random, up to a bound that doubles with each failure (AWS's "full jitter")."""
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1)))
