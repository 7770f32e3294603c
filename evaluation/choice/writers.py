"""Who takes part where items are made: the roles, strangers, and the person before and after a change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.inducer import Inducer
from agents.responders import PreferredResponder, RejectedResponder
from agents.role import Role, introduce
from agents.user import User
from evaluation.cases import USER
from i2a.models.model import Model
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree
from scenarios.people import LATER

ROLES: dict[str, type[Role[Any]]] = {
    "user": User,
    "inducer": Inducer,
    "preferred": PreferredResponder,
    "rejected": RejectedResponder,
}
MET = 2  # turns of the chat with a stranger


@dataclass(frozen=True, slots=True)
class Writers:
    """The roles of one tree."""

    user: User
    inducer: Inducer
    preferred: PreferredResponder
    rejected: RejectedResponder

    @classmethod
    def of(cls, persona: Persona, clients: Mapping[str, Model]) -> "Writers":
        known = persona.values
        writers = cls(
            User("user", clients["user"], **known),
            Inducer("inducer", clients["inducer"], **known),
            PreferredResponder("preferred", clients["preferred"]),
            RejectedResponder("rejected", clients["rejected"]),
        )
        introduce([writers.user, writers.inducer, writers.preferred, writers.rejected])
        return writers

    def told_of(self, persona: Persona) -> "Writers":
        """Those who know the person, told of whom it becomes."""
        return replace(self, user=self.user.told_of(persona), inducer=self.inducer.told_of(persona))


@dataclass(frozen=True, slots=True)
class Stranger:
    """Another persona, and the last reply of a short chat that it had, which shows its manner."""

    persona: Persona
    here: Node

    @classmethod
    async def met(cls, persona: Persona, client: Model, responder: RejectedResponder) -> "Stranger":
        user = User("user", client, **persona.values)
        introduce([user, responder])
        here: Node | None = None
        for _ in range(MET):
            message = Node(here, USER, (await user(here)).content)
            here = Node(message, responder.name, (await responder(message)).content)
        assert here is not None
        return cls(persona, here)


@dataclass(frozen=True, slots=True)
class Around:
    """The person before and after a change, each as somebody who has had a short chat of their own."""

    before: Stranger
    after: Stranger

    @classmethod
    async def of(cls, tree: Tree, clients: Mapping[str, Model], responder: RejectedResponder) -> "Around":
        both = tree.persona, tree.personas[LATER]
        return cls(*[await Stranger.met(persona, clients["user"], responder) for persona in both])

    def other(self, tree: Tree, here: Node) -> Stranger:
        """The one that the person is not at `here`."""
        return self.after if tree.persona_at(here) is tree.persona else self.before


def manner_shown(tree: Tree, here: Node) -> list[str]:
    """The messages of the person whom it is at `here`."""
    holds = tree.persona_at(here)
    return [node.content for node in here.path if node.speaker == USER and tree.persona_at(node) is holds]
