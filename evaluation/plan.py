"""From settings to dialogues that are to be held, live or in replay: who talks with whom.

The seed of a tree is that of its case, so that all candidates meet the same user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agents.inducer import Inducer
from agents.role import Role
from agents.user import User
from evaluation.candidates import Candidate, parse_all
from evaluation.cases import Case, Cases, crossed, recorded
from evaluation.live import DONOR, Rate, live
from evaluation.replay import replay
from evaluation.settings import Evaluation
from evaluation.summary import Conditions
from evaluation.work import (
    SCENARIO,
    Work,
    about,
    check_early,
    engine,
    facts,
    identity,
    is_offline,
    judges_of,
    priced,
    provenance,
)
from i2a.errors import UsageError
from i2a.models.spec import ModelSpec
from i2a.runs.run_folder import RunFolder
from i2a.runs.session import Session
from i2a.trees.tree import Tree
from scenarios.cast import Cast


class Task(NamedTuple):
    """One dialogue to be held. `stranger`: whose history a shuffled candidate is shown."""

    candidate: Candidate
    case: Case
    stranger: Case | None


@dataclass(frozen=True, slots=True)
class Planned:
    """The dialogues of an evaluation, by the id of their tree. Without a `user` the stored ones are replayed."""

    tasks: Mapping[str, Task]
    turns: int
    user: ModelSpec | None
    inducer: ModelSpec | None

    def cast(self, session: Session, tree: Tree) -> Cast:
        """Only an oracle, the user and the Inducer know the persona."""
        candidate, _, stranger = self.tasks[tree.id]
        models = {"candidate": candidate.model}
        if self.user:
            models |= {"user": self.user} | ({DONOR: self.user} if stranger else {})
        if self.inducer:
            models["inducer"] = self.inducer
        clients = session.clients(tree.id, tree.seed, models)
        roles: dict[str, Role] = {"candidate": candidate.play(clients["candidate"], tree.persona)}
        for name, kind in (("user", User), ("inducer", Inducer)):
            if name in clients:
                roles[name] = kind(name, clients[name], **facts(tree.persona))
        if DONOR in clients and stranger:
            roles[DONOR] = User(DONOR, clients[DONOR], **facts(stranger.persona))
        return Cast(roles)

    async def hold(self, tree: Tree, cast: Cast, rate: Rate) -> None:
        _, case, stranger = self.tasks[tree.id]
        if self.user:
            shuffle, induce = stranger is not None, self.inducer is not None
            await live(tree, cast, rate, turns=self.turns, shuffle=shuffle, induce=induce)
        else:
            other = stranger.dialogue if stranger else ()
            await replay(tree, cast, rate, path=case.dialogue, turns=self.turns, stranger=other)


def planned(config: Evaluation) -> Work:
    """Raises `UsageError` for whatever cannot work."""
    candidates = parse_all(config.candidates)
    check_early(config, [candidate.name for candidate in candidates])
    judges, rater = judges_of(config)
    if config.replay is None:
        user, inducer = ModelSpec.parse(config.user), inducer_of(config)
        cases, turns = crossed(config.profiles, config.personalities, config.cases, config.seed), config.turns
        users = [user]
        simulator: dict[str, Any] = {"model": str(user), "prompt": User.prompt.fingerprint}
    else:
        user, inducer = None, None
        cases = recorded(config.replay, config.cases, config.seed)
        turns = min(config.turns, max(case.messages for case in cases.all))
        users = stored_users(config.replay)
        simulator = {"replayed": cases.fingerprint, "model": str(users[0]) if users else None}
    tasks = tasks_of(candidates, cases, config.seed)
    conditions = Conditions(
        protocol=rater.protocol,
        engine=engine([*judges.values(), *users]),
        mode="live" if user else "replay",
        turns=turns,
        seed=config.seed,
        judges=provenance(judges, rater),
        simulator=simulator,
        personas=cases.described,
    )
    models = [*(candidate.model for candidate in candidates), *filter(None, (user, inducer))]
    named = {candidate.name: candidate.identity for candidate in candidates}
    asked = {"model": str(inducer), "prompt": Inducer.prompt.fingerprint} if inducer else None
    return Work(
        conditions=conditions,
        candidates=named,
        judges=judges,
        rater=rater,
        dialogues=Planned(tasks, turns, user, inducer),
        trees=[tree(id, task, conditions) for id, task in tasks.items()],
        models=models,
        prices=priced([*models, *judges.values()], config),
        identity=identity(conditions, named, asked),
        about=about(config, cases.warnings),
    )


def tasks_of(candidates: list[Candidate], cases: Cases, seed: int) -> dict[str, Task]:
    """Candidate after candidate, so that a local model is asked for many dialogues at once."""

    def task(candidate: Candidate, case: Case) -> Task:
        return Task(candidate, case, cases.donor(case, seed) if candidate.wrapper == "shuffled" else None)

    return {f"{candidate.name}/{case.id}": task(candidate, case) for candidate in candidates for case in cases.all}


def tree(id: str, task: Task, conditions: Conditions) -> Tree:
    """A tree without nodes; its options say whose dialogue it is."""
    candidate, case, stranger = task
    options = {"candidate": candidate.name, "case": case.id, "mode": conditions.mode, "turns": conditions.turns}
    if stranger:
        options["stranger"] = stranger.id
    return Tree(id, SCENARIO, case.persona, case.seed, options)


def inducer_of(config: Evaluation) -> ModelSpec | None:
    """By default it is asked where the truth is known and costs nothing."""
    if config.inducer is not None:
        return ModelSpec.parse(config.inducer)
    return ModelSpec("offline") if is_offline(ModelSpec.parse(config.user)) else None


def stored_users(run: Path) -> list[ModelSpec]:
    """The model that played the user of a stored run, if its manifest tells."""
    try:
        held = RunFolder(run).manifest()["identity"]
    except UsageError:
        return []
    user = held.get("models", {}).get("user") or held.get("simulator", {}).get("model")
    return [ModelSpec.parse(user)] if user else []
