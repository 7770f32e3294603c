"""From a configuration to a corpus: personas are drawn, models opened, trees grown. What `i2a simulate` runs."""

import asyncio
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from autogen_core.models import ChatCompletionClient
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console

from i2a.errors import I2AError, Interrupted, UsageError
from i2a.live import View
from i2a.models.client import Endpoint, Ledger, RoleClient, Traffic
from i2a.models.meter import Meter, Price, find_price, parse_price
from i2a.models.spec import ModelSpec
from i2a.personas import PersonaPool
from i2a.run_folder import RunFolder
from i2a.runner import run, stop_on_interrupt
from i2a.summary import Summary
from i2a.tree import Tree
from i2a.tree_json import read
from scenarios.cast import Cast
from scenarios.script import Scenario, find


class Simulation(BaseModel):
    """Everything that can be set, by flags, in a TOML file or from Python. Runtime knobs come last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path
    scenario: str = "aloe"
    profiles: Path | None = None
    personalities: Path | None = None
    conversations: int = Field(10, ge=1)
    turns: int | None = Field(None, ge=1)
    options: dict[str, Any] = {}
    seed: int = 0
    model: str = "offline"
    role_models: dict[str, str] = {}

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


class Result(NamedTuple):
    """How a run ended. `failures`: the conversations that failed, by their last reason. `stopped`: why the run ended
    early, if it did; what is `left` then waits for `resume`.
    """

    folder: Path
    summary: Summary
    failures: Counter[str]
    left: int
    stopped: I2AError | None
    meter: Meter

    @property
    def failed(self) -> int:
        return self.failures.total()


def simulate(config: Simulation, console: Console | None = None) -> Result:
    """Run a simulation, e.g. `simulate(Simulation(out="runs/a", conversations=4))`; with a console, watch it there.

    Raises `UsageError` for what is not as it must be, before anything is written or called.
    """
    try:
        return asyncio.run(simulation(config, console))
    except asyncio.CancelledError:
        raise Interrupted("stopped at once; the same command with --resume goes on") from None


async def simulation(config: Simulation, console: Console | None = None) -> Result:
    """The same for those who are in an event loop already."""
    plan = Plan.of(config)
    async with AsyncExitStack() as stack:
        models = await plan.open_models(stack)
        folder = stack.enter_context(RunFolder.open(config.out, plan.identity, plan.about, resume=config.continues))
        journal = stack.enter_context(folder.journal())
        meter = Meter(plan.prices, max_cost=config.max_cost, max_tokens=config.max_tokens, before=journal.spent())
        traffic = Traffic()
        finished, failures = folder.finished(), folder.failures()
        summary = Summary.of(read(folder.trees_file) if finished else ())
        todo = [t for t in plan.trees if t.id not in finished and (config.retry_failed or t.id not in failures)]
        view = View(
            console or Console(quiet=True),
            meter,
            total=len(plan.trees),
            done=len(plan.trees) - len(todo),
            quiet=console is None or config.view == "quiet",
        )
        endpoints = {
            str(spec): Endpoint(
                str(spec), client, max_calls=config.max_calls or 4 * config.concurrency, retries=config.retries
            )
            for spec, client in models.items()
        }
        prototypes = {name: role(name, models[plan.models[name]]) for name, role in plan.scenario.roles.items()}

        async def grow(tree: Tree) -> None:
            ledger = Ledger(tree.id, tree.seed, journal, attempt=len(failures.get(tree.id, ())))
            facts = {"profile": tree.persona.profile, "personality": tree.persona.personality}
            roles = {}
            for name, role in prototypes.items():
                client = RoleClient(name, endpoints[str(plan.models[name])], ledger, meter, traffic)
                roles[name] = role.fork(client, **facts)
            await plan.scenario.script(tree, Cast(roles), **plan.options)

        with stop_on_interrupt(traffic, view):
            await run(
                todo,
                grow,
                folder=folder,
                traffic=traffic,
                summary=summary,
                view=view,
                concurrency=config.concurrency,
            )
        return plan.result(folder, summary, traffic, meter)


@dataclass(frozen=True)
class Plan:
    """What a configuration comes down to, before anything is written or called."""

    scenario: Scenario
    options: Mapping[str, Any]
    models: Mapping[str, ModelSpec]
    prices: Mapping[str, Price | None]
    trees: Sequence[Tree]
    identity: Mapping[str, Any]
    about: Mapping[str, Any]

    @classmethod
    def of(cls, config: Simulation) -> Self:
        """Raises `UsageError` for whatever cannot work."""
        scenario = find(config.scenario)
        options = scenario.settle(config.options | ({} if config.turns is None else {"turns": config.turns}))
        models = models_of_roles(scenario, config)
        prices = {str(spec): find_price(spec) for spec in models.values()} | dict(map(parse_price, config.prices))
        Meter(prices, max_cost=config.max_cost)
        pool = PersonaPool.read(config.profiles, config.personalities)
        personas = pool.draw(config.conversations, config.seed)
        digits = len(str(config.conversations - 1))
        trees = [
            Tree(f"{scenario.name}-{i:0{digits}}", scenario.name, persona, tree_seed(config.seed, i), options)
            for i, persona in enumerate(personas)
        ]
        identity = {
            "scenario": {"name": scenario.name, "fingerprint": scenario.fingerprint, "options": options},
            "personas": {"fingerprint": pool.fingerprint, "conversations": config.conversations},
            "seed": config.seed,
            "models": {role: str(spec) for role, spec in models.items()},
            "prompts": {name: role.prompt.fingerprint for name, role in scenario.roles.items()},
            "versions": {name: version(name) for name in ("i2a", "autogen-agentchat")},
        }
        about = {
            "config": config.model_dump(mode="json", exclude={"out", "resume", "retry_failed", "view"}),
            "notes": list(pool.notes),
            "python": platform.python_version(),
        }
        return cls(scenario, options, models, prices, trees, identity, about)

    async def open_models(self, stack: AsyncExitStack) -> dict[ModelSpec, ChatCompletionClient]:
        """One client for each model, closed with `stack`."""
        clients = {}
        for spec in set(self.models.values()):
            clients[spec] = spec.open()
            stack.push_async_callback(clients[spec].close)
        return clients

    def result(self, folder: RunFolder, summary: Summary, traffic: Traffic, meter: Meter) -> Result:
        """Count what is there; bring a complete corpus into drawing order."""
        finished = folder.finished()
        failures = Counter(
            str(history[-1]["reason"]) for id, history in folder.failures().items() if id not in finished
        )
        left = len(self.trees) - len(finished) - failures.total()
        if finished and not left:
            order = {tree.id: i for i, tree in enumerate(self.trees)}
            folder.sort_trees(order.__getitem__)
        stopped = traffic.stopped if left or failures else None
        return Result(folder.path, summary, failures, left, stopped, meter)


def models_of_roles(scenario: Scenario, config: Simulation) -> dict[str, ModelSpec]:
    """The model of each role. Raises `UsageError` for a model of a role that the scenario does not have."""
    for role in config.role_models:
        if role not in scenario.roles:
            raise UsageError(f"scenario {scenario.name} has no role {role!r}; its roles: {', '.join(scenario.roles)}")
    return {role: ModelSpec.parse(config.role_models.get(role, config.model)) for role in scenario.roles}


def tree_seed(seed: int, index: int) -> int:
    """The seed of the tree with this index: 31 bits, as all model servers take them."""
    return int.from_bytes(blake2b(f"{seed}/{index}".encode(), digest_size=4).digest(), "big") >> 1
