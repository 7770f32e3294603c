"""From settings to a corpus: draws personas and plans a tree for each. What `i2a simulate` runs."""

from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from rich.console import Console

from i2a.digests import seed_of
from i2a.errors import UsageError
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.runs.clients import check_clients, spec_for
from i2a.runs.outcome import RunResult
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute
from i2a.runs.session import Session
from i2a.runs.sync import run_sync
from i2a.trees.tree import Tree
from scenarios.jury import JUDGE, JuryPlan
from scenarios.people import LATER, People, check_values, unspoken
from scenarios.policy import PolicyPlan
from scenarios.script import Scenario, find
from scenarios.settings import Simulation

DIGITS, DRAWN = 6, 3  # of the number of a conversation: in the id of its tree, and in what its chance is drawn from
CHARACTERS = 4  # of a token, about; as `estimate_tokens` has it
TURN = 120  # tokens of a message and a reply of some three sentences each
ANSWER = 200  # tokens that an answer takes at most, as a rule


def simulate(config: Simulation, *, clients: Mapping[str, Client] = {}, console: Console | None = None) -> RunResult:
    """Run a simulation, e.g. `simulate(Simulation(out="runs/a", conversations=4))`; a console shows its progress.

    `clients` are open model clients of your own, by role (`{"judge": client}`) or model string; `"*"` serves every role
    without one. They stay open. Also works in a notebook. Raises `UsageError` for invalid settings, before
    anything is written or called.
    """
    return run_sync(simulate_async(config, clients=clients, console=console))


def simulate_async(
    config: Simulation, *, clients: Mapping[str, Client] = {}, console: Console | None = None
) -> Coroutine[Any, Any, RunResult]:
    """`simulate` for callers that await."""
    return execute(plan_simulation(config, clients), config, console=console)


def plan_simulation(config: Simulation, clients: Mapping[str, Client] = {}, *, name: str = "") -> RunPlan:
    """`name`: what the ids of its trees begin with; default: scenario and seed. Such a run cannot be extended. Raises
    `UsageError` for settings that cannot work."""
    audits = {"auto": None, "on": True, "off": False}[config.audit_user]
    people = People.read(config)
    scenario = find(config.scenario).with_prompts(config.role_prompt, people.fields)
    scenario = replace(scenario, audits=audits, keep_prompts=config.keep_prompts)
    policy = PolicyPlan.of(config, scenario, clients)
    jury = JuryPlan.of(config, scenario, clients)
    if policy is not None and jury is not None:
        raise UsageError("--jury labels pairs of replies; several judges of a policy's reward are --rater")
    people_of = scenario if policy is None else policy.with_personas_of_rewards(scenario)
    scenario.check_roles(config.role_personas)
    options = scenario.resolve(config.option | ({} if config.turns is None else {"turns": config.turns}))
    beside = {**(policy.models if policy else {}), **(jury.others if jury else {})}
    models = models_of_roles(scenario, config, clients, beside)
    first = config.conversations if name else first_planned(config)
    trees = drawn_trees(people_of, options, people, config, name, first)

    def grow(tree: Tree, session: Session) -> Awaitable[None]:
        if policy is not None:
            return policy.grow(scenario, tree, session, models, options)
        clients_of = session.clients(tree.id, tree.seed, models)
        if jury is None:
            return scenario.grow(tree, clients_of, **options)
        others = jury.seats(scenario, tree, session)
        roles = scenario.cast(tree, clients_of, others.values())
        jury.lead(roles[JUDGE], others)
        return scenario.play(tree, roles, options)

    return RunPlan(
        fingerprint={
            "prompts": {name: role.prompt.fingerprint for name, role in scenario.roles.items()},
            "scenario": {"name": scenario.name, "fingerprint": scenario.fingerprint, "options": options},
            "personas": people.fingerprint if first is None else {**people.fingerprint, "conversations": first},
            "seed": config.seed,
            "models": {role: str(spec) for role, spec in models.items()},
            **({} if audits is None else {"audit_user": audits}),
            **({"keep_prompts": True} if config.keep_prompts else {}),
            **({"policy": policy.fingerprint} if policy else {}),
            **({"jury": jury.fingerprint} if jury else {}),
        },
        models={**beside, **models},
        trees=trees,
        grow=grow,
        warnings=[*people.warnings, *unspoken(models.values(), trees)],
        needed=needed_tokens(scenario, trees),
        turns=turns if isinstance(turns := options.get("turns"), int) else 0,
        metadata={"uses_personas": people.uses(people_of)},
        replan=partial(plan_simulation, config.model_copy(update={"conversations": 1, "shard": None}), name=name),
        clients=clients,
    ).sharded(config.shard)


def needed_tokens(scenario: Scenario, trees: Sequence[Tree]) -> dict[str, tuple[int, int]]:
    """About how many tokens a call of each role takes, its answer included: at first, and more by each turn.

    The longest persona counts where the prompt names it.
    """
    needed = {}
    for name, role in scenario.roles.items():
        told = len(role.prompt.text) + sum(
            max((len(tree.persona_of(name).values.get(value, "")) for tree in trees), default=0)
            for value in role.prompt.names
        )
        needed[name] = told // CHARACTERS + ANSWER, TURN
    return needed


def models_of_roles(
    scenario: Scenario, config: Simulation, clients: Mapping[str, Client], beside: Mapping[str, ModelSpec] = {}
) -> dict[str, ModelSpec]:
    """The model of each role. `beside`: those that rewards or a jury have. Raises `UsageError` for a setting or client
    of a role that nothing has."""
    scenario.check_roles(name for name in [*config.role_model, *config.role_max_tokens] if name not in beside)
    models = {role: spec_for(role, config.model_of(role), clients) for role in scenario.roles}
    check_clients(clients, {**beside, **models})
    return models


def first_planned(config: Simulation) -> int | None:
    """How many conversations a run of version 0.1 was begun with, if it is one that is continued: the ids of its trees
    have as many digits as that takes, and its fingerprint holds it. None: ids do not depend on it."""
    folder = RunFolder(config.folder)
    if not (config.continues and folder.manifest_file.exists()):
        return None
    personas = folder.manifest()["identity"].get("personas")
    count = personas.get("conversations") if isinstance(personas, dict) else None
    return count if isinstance(count, int) and count > 0 else None


def drawn_trees(
    scenario: Scenario,
    options: Mapping[str, object],
    people: People,
    config: Simulation,
    name: str = "",
    first: int | None = None,
) -> Sequence[Tree]:
    """A tree without nodes for each persona that is drawn; a smaller draw is a prefix of a larger one. Ids sort in
    drawing order, and no other scenario or seed has the same. `first`: see `first_planned`. Raises `UsageError` for a
    persona without something that a prompt names."""
    digits = DRAWN if first is None else len(str(first - 1))
    trees = []
    for i, (persona, by_role) in enumerate(people.draw(scenario, config.conversations, config.seed)):
        seed = seed_of(f"{config.seed}/{i}")
        drawn = f"{name or scenario.name}-{i:0{digits}}"  # not the id, so that draws are those of version 0.1
        id = f"{scenario.name}-{config.seed}-{i:0{DIGITS}}" if first is None else drawn
        trees.append(Tree(id, scenario.name, persona, seed, options, personas=by_role, chance=f"{drawn}/{seed}"))
    if scenario.changes_persona:
        later = people.successors(scenario, trees, config.seed)
        for tree, successor in zip(trees, later, strict=True):
            tree.personas = {**tree.personas, LATER: successor}
    if people.uses(scenario):
        check_values(scenario, trees, people.fields)
    return trees
