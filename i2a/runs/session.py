"""One session of a run: its folder, journal, meter and traffic, and a client for every role of every tree."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from i2a.models.call import Endpoint, InFlight, RequestKeys, RoleModel
from i2a.models.model import Model, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker
from i2a.runs.journal import Journal
from i2a.runs.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Limits:
    """The knobs that may differ from one session of a run to the next."""

    max_calls: int = 128
    retries: int = 8
    max_cost: float | None = None
    max_tokens: int | None = None


class Knobs(BaseModel):
    """The settings of a run of conversations that may differ from one session to the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path
    concurrency: int = Field(32, ge=1)
    max_calls: int | None = Field(None, ge=1)
    retries: int = Field(8, ge=0)
    max_cost: float | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, gt=0)
    prices: list[str] = []
    resume: bool = False
    retry_failed: bool = False
    view: Literal["live", "quiet"] = "live"

    @property
    def continues(self) -> bool:
        return self.resume or self.retry_failed

    @property
    def limits(self) -> Limits:
        """A conversation has up to four calls out at once, so that is what the calls are limited to."""
        return Limits(self.max_calls or 4 * self.concurrency, self.retries, self.max_cost, self.max_tokens)


@dataclass(frozen=True, slots=True)
class Session:
    """What the trees of a run share while it runs. `failures`: what went wrong in earlier sessions, by tree."""

    folder: RunFolder
    journal: Journal
    meter: UsageTracker
    traffic: InFlight
    models: Mapping[ModelSpec, Model]
    endpoints: Mapping[ModelSpec, Endpoint]
    failures: Mapping[str, list[dict[str, Any]]]

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        out: Path,
        *,
        identity: Mapping[str, Any],
        about: Mapping[str, Any],
        models: Iterable[ModelSpec],
        prices: Mapping[str, Price | None],
        limits: Limits,
        resume: bool,
    ) -> AsyncIterator["Session"]:
        """Open the models, then the folder. The fingerprints of local models join the identity of the run.

        Raises `UsageError`, see `ModelSpec.open` and `RunFolder.open`.
        """
        async with AsyncExitStack() as stack:
            clients: dict[ModelSpec, Model] = {}
            for spec in dict.fromkeys(models):
                clients[spec] = spec.open()
                stack.push_async_callback(clients[spec].close)
                await clients[spec].prepare()
            told = {str(spec): client.describe() for spec, client in clients.items()}
            if local := {model: words for model, words in told.items() if words}:
                identity = {**identity, "checkpoints": {model: words["fingerprint"] for model, words in local.items()}}
                about = {**about, "models": local}
            folder = stack.enter_context(RunFolder.open(out, identity, about, resume=resume))
            journal = stack.enter_context(folder.journal())
            meter = UsageTracker(prices, max_cost=limits.max_cost, max_tokens=limits.max_tokens, before=journal.spent())
            endpoints = {
                spec: Endpoint(str(spec), client, max_calls=limits.max_calls, retries=limits.retries)
                for spec, client in clients.items()
            }
            yield cls(folder, journal, meter, InFlight(), clients, endpoints, folder.failures())

    def clients(self, id: str, seed: int, models: Mapping[str, ModelSpec]) -> dict[str, RoleModel]:
        """A client for each role of the tree with this id and seed; `models` names the model of each."""
        keys = RequestKeys(id, seed, self.journal, attempt=len(self.failures.get(id, ())))
        return {
            role: RoleModel(role, self.endpoints[spec], keys, self.meter, self.traffic) for role, spec in models.items()
        }
