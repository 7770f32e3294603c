"""A second opinion: other judges rate the replies of an earlier evaluation. No candidate is called."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from evaluation.dialogues import StoredDialogue, grow_rated, rated
from evaluation.leaks import find_leaks
from evaluation.plan import (
    SCENARIO,
    UNIT,
    EvalPlan,
    check_early,
    fingerprint,
    judges_by_role,
    judges_of,
    provenance,
)
from evaluation.scores import Protocol
from evaluation.settings import Evaluation
from evaluation.summary import Conditions
from i2a.digests import digest
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping
from i2a.models.autogen import Client
from i2a.runs.clients import check_clients
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.trees.json import read


def plan_rejudging(run: Path, config: Evaluation, clients: Mapping[str, Client] = {}) -> EvalPlan:
    """Rate a complete evaluation anew; ratings by other judges stay if the protocol is the same.

    Raises `UsageError` for a run that is no evaluation, or is not complete.
    """
    folder = RunFolder(run)
    manifest = folder.manifest()
    first = manifest["identity"]
    if first.get("scenario") != SCENARIO:
        raise UsageError(f"{run} is no evaluation; `i2a evaluate --replay {run}` makes one from it")
    check_early(config, list(first["candidates"]))
    trees = {tree.id: tree for tree in (read(folder.trees_file) if folder.finished() else ())}
    failures = [past[-1] for id, past in folder.failures().items() if id not in trees]
    if missing := len(first["candidates"]) * first["personas"]["cases"] - len(trees) - len(failures):
        raise UsageError(f"{run} is not complete, {missing} dialogues are left: continue it with --resume first")
    judges, rater = judges_of(config, clients)
    check_clients(clients, judges_by_role(judges))
    conditions = conditions_of(first, rater.protocol, provenance(judges, rater))
    personas = list({tree.persona.id: tree.persona for tree in trees.values()}.values())
    dialogues = {id: StoredDialogue(tree, conditions.judges) for id, tree in trees.items()}
    plan = RunPlan(
        fingerprint={**fingerprint(conditions, first["candidates"], first["inducer"]), "rejudged": contents(folder)},
        models=judges,
        trees=[replace(tree, roots=[]) for tree in trees.values()],
        grow=grow_rated(dialogues, judges, rater),
        unit=UNIT,
        steps=rated(judges),
        failures=failures,
        simulated=manifest.get("simulated", {}),
        roles={"judge": list(judges.values())},
        replan=partial(_replanned, run, config),
        clients=clients,
    ).sharded(config.shard)
    leaks = find_leaks({name: told["model"] for name, told in first["candidates"].items()}, personas)
    return EvalPlan(plan, conditions, first["candidates"], leaks)


def _replanned(run: Path, config: Evaluation, clients: Mapping[str, Client]) -> RunPlan:
    return plan_rejudging(run, config.model_copy(update={"shard": None}), clients).run


def conditions_of(first: JsonMapping, protocol: Protocol, judges: JsonMapping) -> Conditions:
    """Those of the first evaluation, less its judges; these stay beside the new ones if they rate alike."""
    alike = first["protocol"] == protocol.name and Protocol.stored(protocol.name, first.get("scale")) == protocol
    kept = first["judges"] if alike else {}
    return Conditions(
        protocol=protocol,
        engine="",
        mode=first["mode"],
        turns=first["turns"],
        seed=first["seed"],
        judges={**judges, **{name: kept[name] for name in kept if name not in judges}},
        simulator=first["simulator"],
        personas=first["personas"],
        dialogue=first.get("dialogue", {}),
    )


def contents(folder: RunFolder) -> str:
    """A digest of the dialogues and the ratings that they have so far."""
    return digest(folder.trees_file.read_bytes() if folder.finished() else b"")
