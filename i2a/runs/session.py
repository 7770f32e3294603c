"""One session of a run: its folder, journal, meter and traffic, and a client for every role of every tree."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autogen_core.models import ChatCompletionClient

from i2a.models.call import Endpoint, Ledger, RoleClient, Traffic
from i2a.models.spec import ModelSpec
from i2a.models.text_client import TextClient
from i2a.models.usage import Meter, Price
from i2a.runs.config import Limits
from i2a.runs.journal import Journal
from i2a.runs.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Session:
    """What the trees of a run share while it runs. `failures`: what went wrong in earlier sessions, by tree."""

    folder: RunFolder
    journal: Journal
    meter: Meter
    traffic: Traffic
    models: Mapping[ModelSpec, ChatCompletionClient]
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
            clients: dict[ModelSpec, ChatCompletionClient] = {}
            for spec in dict.fromkeys(models):
                clients[spec] = spec.open()
                stack.push_async_callback(clients[spec].close)
            told = {str(spec): client.describe() for spec, client in clients.items() if isinstance(client, TextClient)}
            if local := {model: words for model, words in told.items() if words}:
                identity = {**identity, "checkpoints": {model: words["fingerprint"] for model, words in local.items()}}
                about = {**about, "models": local}
            folder = stack.enter_context(RunFolder.open(out, identity, about, resume=resume))
            journal = stack.enter_context(folder.journal())
            meter = Meter(prices, max_cost=limits.max_cost, max_tokens=limits.max_tokens, before=journal.spent())
            endpoints = {
                spec: Endpoint(str(spec), client, max_calls=limits.max_calls, retries=limits.retries)
                for spec, client in clients.items()
            }
            yield cls(folder, journal, meter, Traffic(), clients, endpoints, folder.failures())

    def clients(self, id: str, seed: int, models: Mapping[str, ModelSpec]) -> dict[str, RoleClient]:
        """A client for each role of the tree with this id and seed; `models` names the model of each."""
        ledger = Ledger(id, seed, self.journal, attempt=len(self.failures.get(id, ())))
        return {
            role: RoleClient(role, self.endpoints[spec], ledger, self.meter, self.traffic)
            for role, spec in models.items()
        }
