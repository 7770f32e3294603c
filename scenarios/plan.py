"""What the settings of a simulation come down to, before anything is written or called."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Self

from i2a.digests import seed_of
from i2a.errors import UsageError
from i2a.models.spec import ModelSpec
from i2a.models.usage import Meter, Price, find_price, parse_price
from i2a.personas.pool import PersonaPool
from i2a.trees.tree import Tree
from scenarios.script import Scenario, find
from scenarios.settings import Simulation


@dataclass(frozen=True, slots=True)
class Plan:
    """`identity` is what a resumed run must share with the one it goes on with; `about` is only written down."""

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
            "notes": list(pool.warnings),
            "python": platform.python_version(),
        }
        trees = drawn_trees(scenario, options, pool, config)
        return cls(scenario, options, models, prices, trees, identity, about)


def models_of_roles(scenario: Scenario, config: Simulation) -> dict[str, ModelSpec]:
    """The model of each role. Raises `UsageError` for a model of a role that the scenario does not have."""
    for role in config.role_models:
        if role not in scenario.roles:
            raise UsageError(f"scenario {scenario.name} has no role {role!r}; its roles: {', '.join(scenario.roles)}")
    return {role: ModelSpec.parse(config.role_models.get(role, config.model)) for role in scenario.roles}


def drawn_trees(scenario: Scenario, options: Mapping[str, Any], pool: PersonaPool, config: Simulation) -> list[Tree]:
    """A tree without nodes for each persona that is drawn; ids sort in drawing order."""
    digits = len(str(config.conversations - 1))
    return [
        Tree(f"{scenario.name}-{i:0{digits}}", scenario.name, persona, seed_of(f"{config.seed}/{i}"), options)
        for i, persona in enumerate(pool.draw(config.conversations, config.seed))
    ]
