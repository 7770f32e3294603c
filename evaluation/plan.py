"""From settings to the plan of an evaluation: who talks with whom, live or in replay, and who rates.

The seed of a tree is that of its case, so that all candidates meet the same user; candidates are told nothing of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex
from typing import cast

from agents.inducer import Inducer
from agents.user import User
from evaluation.candidates import CANDIDATE, Candidate, Plain, parse_all
from evaluation.cases import Case, Cases, crossed, listed, recorded
from evaluation.dialogues import SALT, EvalDialogue, LiveDialogue, ReplayDialogue, grow_rated, rated
from evaluation.judge import Rater, find_rater
from evaluation.leaks import Leak, find_leaks, in_words
from evaluation.scores import SHIPPED
from evaluation.settings import Evaluation
from evaluation.summary import Conditions
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.runs.clients import check_clients, spec_for
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.simulated import simulated_by_name
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from scenarios.drift import Exchange
from scenarios.people import LATER, unspoken
from scenarios.script import find
from scenarios.sessions import length

SCENARIO, UNIT = "evaluation", "dialogues"


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """One tree for each candidate and case, whose id is `CANDIDATE/CASE`. `candidates`: name -> what it is; `leaks`:
    those that were trained on personas of the cases.

    Under which engine the numbers stand, `conditions` does not say yet: that shows once the models are open.
    """

    run: RunPlan
    conditions: Conditions
    candidates: Mapping[str, JsonMapping]
    leaks: Mapping[str, Leak]


def plan_evaluation(config: Evaluation, clients: Mapping[str, Client] = {}) -> EvalPlan:
    """Raises `UsageError` for settings that cannot work."""
    candidates = [
        replace(candidate, model=spec_for(candidate.name, str(candidate.model), clients))
        for candidate in parse_all(config.candidates)
    ]
    check_early(config, [candidate.name for candidate in candidates])
    judges, rater = judges_of(config, clients)
    models = {candidate.name: candidate.model for candidate in candidates}
    users = models_of_user(config, clients) if config.replay is None else {}
    check_notes(candidates, config.scenario, users)
    check_clients(clients, models | users | judges_by_role(judges))
    cases, turns, simulator, simulated = cases_of(config, users)
    conditions = Conditions(
        protocol=rater.protocol,
        engine="",
        mode="live" if users else "replay",
        turns=turns,
        seed=config.seed,
        judges=provenance(judges, rater),
        simulator=simulator,
        personas=cases.described,
        dialogue=dialogue_of(config, turns),
    )
    named = {candidate.name: candidate.identity for candidate in candidates}
    inducer = users.get("inducer")
    asked = {"model": str(inducer), "prompt": Inducer.prompt.fingerprint} if inducer else None
    leaks = find_leaks(
        {candidate.name: str(candidate.model) for candidate in candidates}, [case.persona for case in cases.all]
    )
    trees, dialogues = laid_out(candidates, cases, users, conditions)
    run = RunPlan(
        fingerprint=fingerprint(conditions, named, asked),
        models=models | users | judges,
        trees=trees,
        grow=grow_rated(dialogues, judges, rater),
        unit=UNIT,
        steps=rated(judges),
        warnings=[*cases.warnings, *in_words(leaks), *unspoken(users.values(), trees)],
        metadata={SALT: token_hex(16)},
        keeps_broken=True,
        simulated=simulated,
        roles={
            CANDIDATE: list(dict.fromkeys(models.values())),
            "judge": list(judges.values()),
            **{role: [spec] for role, spec in users.items()},
        },
        replan=partial(_replanned, config),
        clients=clients,
    ).sharded(config.shard)
    return EvalPlan(run, conditions, named, leaks)


def _replanned(config: Evaluation, clients: Mapping[str, Client]) -> RunPlan:
    return plan_evaluation(config.model_copy(update={"shard": None}), clients).run


def cases_of(config: Evaluation, users: Mapping[str, ModelSpec]) -> tuple[Cases, int, JsonMapping, Mapping[str, bool]]:
    """The cases, how many turns each has, who plays the user, and whether a stored user was simulated."""
    if config.replay is None:
        if config.personas:
            cases = listed(config.personas, config.cases, config.seed)
        else:
            cases = crossed(config.profiles, config.personalities, config.cases, config.seed)
        return cases, config.turns, {"model": str(users["user"]), "prompt": User.prompt.fingerprint}, {}
    cases = recorded(config.replay, config.cases, config.seed, config.role)
    turns = min(config.turns, max(case.messages for case in cases.all))
    user, simulated = stored_user(RunFolder(config.replay))
    return cases, turns, {"replayed": cases.fingerprint, "model": user}, simulated


def dialogue_of(config: Evaluation, turns: int) -> JsonObject:
    """The scenario and its options, if it is not that of the paper. Raises `UsageError`."""
    if config.scenario == "aloe" and not config.option:
        return {}
    options = find(config.scenario).resolve({**config.option, "turns": turns})
    if config.scenario == "aloe":
        return {}
    change = options.get("change")
    if isinstance(change, int) and not 1 < change <= turns:
        raise UsageError(f"option change={change}: the person changes at a turn from 2 to {turns}, the last one")
    if sessions := options.get("sessions"):
        length(turns, cast(int, sessions))
    return {"scenario": config.scenario, **options}


def check_notes(candidates: Sequence[Candidate], scenario: str, users: Collection[str]) -> None:
    """Raises `UsageError` for a wrapper that means nothing in this scenario."""
    for candidate in candidates:
        if scenario != "sessions" and candidate.role.carries != Plain.carries:
            raise UsageError(f"{candidate.wrapper}: is for several sessions: add --scenario sessions")
        if scenario == "sessions" and candidate.role.meets_donor and candidate.role.carries == Plain.carries:
            raise UsageError(f"{candidate.wrapper}: is for one session; with --scenario sessions take other-note:")
        if candidate.role.carries == "a true note" and "inducer" not in users:
            raise UsageError(f"{candidate.wrapper}: the Inducer writes the note: add --inducer MODEL")


def laid_out(
    candidates: Sequence[Candidate], cases: Cases, users: Mapping[str, ModelSpec], conditions: Conditions
) -> tuple[list[Tree], dict[str, EvalDialogue]]:
    """An empty tree for each candidate and case, and its dialogue by its id; without `users` the stored ones.

    Candidate after candidate, so that a local model is asked for many dialogues at once.
    """
    trees: list[Tree] = []
    dialogues: dict[str, EvalDialogue] = {}
    change, exchange = (conditions.dialogue.get(name) for name in ("change", "exchange"))
    sessions = cast(int, conditions.dialogue.get("sessions", 1))
    later = cases.becoming(cast(Exchange, exchange), conditions.seed) if change else {}
    for candidate in candidates:
        for case in cases.all:
            becomes = later.get(case.id)
            donor = cases.donor(case, conditions.seed, becomes) if candidate.role.meets_donor else None
            tree = empty_tree(candidate, case, donor, conditions, becomes)
            trees.append(tree)
            if users:
                dialogues[tree.id] = LiveDialogue(
                    candidate,
                    conditions.turns,
                    users["user"],
                    users.get("inducer"),
                    donor.persona if donor else None,
                    cast("int | None", change),
                    sessions,
                )
            else:
                other = donor.dialogue if donor else ()
                dialogues[tree.id] = ReplayDialogue(candidate, conditions.turns, case.dialogue, other)
    return trees, dialogues


def empty_tree(
    candidate: Candidate, case: Case, donor: Case | None, conditions: Conditions, later: Persona | None
) -> Tree:
    """A tree without nodes; its options say whose dialogue it is. `later`: whom its person becomes."""
    options = {"candidate": candidate.name, "case": case.id, "mode": conditions.mode, "turns": conditions.turns}
    if donor:
        options["stranger"] = donor.id
    people = {LATER: later} if later else {}
    return Tree(f"{candidate.name}/{case.id}", SCENARIO, case.persona, case.seed, options, personas=people)


def models_of_user(config: Evaluation, clients: Mapping[str, Client]) -> dict[str, ModelSpec]:
    """The user and, if there is one, the Inducer: by default where the user is offline and it costs nothing."""
    models = {"user": spec_for("user", config.user, clients)}
    offline = simulated_by_name(str(models["user"]))
    if config.inducer is not None or "inducer" in clients or offline:
        models["inducer"] = spec_for("inducer", config.inducer or "offline", clients)
    return models


def judges_of(config: Evaluation, clients: Mapping[str, Client]) -> tuple[dict[str, ModelSpec], type[Rater]]:
    """The judges under the names that stand in the scores, their model strings; and what they are asked for."""
    specs = [spec_for("judge", text, clients) for text in config.judge]
    judges = {str(spec): spec for spec in specs}
    if len(judges) < len(specs):
        raise UsageError("a judge is named twice; a second opinion comes from another model or other parameters")
    return judges, find_rater(config.protocol)


def judges_by_role(judges: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """The judges under all the names that a client for them may have."""
    return {**judges, "judge": next(iter(judges.values()))}


def provenance(judges: Mapping[str, ModelSpec], rater: type[Rater]) -> dict[str, dict[str, str]]:
    return {name: {"model": str(spec), "prompt": rater.prompt.fingerprint} for name, spec in judges.items()}


def fingerprint(
    conditions: Conditions, candidates: Mapping[str, JsonMapping], inducer: Mapping[str, str] | None
) -> JsonObject:
    """What must be equal to resume an evaluation; the engine follows from the models."""
    known = {name: value for name, value in conditions.as_json().items() if name != "engine"}
    if SHIPPED.get(conditions.protocol.name) == conditions.protocol:
        del known["scale"]  # the name says it, and version 0.1 wrote none
    return {"scenario": SCENARIO, **known, "candidates": candidates, "inducer": inducer}


def stored_user(run: RunFolder) -> tuple[str | None, dict[str, bool]]:
    """The model that played the user of a stored run, and whether it was simulated, if its manifest says."""
    if not run.manifest_file.exists():
        return None, {}
    manifest = run.manifest()
    identity = manifest["identity"]
    user = identity.get("models", {}).get("user") or identity.get("simulator", {}).get("model")
    return user, manifest.get("simulated", {})


def check_early(config: Evaluation, names: Sequence[str]) -> None:
    """Raises `UsageError` now for what would else come up after the run."""
    if config.baseline not in (None, *names):
        raise UsageError(f"--baseline {config.baseline!r} is no candidate; choose one of: {', '.join(names)}")
    if config.ratings is not None and not config.ratings.is_file():
        raise UsageError(f"--ratings {config.ratings}: there is no such file")
