"""How the dialogue of a tree comes about in an evaluation: live, replayed, or taken from an earlier evaluation."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.inducer import Inducer
from agents.role import introduce
from agents.user import User
from evaluation.candidates import CANDIDATE, Candidate, Plain
from evaluation.judge import Rater, rate
from evaluation.live import Change, live
from evaluation.replay import replay
from i2a.digests import digest
from i2a.models.model import Model
from i2a.models.spec import ModelSpec
from i2a.runs.session import Session
from i2a.trees.persona import Persona
from i2a.trees.tree import OTHER_RATINGS, RATINGS, Node, Tree
from scenarios.people import LATER

SALT = "salt"  # its key in the manifest of a run


class EvalDialogue(Protocol):
    """The dialogue of one tree."""

    async def run(self, tree: Tree, session: Session, judges: Mapping[str, Rater]) -> None:
        """Grow the empty tree, with a rating of every reply by every judge."""
        ...


@dataclass(frozen=True, slots=True)
class LiveDialogue:
    """A simulated user talks with the candidate. `donor`: whose messages a shuffled candidate is shown.

    Only an oracle, the user and the Inducer know the persona. `change`: the turn at which the user becomes the later
    persona of the tree, and those who know the persona are told of that one. `sessions`: into how many the turns fall.
    """

    candidate: Candidate
    turns: int
    user: ModelSpec
    inducer: ModelSpec | None
    donor: Persona | None
    change: int | None = None
    sessions: int = 1

    async def run(self, tree: Tree, session: Session, judges: Mapping[str, Rater]) -> None:
        models = {"user": self.user}
        models |= {"donor": self.user} if self.donor else {}
        models |= {"inducer": self.inducer} if self.inducer else {}
        clients, persona = session.clients(tree.id, tree.seed, models), tree.persona.values
        client = candidate_client(tree, session, self.candidate.model)
        candidate = self.candidate.play(client, tree.persona)
        change = Change(self.change, self.candidate.play(client, tree.personas[LATER])) if self.change else None
        user = User("user", clients["user"], **persona)
        donor = User("donor", clients["donor"], **self.donor.values) if self.donor else None
        inducer = Inducer("inducer", clients["inducer"], **persona) if self.inducer else None
        others = [change.candidate] if change else []
        introduce(role for role in (candidate, *others, user, donor, inducer, *judges.values()) if role)
        await live(
            tree, user, candidate, judges, donor, inducer, turns=self.turns, change=change, sessions=self.sessions
        )


@dataclass(frozen=True, slots=True)
class ReplayDialogue:
    """The candidate answers the messages of a stored dialogue. `donor`: the dialogue that a shuffled one is shown."""

    candidate: Candidate
    turns: int
    path: Sequence[Node]
    donor: Sequence[Node]

    async def run(self, tree: Tree, session: Session, judges: Mapping[str, Rater]) -> None:
        candidate = self.candidate.play(candidate_client(tree, session, self.candidate.model), tree.persona)
        introduce([candidate, *judges.values()])
        await replay(tree, candidate, judges, path=self.path, turns=self.turns, donor=self.donor)


@dataclass(frozen=True, slots=True)
class StoredDialogue:
    """A dialogue of an earlier evaluation. Only the ratings by `judges` are kept; no model is called."""

    stored: Tree
    judges: Collection[str]

    async def run(self, tree: Tree, session: Session, judges: Mapping[str, Rater]) -> None:
        anybody = next(iter(session.endpoints.values())).model
        introduce([Plain(CANDIDATE, anybody), *judges.values()])  # the candidate's words are those of an assistant
        tree.roots.extend(self.stored.roots)
        async with asyncio.TaskGroup() as ratings:
            for reply in tree:
                if RATINGS in reply.metadata and reply.parent is not None:
                    for key in reply.metadata.keys() & {RATINGS, OTHER_RATINGS}:
                        known = reply.metadata[key]
                        reply.metadata[key] = {name: known[name] for name in known if name in self.judges}
                    ratings.create_task(rate(tree, judges, reply.parent, reply))


def candidate_client(tree: Tree, session: Session, spec: ModelSpec) -> Model:
    """The model of a candidate, for one tree.

    The seed of a tree follows from its case, and those of user and judge from it, the same for all candidates. A server
    or a model of somebody else's must not guess the case from the seeds that it is sent: they follow from the tree's id
    and a secret that the manifest of the run keeps (runs before version 0.2 have none).
    """
    salt, seed = session.manifest.get(SALT), tree.seed
    if salt and not session.endpoints[spec].model.in_process:
        seed = int(digest(f"{salt}/{tree.id}"), 16)
    return session.clients(tree.id, seed, {CANDIDATE: spec})[CANDIDATE]


def grow_rated(
    dialogues: Mapping[str, EvalDialogue], judges: Mapping[str, ModelSpec], rater: type[Rater]
) -> Callable[[Tree, Session], Awaitable[None]]:
    """What grows a tree: its dialogue among `dialogues`, found by its id, with every reply rated by every judge."""

    def grow(tree: Tree, session: Session) -> Awaitable[None]:
        raters: dict[str, Rater] = {}
        for name, spec in judges.items():
            # Each judge has request keys of its own: who else is asked changes neither its seeds nor its answers.
            client = session.clients(tree.id, tree.seed, {"judge": spec})["judge"]
            raters[name] = rater("judge", client, **tree.persona.values)
        return dialogues[tree.id].run(tree, session, raters)

    return grow


def rated(judges: Collection[str]) -> Callable[[Tree], tuple[int, int]]:
    """For a `RunPlan`: how many replies of a tree are rated by all `judges`, and how many are to be."""

    wanted = set(judges)

    def steps(tree: Tree) -> tuple[int, int]:
        done = sum(wanted <= node.metadata.get(RATINGS, {}).keys() for node in tree)
        return done, int(str(tree.options["turns"]))

    return steps
