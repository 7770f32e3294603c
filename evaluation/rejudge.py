"""A second opinion: other judges rate the replies of an evaluation that was held before. No candidate is called."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.role import Role
from evaluation.candidates import Plain
from evaluation.judge import RATINGS, Rater, rate
from evaluation.settings import Evaluation
from evaluation.summary import Conditions
from evaluation.work import SCENARIO, Work, about, check_early, engine, identity, judges_of, priced, provenance
from i2a.digests import digest
from i2a.errors import UsageError
from i2a.models.spec import ModelSpec
from i2a.runs.run_folder import RunFolder
from i2a.runs.session import Session
from i2a.trees.json import read
from i2a.trees.tree import Tree


@dataclass(frozen=True, slots=True)
class Stored:
    """Dialogues that are there, by the id of their tree. Only the ratings of `judges` are taken over with them."""

    trees: Mapping[str, Tree]
    judges: Mapping[str, Any]

    def roles(self, session: Session, tree: Tree) -> dict[str, Role[Any]]:
        """Nobody in it is asked; the candidate lends its replies the chat role of an assistant."""
        return {"candidate": Plain("candidate", next(iter(session.models.values())))}

    async def run(self, tree: Tree, roles: Mapping[str, Any], judges: Mapping[str, Rater]) -> None:
        tree.roots.extend(self.trees[tree.id].roots)
        async with asyncio.TaskGroup() as ratings:
            for reply in tree:
                if RATINGS in reply.metadata and reply.parent is not None:
                    known = reply.metadata[RATINGS]
                    reply.metadata[RATINGS] = {name: known[name] for name in known if name in self.judges}
                    ratings.create_task(rate(judges, reply.parent, reply))


def rejudged(run: Path, config: Evaluation) -> Work:
    """The work of rating a complete evaluation anew; ratings by other judges stay if the protocol is the same.

    Raises `UsageError` for a run that is no evaluation, or is not complete.
    """
    folder = RunFolder(run)
    held = held_evaluation(folder)
    check_early(config, list(held["candidates"]))
    trees = {tree.id: tree for tree in (read(folder.trees_file) if folder.finished() else ())}
    lost = [past[-1] for id, past in folder.failures().items() if id not in trees]
    if missing := len(held["candidates"]) * held["personas"]["cases"] - len(trees) - len(lost):
        raise UsageError(f"{run} is not complete, {missing} dialogues are left: go on with it (--resume) first")
    judges, rater = judges_of(config)
    kept = {**held["judges"]} if held["protocol"] == config.protocol else {}
    user = held["simulator"]["model"]
    conditions = Conditions(
        protocol=rater.protocol,
        engine=engine(map(ModelSpec.parse, [*judges, *kept, *([user] if user else [])])),
        mode=held["mode"],
        turns=held["turns"],
        seed=held["seed"],
        judges=provenance(judges, rater) | {name: kept[name] for name in kept if name not in judges},
        simulator=held["simulator"],
        personas=held["personas"],
    )
    return Work(
        conditions=conditions,
        candidates=held["candidates"],
        judges=judges,
        rater=rater,
        dialogues=Stored(trees, conditions.judges),
        trees=[Tree(tree.id, tree.scenario, tree.persona, tree.seed, tree.options) for tree in trees.values()],
        models=[],
        prices=priced(judges.values(), config),
        identity=identity(conditions, held["candidates"], held["inducer"]) | {"rejudged": fingerprint(folder)},
        about=about(config),
        lost=lost,
    )


def held_evaluation(folder: RunFolder) -> dict[str, Any]:
    """What the manifest of an evaluation says it is. Raises `UsageError` for any other run."""
    held: dict[str, Any] = folder.manifest()["identity"]
    if held.get("scenario") != SCENARIO:
        raise UsageError(f"{folder.path} is no evaluation; `i2a evaluate --replay {folder.path}` makes one from it")
    return held


def fingerprint(folder: RunFolder) -> str:
    """Of the dialogues and the ratings that they have so far."""
    return digest(folder.trees_file.read_bytes() if folder.finished() else b"")
