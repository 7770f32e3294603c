"""From settings to a corpus: personas are drawn and a tree is planned for each. What `i2a simulate` runs."""

from collections.abc import Awaitable, Mapping, Sequence

from rich.console import Console

from i2a.digests import seed_of
from i2a.errors import UsageError
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.personas.pool import PersonaPool
from i2a.runs.clients import check_clients, spec_for
from i2a.runs.outcome import RunResult
from i2a.runs.plan import RunPlan
from i2a.runs.runner import execute
from i2a.runs.session import Session
from i2a.runs.sync import run_sync
from i2a.trees.tree import Tree
from scenarios.script import Scenario, find
from scenarios.settings import Simulation


def simulate(config: Simulation, *, clients: Mapping[str, Client] = {}, console: Console | None = None) -> RunResult:
    """Run a simulation, e.g. `simulate(Simulation(out="runs/a", conversations=4))`; a console shows its progress.

    `clients` are open model clients of your own, by role (`{"judge": client}`) or model string; `"*"` serves every role
    without one. They stay open. Works in a notebook too. Raises `UsageError` for what is not as it must be, before
    anything is written or called.
    """
    return run_sync(simulate_async(config, clients=clients, console=console))


async def simulate_async(
    config: Simulation, *, clients: Mapping[str, Client] = {}, console: Console | None = None
) -> RunResult:
    """`simulate` for callers that await."""
    return await execute(plan_simulation(config, clients), config, console=console)


def plan_simulation(config: Simulation, clients: Mapping[str, Client] = {}) -> RunPlan:
    """Raises `UsageError` for whatever cannot work."""
    scenario = find(config.scenario)
    options = scenario.resolve(config.option | ({} if config.turns is None else {"turns": config.turns}))
    models = models_of_roles(scenario, config, clients)
    pool = PersonaPool.read(config.profiles, config.personalities)

    def grow(tree: Tree, session: Session) -> Awaitable[None]:
        return scenario.grow(tree, session.clients(tree.id, tree.seed, models), **options)

    return RunPlan(
        fingerprint={
            "scenario": {"name": scenario.name, "fingerprint": scenario.fingerprint, "options": options},
            "personas": {"fingerprint": pool.fingerprint, "conversations": config.conversations},
            "seed": config.seed,
            "models": {role: str(spec) for role, spec in models.items()},
            "prompts": {name: role.prompt.fingerprint for name, role in scenario.roles.items()},
        },
        models=models,
        trees=drawn_trees(scenario, options, pool, config),
        grow=grow,
        warnings=pool.warnings,
    )


def models_of_roles(scenario: Scenario, config: Simulation, clients: Mapping[str, Client]) -> dict[str, ModelSpec]:
    """The model of each role. Raises `UsageError` for a model or client of a role that the scenario does not have."""
    for role in config.role_model:
        if role not in scenario.roles:
            raise UsageError(f"scenario {scenario.name} has no role {role!r}; its roles: {', '.join(scenario.roles)}")
    models = {role: spec_for(role, config.role_model.get(role, config.model), clients) for role in scenario.roles}
    check_clients(clients, models)
    return models


def drawn_trees(
    scenario: Scenario, options: Mapping[str, object], pool: PersonaPool, config: Simulation
) -> Sequence[Tree]:
    """A tree without nodes for each persona that is drawn; ids sort in drawing order."""
    digits = len(str(config.conversations - 1))
    return [
        Tree(f"{scenario.name}-{i:0{digits}}", scenario.name, persona, seed_of(f"{config.seed}/{i}"), options)
        for i, persona in enumerate(pool.draw(config.conversations, config.seed))
    ]
