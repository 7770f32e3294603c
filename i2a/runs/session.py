"""One session of a run: its folder, journal, budget and models, and a client for every role of every tree."""

import asyncio
import platform
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from i2a.errors import ServerAway, Unreachable, UsageError
from i2a.extras import our_version
from i2a.models.batch import BATCH, BatchLog, BatchService, half
from i2a.models.batching import BatchingModel
from i2a.models.call import Endpoint, InFlight, RequestKeys, RoleModel, backoff, clock
from i2a.models.check import check
from i2a.models.model import Model, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker, find_price, parse_price
from i2a.runs.clients import ClientSpec
from i2a.runs.config import RunConfig
from i2a.runs.journal import Journal
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import PLANNED, RunFolder
from i2a.runs.simulated import simulated_by_name

UNLIMITED = 10**9  # calls that wait for batches take no place from others
CHECK, CHECKS = "check", "checks"  # the role that asks what a server can do, and where the manifest keeps it


@dataclass(frozen=True, slots=True)
class Session:
    """What all trees of a running run share. `failures`: those of earlier sessions, by tree.

    `manifest`: that of the run, as its first session wrote it. `batched`: what goes through batches, by role and model.
    """

    folder: RunFolder
    journal: Journal
    usage: UsageTracker
    in_flight: InFlight
    endpoints: Mapping[ModelSpec, Endpoint]
    failures: Mapping[str, list[dict[str, object]]]
    manifest: Mapping[str, object]
    keeps_cut: bool = False
    max_tokens: Mapping[str, int] = field(default_factory=dict)
    room: Sequence[str] = ()
    batched: Mapping[tuple[str, ModelSpec], Endpoint] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, plan: RunPlan, config: RunConfig, say: Callable[[str], None] = lambda line: None
    ) -> AsyncIterator["Session"]:
        """Open the models of `plan`, then the folder of `config`. `say` gets what the user should know at once.

        Raises `UsageError`: a budget in money without prices, a model that cannot be opened, see `RunFolder.open`; and
        `ServerAway` for a server that does not come up.
        """
        prices = prices_of(plan, config)
        async with AsyncExitStack() as stack:
            models: dict[ModelSpec, Model] = {}
            for spec in dict.fromkeys(plan.models.values()):
                models[spec] = spec.open()
                if not isinstance(spec, ClientSpec):  # what the caller opened, the caller closes
                    stack.push_async_callback(models[spec].close)
                roles = [role for role, of in plan.models.items() if of == spec and role != str(spec)]
                called = f"{spec} ({', '.join(roles)})" if roles else str(spec)
                await reach(models[spec], called, config.patience, say)
            services = services_of(plan, config, models)
            fingerprint, metadata = manifest_of(plan, config, models)
            folder = stack.enter_context(RunFolder.open(config.folder, fingerprint, metadata, resume=config.continues))
            folder.extend(len(plan.trees), plan.unit, config.as_json())
            began = folder.manifest().get("models", {})
            for spec, model in models.items():
                model.resume(began.get(str(spec), {}))
            journal = stack.enter_context(folder.journal())
            usage = UsageTracker(prices, max_cost=config.max_cost, max_tokens=config.max_tokens, before=journal.spent())
            endpoints = {
                spec: Endpoint(
                    str(spec),
                    model,
                    max_calls=config.calls_at_once,
                    retries=config.retries,
                    max_outage=config.patience,
                )
                for spec, model in models.items()
            }
            in_flight = InFlight()
            batched = {}
            for spec, service in services.items():
                through = BatchingModel(
                    str(spec),
                    models[spec],
                    service,
                    BatchLog(folder.batches_file),
                    live=endpoints[spec].limiter,
                    busy=lambda: bool(in_flight.count),
                    wait=config.batch_wait,
                    poll=config.batch_poll,
                    patience=config.patience,
                )
                stack.push_async_callback(through.close)
                batched[spec] = Endpoint(
                    str(spec), through, max_calls=UNLIMITED, retries=config.retries, max_outage=config.patience
                )
            yield cls(
                folder,
                journal,
                usage,
                in_flight,
                endpoints,
                folder.failures(),
                folder.manifest(),
                keeps_cut=config.on_length == "keep",
                max_tokens=config.role_max_tokens,
                room=room_in_words(plan, models),
                batched={(role, spec): batched[spec] for role in config.batched for spec in plan.models_of(role)},
            )

    @property
    def notes(self) -> list[str]:
        """What came out about the servers, in words: their room, what they do not take, whether they count tokens."""
        endpoints = dict.fromkeys((*self.endpoints.values(), *self.batched.values()))
        said = [*self.room] + [note for endpoint in endpoints for note in endpoint.model.notes]
        said += [endpoint.slow for endpoint in endpoints if endpoint.slow]
        estimated = Counter[str]()
        for (_, model), used in self.usage.usage.items():
            estimated[model] += used.estimated
        return said + [
            f"{model} does not say what it has used: its tokens are estimated, at 4 characters each"
            for model, calls in estimated.items()
            if calls
        ]

    async def check_models(self, say: Callable[[str], None]) -> None:
        """Ask each server what it can do, in the short form, and keep it in the manifest. Once in a run.

        The calls are the run's like any others: in its journal, its budget and its usage, under the role `check`.
        """
        known = dict(self.folder.manifest().get(CHECKS, {}))
        for spec, endpoint in self.endpoints.items():
            model = endpoint.model
            if str(spec) in known or not model.host or model.simulated:
                continue
            say(f"{spec}: asking what it can do, in three short calls (--no-check leaves them out)")
            alone = Endpoint(str(spec), model, max_calls=2, retries=0, max_outage=0)
            keys = RequestKeys(CHECK, 0, self.journal)
            found = await check(RoleModel(CHECK, alone, keys, self.usage, self.in_flight), short=True)
            known[str(spec)] = found.as_json()
            self.folder.amend({CHECKS: known})
            for finding in found.findings:
                if finding.works is False:
                    advice = f"; {finding.advice}" if finding.advice else ""
                    say(f"{spec}: {finding.name}: {finding.found}{advice}")

    @property
    def waiting(self) -> list[str]:
        """What calls are waiting for at the moment, in words."""
        batching = [each.model for each in dict.fromkeys(self.batched.values())]
        batches = [model.waiting for model in batching if isinstance(model, BatchingModel)]
        return list(filter(None, [*(endpoint.waiting for endpoint in self.endpoints.values()), *batches]))

    def clients(self, tree_id: str, seed: int, models: Mapping[str, ModelSpec]) -> dict[str, Model]:
        """A client for each role of the tree with this id and seed; `models` names the model of each."""
        failures = self.failures.get(tree_id, ())
        keys = RequestKeys(tree_id, seed, self.journal, len(failures), forgotten(failures))
        return {
            role: RoleModel(
                role,
                self.batched.get((role, spec), self.endpoints[spec]),
                keys,
                self.usage,
                self.in_flight,
                keeps_cut=self.keeps_cut,
                max_tokens=self.max_tokens.get(role),
            )
            for role, spec in models.items()
        }


def forgotten(failures: Iterable[Mapping[str, object]]) -> list[tuple[int, int]]:
    """The slices of a tree's answers that a redo does not take over, from the records of its failures."""
    slices = []
    for failure in failures:
        match failure.get("forgotten"):
            case [int(start), int(end)]:
                slices.append((start, end))
    return slices


async def reach(model: Model, name: str, patience: float, say: Callable[[str], None]) -> None:
    """Return once the model can be called; say so where that takes a while. Raises `ServerAway`."""
    loop = asyncio.get_running_loop()
    start, tries = loop.time(), 0
    while True:
        try:
            return await model.probe()
        except Unreachable as error:
            left, tries = start + patience - loop.time(), tries + 1
            what = f"no server for {name}: {error}"
            if left <= 0:
                waited = f" (waited {patience:g} s)" if patience else ""
                raise ServerAway(f"{what}{waited}; start it first, or check the URL") from None
            if tries == 1:
                say(
                    f"{what}; start it, or check the URL. Waiting until {clock(left)} (--max-outage is how long; "
                    "Ctrl-C stops)"
                )
            await asyncio.sleep(min(left, backoff(tries)))


def room_in_words(plan: RunPlan, models: Mapping[ModelSpec, Model]) -> list[str]:
    """For each model whose context is known, what its longest call needs by the last turn, and whether that fits."""
    lines = []
    for spec, model in models.items():
        needs = {role: plan.needed[role] for role, used in plan.models.items() if used == spec and role in plan.needed}
        if not (model.context and needs):
            continue
        role = max(needs, key=lambda name: needs[name][0] + plan.turns * needs[name][1])
        first, more = needs[role]
        need = first + plan.turns * more
        line = f"{spec} has room for {model.context:,} tokens a call; the {role} needs about {need:,} by the last turn"
        if need > model.context:
            turn = max(1, (model.context - first) // more)
            line += (
                f": from turn {turn} or so on the oldest turns are left out; serve a larger context, or fewer --turns"
            )
        lines.append(line)
    return lines


def prices_of(plan: RunPlan, config: RunConfig) -> dict[str, Price | None]:
    """The price of every model. Raises `UsageError` for a budget in money without them."""
    known = {
        str(spec): spec.price() if isinstance(spec, ClientSpec) else find_price(spec) for spec in plan.models.values()
    }
    prices = known | dict(map(parse_price, config.price))
    prices |= {name + BATCH: half(price) for name, price in prices.items()}
    UsageTracker(prices, max_cost=config.max_cost)
    return prices


def services_of(plan: RunPlan, config: RunConfig, models: Mapping[ModelSpec, Model]) -> dict[ModelSpec, BatchService]:
    """The interface for batches of each model that plays a role of `config.batched`. Raises `UsageError`."""
    services = {}
    for role in config.batched:
        for spec in plan.models_of(role):
            if (service := models[spec].batches()) is None:
                raise UsageError(f"{spec} has no batches that i2a knows: leave out --batch {role}")
            services[spec] = service
    return services


def manifest_of(
    plan: RunPlan, config: RunConfig, models: Mapping[ModelSpec, Model]
) -> tuple[dict[str, object], dict[str, object]]:
    """The fingerprint and the metadata of the run. A local model is identified by its weights, not by its path."""
    versions = {"i2a": our_version(), "autogen-agentchat": version("autogen-agentchat")}
    fingerprint = {**plan.fingerprint, "versions": versions}
    metadata: dict[str, object] = {
        **plan.metadata,
        "config": config.as_json(),
        **({PLANNED: len(plan.trees)} if plan.trees else {}),
        "notes": list(plan.warnings),
        "python": platform.python_version(),
        "simulated": {**plan.simulated, **simulated_models(models)},
    }
    described = {str(spec): model.describe() for spec, model in models.items()}
    if local := {model: details for model, details in described.items() if details}:
        weights = {model: details["fingerprint"] for model, details in local.items() if "fingerprint" in details}
        fingerprint |= {"checkpoints": weights} if weights else {}
        metadata["models"] = local
    return fingerprint, metadata


def simulated_models(models: Mapping[ModelSpec, Model]) -> dict[str, bool]:
    """By model string, whether rules answer instead of a language model."""
    return {str(spec): model.simulated or simulated_by_name(str(spec)) for spec, model in models.items()}
