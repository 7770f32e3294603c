"""How the dialogue of a tree comes about in an evaluation: live, replayed, or taken from an earlier evaluation."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.inducer import Inducer
from agents.role import Role
from agents.user import User
from evaluation.candidates import Candidate, Plain
from evaluation.judge import RATED, RATINGS, Rater, rate
from evaluation.live import DONOR, Rate, live
from evaluation.replay import replay
from i2a.models.spec import ModelSpec
from i2a.runs.session import Session
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree
from scenarios.cast import Cast, Player


class Dialogue(Protocol):
    """The dialogue of one tree."""

    def cast(self, tree: Tree, session: Session) -> Cast:
        """Those who talk in it."""
        ...

    async def run(self, tree: Tree, cast: Cast, rate: Rate) -> None:
        """Grow the empty tree, with a rating for every reply."""
        ...


@dataclass(frozen=True, slots=True)
class LiveDialogue:
    """A simulated user talks with the candidate. `donor`: whose history a shuffled candidate is shown."""

    candidate: Candidate
    turns: int
    user: ModelSpec
    inducer: ModelSpec | None
    donor: Persona | None

    def cast(self, tree: Tree, session: Session) -> Cast:
        """Only an oracle, the user and the Inducer know the persona."""
        models = {RATED: self.candidate.model, "user": self.user}
        if self.donor:
            models[DONOR] = self.user
        if self.inducer:
            models["inducer"] = self.inducer
        clients, persona = session.clients(tree.id, tree.seed, models), values_of(tree.persona)
        roles: dict[str, Role] = {
            RATED: self.candidate.play(clients[RATED], tree.persona),
            "user": User("user", clients["user"], **persona),
        }
        if self.inducer:
            roles["inducer"] = Inducer("inducer", clients["inducer"], **persona)
        if self.donor:
            roles[DONOR] = User(DONOR, clients[DONOR], **values_of(self.donor))
        return Cast(roles)

    async def run(self, tree: Tree, cast: Cast, rate: Rate) -> None:
        shuffle, induce = self.donor is not None, self.inducer is not None
        await live(tree, cast, rate, turns=self.turns, shuffle=shuffle, induce=induce)


@dataclass(frozen=True, slots=True)
class ReplayDialogue:
    """The candidate answers the messages of a stored dialogue. `donor`: the dialogue that a shuffled one is shown."""

    candidate: Candidate
    turns: int
    path: Sequence[Node]
    donor: Sequence[Node]

    def cast(self, tree: Tree, session: Session) -> Cast:
        client = session.clients(tree.id, tree.seed, {RATED: self.candidate.model})[RATED]
        return Cast({RATED: self.candidate.play(client, tree.persona)})

    async def run(self, tree: Tree, cast: Cast, rate: Rate) -> None:
        await replay(tree, cast, rate, path=self.path, turns=self.turns, stranger=self.donor)


@dataclass(frozen=True, slots=True)
class StoredDialogue:
    """A dialogue that is there. Of its ratings only those of `judges` stay."""

    stored: Tree
    judges: Collection[str]

    def cast(self, tree: Tree, session: Session) -> Cast:
        """Nobody in it is asked; the candidate's replies are shown as an assistant's."""
        anybody = next(iter(session.endpoints.values())).client
        return Cast({RATED: Plain(RATED, anybody)})

    async def run(self, tree: Tree, cast: Cast, rate: Rate) -> None:
        tree.roots.extend(self.stored.roots)
        async with asyncio.TaskGroup() as ratings:
            for reply in tree:
                if RATINGS in reply.notes and reply.parent is not None:
                    known = reply.notes[RATINGS]
                    reply.notes[RATINGS] = {name: known[name] for name in known if name in self.judges}
                    ratings.create_task(rate(reply.parent, reply))


def grow_rated(
    dialogues: Mapping[str, Dialogue], judges: Mapping[str, ModelSpec], rater: type[Rater]
) -> Callable[[Tree, Session], Awaitable[None]]:
    """What grows a tree: its dialogue among `dialogues`, found by its id, with every reply rated by every judge."""

    async def grow(tree: Tree, session: Session) -> None:
        dialogue = dialogues[tree.id]
        cast = dialogue.cast(tree, session)
        players: dict[str, Player] = {}
        for name, spec in judges.items():
            # Each judge has calls of its own: who else is asked changes neither its seeds nor its answers.
            client = session.clients(tree.id, tree.seed, {"judge": spec})["judge"]
            players[name] = Player(cast, "judge", rater("judge", client, **values_of(tree.persona)))

        async def rated(message: Node, reply: Node) -> None:
            await rate(players, message, reply)

        await dialogue.run(tree, cast, rated)

    return grow


def values_of(persona: Persona) -> dict[str, str]:
    """The persona, for the prompts of those who may know it."""
    return {"profile": persona.profile, "personality": persona.personality}
