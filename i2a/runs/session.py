"""One session of a run: its folder, journal, budget and models, and a client for every role of every tree."""

import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from i2a.models.call import Endpoint, InFlight, RequestKeys, RoleModel
from i2a.models.model import Model, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker, find_price, parse_price
from i2a.runs.clients import ClientSpec
from i2a.runs.config import RunConfig
from i2a.runs.journal import Journal
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.simulated import simulated_by_name


@dataclass(frozen=True, slots=True)
class Session:
    """What all trees of a running run share. `failures`: those of earlier sessions, by tree."""

    folder: RunFolder
    journal: Journal
    usage: UsageTracker
    in_flight: InFlight
    endpoints: Mapping[ModelSpec, Endpoint]
    failures: Mapping[str, list[dict[str, object]]]

    @classmethod
    @asynccontextmanager
    async def open(cls, plan: RunPlan, config: RunConfig) -> AsyncIterator["Session"]:
        """Open the models of `plan`, then the folder of `config`.

        Raises `UsageError`: a budget in money without prices, a model that cannot be opened, see `RunFolder.open`.
        """
        prices = prices_of(plan, config)
        async with AsyncExitStack() as stack:
            models: dict[ModelSpec, Model] = {}
            for spec in dict.fromkeys(plan.models.values()):
                models[spec] = spec.open()
                if not isinstance(spec, ClientSpec):  # what the caller opened, the caller closes
                    stack.push_async_callback(models[spec].close)
                await models[spec].prepare()
            fingerprint, metadata = manifest_of(plan, config, models)
            folder = stack.enter_context(RunFolder.open(config.folder, fingerprint, metadata, resume=config.continues))
            journal = stack.enter_context(folder.journal())
            usage = UsageTracker(prices, max_cost=config.max_cost, max_tokens=config.max_tokens, before=journal.spent())
            endpoints = {
                spec: Endpoint(str(spec), model, max_calls=config.calls_at_once, retries=config.retries)
                for spec, model in models.items()
            }
            yield cls(folder, journal, usage, InFlight(), endpoints, folder.failures())

    def clients(self, tree_id: str, seed: int, models: Mapping[str, ModelSpec]) -> dict[str, RoleModel]:
        """A client for each role of the tree with this id and seed; `models` names the model of each."""
        keys = RequestKeys(tree_id, seed, self.journal, attempt=len(self.failures.get(tree_id, ())))
        return {
            role: RoleModel(role, self.endpoints[spec], keys, self.usage, self.in_flight)
            for role, spec in models.items()
        }


def prices_of(plan: RunPlan, config: RunConfig) -> dict[str, Price | None]:
    """The price of every model. Raises `UsageError` for a budget in money without them."""
    known = {
        str(spec): spec.price() if isinstance(spec, ClientSpec) else find_price(spec) for spec in plan.models.values()
    }
    prices = known | dict(map(parse_price, config.price))
    UsageTracker(prices, max_cost=config.max_cost)
    return prices


def manifest_of(
    plan: RunPlan, config: RunConfig, models: Mapping[ModelSpec, Model]
) -> tuple[dict[str, object], dict[str, object]]:
    """The fingerprint and the metadata of the run. A local model is identified by its weights, not by its path."""
    fingerprint = {**plan.fingerprint, "versions": {name: version(name) for name in ("i2a", "autogen-agentchat")}}
    metadata: dict[str, object] = {
        "config": config.as_json(),
        "notes": list(plan.warnings),
        "python": platform.python_version(),
        "simulated": {**plan.simulated, **simulated_models(models)},
    }
    described = {str(spec): model.describe() for spec, model in models.items()}
    if local := {model: details for model, details in described.items() if details}:
        fingerprint["checkpoints"] = {model: details["fingerprint"] for model, details in local.items()}
        metadata["models"] = local
    return fingerprint, metadata


def simulated_models(models: Mapping[ModelSpec, Model]) -> dict[str, bool]:
    """By model string, whether rules answer instead of a language model."""
    return {str(spec): model.simulated or simulated_by_name(str(spec)) for spec, model in models.items()}
