"""The one wrapper under every model: journal, retry, concurrency, seed, usage and budget of each call.

A role has a `RoleModel`, which is a `Model` like any other; it knows nothing of journal, retries or budget.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NoReturn, Protocol

from i2a.errors import (
    AccessDenied,
    I2AError,
    MalformedResponse,
    ModelError,
    RateLimited,
    Retryable,
    RunStopped,
    ServerAway,
    TimedOut,
    Unreachable,
    UsageError,
)
from i2a.models.batch import BATCH
from i2a.models.batching import BatchingModel
from i2a.models.limiter import Limiter
from i2a.models.model import DEFAULT_MAX_TOKENS, REPLIES, Completion, Message, Model, estimate_tokens
from i2a.models.usage import UsageTracker

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds
LONGEST_ASKED = 120.0  # seconds that a server may ask for; for more, a run that can be resumed is no place to wait in
LAST_DATE = 1e9  # seconds; a server may ask for more than a calendar has


class AnswerStore(Protocol):
    """What a call needs of the journal, `i2a.runs.journal.Journal`."""

    def answers(self, tree: str, /) -> dict[bytes, Completion]:
        """All stored answers of a tree, by request key."""
        ...

    async def write(self, tree: str, key: bytes, role: str, model: str, completion: Completion, /) -> None:
        """Return once the answer is on disk."""
        ...


class InFlight:
    """How many requests are in flight, and whether further ones may start. `stop` lets those in flight finish.

    `elsewhere`: in how many other processes there may be some, see `hold`.
    """

    def __init__(self) -> None:
        self.count = self.elsewhere = 0
        self.stopped: I2AError | None = None
        self.stopping, self.drained = asyncio.Event(), asyncio.Event()

    def stop(self, reason: I2AError) -> None:
        self.stopped = self.stopped or reason
        self.stopping.set()
        self._settle()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Until then another process may have requests in flight."""
        self.elsewhere += 1
        try:
            yield
        finally:
            self.elsewhere -= 1
            self._settle()

    def _settle(self) -> None:
        if self.stopped and not (self.count or self.elsewhere):
            self.drained.set()

    async def suspend(self) -> NoReturn:
        """Wait until the runner cancels the conversation: raising would cancel requests in its other branches."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a suspended call is never woken")

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1
        self._settle()


class Endpoint:
    """A model under one limit and one number of retries for all who call it. `name`: its model string.

    Where there is no server (`Retryable.down`), and nobody gets an answer meanwhile, no call fails: all of them wait,
    one tries at a time, and after `max_outage` seconds the run stops. 0: a call that finds no server has failed.
    """

    def __init__(self, name: str, model: Model, *, max_calls: int, retries: int, max_outage: float = 600.0) -> None:
        self.name, self.model, self.retries, self.max_outage = name, model, retries, max_outage
        self.slow: str | None = None  # what the first call that took too long said
        self.host = model.host or name
        self._in_batches = isinstance(model, BatchingModel)
        self.limiter = Limiter(max_calls)
        self.answers = 0
        self._down_since: float | None = None
        self._tries = 0

    def keeps_open(self, in_flight: InFlight) -> AbstractContextManager[None]:
        """What a call to the model is counted in: the end of a run waits for what is in flight, but not for a batch."""
        return nullcontext() if self._in_batches else in_flight

    def succeeded(self) -> None:
        self.answers += 1
        self._down_since, self._tries = None, 0
        self.limiter.succeeded()

    def failed(self, error: ModelError, answers: int) -> None:
        """Slow down after a failure of a call; `answers`: how many there were when it began, or failed before."""
        if self.is_away(error, answers):
            self._down_since = asyncio.get_running_loop().time() if self._down_since is None else self._down_since
            self._tries += 1
            self.limiter.pause(backoff(self._tries, error))
            return
        if not isinstance(error, Unreachable):
            self._down_since, self._tries = None, 0
            self.limiter.resume()
        if isinstance(error, RateLimited | Unreachable) or (isinstance(error, Retryable) and error.retry_after):
            self.limiter.overloaded(error.retry_after)

    def is_away(self, error: ModelError, answers: int) -> bool:
        """Whether it is not the call that failed: there is no server, or it hangs, and nobody was answered since.

        A proxy's word for it may be about this one request, and so may silence, unless others wait as well; that
        nobody takes a connection cannot be.
        """
        if not (isinstance(error, Retryable) and self.max_outage):
            return False
        if isinstance(error, Unreachable) and error.down:
            return True
        hangs = isinstance(error, Unreachable) and (self._down_since is not None or self.limiter.in_flight > 1)
        return (error.down or hangs) and self.answers == answers

    def too_long(self, error: ModelError) -> ServerAway | None:
        """Why the run had better stop than wait for this server."""
        asked = error.retry_after if isinstance(error, Retryable) else None
        if asked and asked > LONGEST_ASKED:
            return ServerAway(f"{self.host} asks to wait until {clock(asked)}; the same command with --resume goes on")
        away = 0.0 if self._down_since is None else asyncio.get_running_loop().time() - self._down_since
        if away > self.max_outage:
            return ServerAway(f"no server for {away / 60:.0f} min: {error}; --resume goes on once it is there")
        return None

    @property
    def waiting(self) -> str:
        """What the calls wait for at the moment, in words; empty if for nothing."""
        if self._down_since is not None:
            stops = self._down_since + self.max_outage - asyncio.get_running_loop().time()
            return f"{self.host} is down: trying again until {clock(max(stops, 0.0))}"
        seconds = self.limiter.closed_for
        return "" if seconds < 1 else f"waiting until {clock(seconds)} for {self.host}"


@dataclass(slots=True)
class RequestKeys:
    """The requests of one tree so far, and the stored answers of earlier sessions: equal requests get equal answers.

    `attempt` counts how often the tree has failed before; a repeated request then must not get the old answer.
    `forgotten`: slices of the stored answers that led to a request which cannot succeed. What came before them is kept,
    and whatever is asked from there on is another sample.
    """

    tree: str
    seed: int
    store: AnswerStore
    attempt: int = 0
    forgotten: Sequence[tuple[int, int]] = ()
    answers: dict[bytes, Completion] = field(init=False)
    asked: Counter[bytes] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        given = list(self.store.answers(self.tree).items())
        for start, end in self.forgotten:
            given[start:end] = [(b"", Completion("", "", 0, 0))] * len(given[start:end])  # later slices count them
        self.answers = {key: completion for key, completion in given if key}

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
        if not sample:
            key, seed = _key_and_seed(request, model, parameters)
            if not self.forgotten or key in self.answers:
                return key, seed
        request.update(f"\x1e{sample}\x1e{self.attempt}".encode())
        return _key_and_seed(request, model, parameters)


def _key_and_seed(request: "blake2b", model: str, parameters: Mapping[str, Any]) -> tuple[bytes, int]:
    seed = int.from_bytes(request.digest()[:4], "big") >> 1
    whole = request.copy()
    whole.update(f"\x1e{model}\x1e{dict(parameters)!r}".encode())
    return whole.digest(), seed


# How a chat role is written in a request key. From version 0.1: stored journals contain such keys.
KEY_NAMES = {"system": "SystemMessage", "user": "UserMessage", "assistant": "AssistantMessage"}


class RoleModel(Model):
    """A model as called by one role of one tree. `max_tokens`: the limit of an answer that the user set for it."""

    def __init__(
        self,
        role: str,
        endpoint: Endpoint,
        keys: RequestKeys,
        tracker: UsageTracker,
        in_flight: InFlight,
        *,
        keeps_cut: bool = False,
        max_tokens: int | None = None,
    ) -> None:
        self._role, self._endpoint, self._keys = role, endpoint, keys
        self._model = endpoint.model.for_role(role)
        self._tracker, self._in_flight = tracker, in_flight
        self._usage = tracker.usage[role, endpoint.name]
        self.structured_output = endpoint.model.structured_output
        self.simulated = endpoint.model.simulated
        self.limits_answers = endpoint.model.limits_answers
        self.keeps_cut, self._max_tokens = keeps_cut, max_tokens

    @property
    def context(self) -> int | None:
        return self._model.context

    @property
    def notes(self) -> Sequence[str]:  # type: ignore[override]
        return self._model.notes

    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        """One answer, from the journal if it is stored there. Raises `ModelError`.

        If the whole run must stop (budget, access, disk), it does not return: the runner cancels the tree.
        """
        endpoint, in_flight = self._endpoint, self._in_flight
        parameters, limit = self._limited(parameters)
        key, seed = self._keys.next(self._role, endpoint.name, messages, parameters)
        if (stored := self._keys.answers.get(key)) is not None:
            self._usage.replayed += 1
            return stored
        failures, answers, sample = 0, endpoint.answers, {"seed": seed, **parameters, **limit}
        while True:
            try:
                async with endpoint.limiter:
                    if in_flight.stopped:
                        await in_flight.suspend()
                    self._tracker.check()
                    try:
                        with endpoint.keeps_open(in_flight):
                            completion = await self._model.complete(messages, sample)
                            with in_flight:
                                completion = await self._keep(key, messages, completion)
                    except ModelError as error:
                        endpoint.failed(error, answers)
                        raise
                    endpoint.succeeded()
                    return completion
            except ModelError as error:
                if error.billed is not None:
                    with in_flight:
                        lost = Completion("", "unusable", *error.billed)
                        await self._keep(key + f"-{failures}".encode(), messages, lost)
                if reason := endpoint.too_long(error) or self._ends_the_run(error):
                    in_flight.stop(reason)
                    await in_flight.suspend()
                away = endpoint.is_away(error, answers)
                failures, answers = failures + (not away), endpoint.answers
                if failures > endpoint.retries or not self._may_pass(error):
                    error.request = error.request or [message.content for message in messages]
                    raise
                self._usage.retries += 1
                if isinstance(error, TimedOut):
                    endpoint.slow = endpoint.slow or f"{error}; asked again"
                if away:
                    continue
                if isinstance(error, MalformedResponse | TimedOut) and "seed" not in parameters:
                    sample["seed"] = random.Random(f"{seed}/{failures}").getrandbits(31)
                wait = backoff(failures, error)
            except (RunStopped, UsageError) as reason:
                in_flight.stop(reason)
                await in_flight.suspend()
            await asyncio.sleep(wait)

    def _limited(self, parameters: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, int]]:
        """The parameters that make the call what it is, and the limit of its answer, which does not."""
        rest = {name: value for name, value in parameters.items() if name != DEFAULT_MAX_TOKENS}
        if self._max_tokens is not None and REPLIES not in parameters:
            return rest, {"max_tokens": self._max_tokens}
        return rest, {name: value for name, value in parameters.items() if name == DEFAULT_MAX_TOKENS}

    def _ends_the_run(self, error: ModelError) -> AccessDenied | None:
        """No call will succeed without a key, and none at the wrong address; but what was answered before is right."""
        fatal = isinstance(error, AccessDenied) and (error.always or not self._endpoint.answers)
        return error if isinstance(error, AccessDenied) and fatal else None

    def _may_pass(self, error: ModelError) -> bool:
        return isinstance(error, Retryable) or (isinstance(error, AccessDenied) and error.may_pass)

    async def _keep(self, key: bytes, messages: Sequence[Message], completion: Completion) -> Completion:
        """Count what was billed and write it down. Where the server does not count, we estimate."""
        prompt, completed = completion.prompt_tokens, completion.completion_tokens
        if not prompt or (completion.content and not completed):
            prompt = prompt or sum(estimate_tokens(message.content) for message in messages)
            completed = completed or (estimate_tokens(completion.content) if completion.content else 0)
            completion = completion._replace(prompt_tokens=prompt, completion_tokens=completed, estimated=True)
        name = self._endpoint.name + (BATCH if completion.batched else "")
        self._tracker.add(self._role, name, completion)
        await self._keys.store.write(self._keys.tree, key, self._role, name, completion)
        return completion


def backoff(failures: int, error: ModelError | None = None) -> float:
    """Seconds before the next try: random, up to a bound that doubles with each failure (AWS's "full jitter").

    A server that asks for more time gets it; one that asks for none has a clock or a configuration that is wrong.
    """
    wait = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 10)))
    asked = error.retry_after if isinstance(error, Retryable) else None
    return max(asked or 0.0, wait)


def clock(seconds: float) -> str:
    """The time of day in so many seconds, and the date where that is not today."""
    then = datetime.now() + timedelta(seconds=min(seconds, LAST_DATE))
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d %H:%M}"
