"""A preference changes: from turn `change` on, the person has personality, profile, or both, of somebody else."""

import asyncio
from dataclasses import replace
from typing import Literal

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from agents.user import User
from i2a.errors import UsageError
from i2a.trees.persona import Persona
from i2a.trees.tree import PERSONA, Node, Tree
from scenarios.people import LATER
from scenarios.replies import compare, replies
from scenarios.script import scenario

Exchange = Literal["personality", "profile", "both"]


class ChangingUser(User):
    """A person whose persona changes during the chat."""

    prompt = User.prompt
    changes = True
    keeps_prompt = False


@scenario
async def drift(
    tree: Tree,
    user: ChangingUser,
    inducer: Inducer,
    preferred: PreferredResponder,
    rejected: RejectedResponder,
    judge: Judge,
    *,
    turns: int = 10,
    change: int = 5,
    exchange: Exchange = "personality",
) -> None:
    """As aloe, but at turn `change` the person becomes another one; the judge and the Inducer are told of that one."""
    if LATER not in tree.personas:
        raise UsageError(f"tree {tree.id} has nobody whom its person could become")
    later = exchanged(tree.persona, tree.personas[LATER], exchange)
    tree.personas = {**tree.personas, LATER: later}
    here: Node | None = None
    async with asyncio.TaskGroup() as verdicts:
        for turn in range(1, turns + 1):
            if turn == change:
                user, inducer, judge = user.told_of(later), inducer.told_of(later), judge.told_of(later)
            here = tree.add(here, await user(here))
            if turn == change:
                here.metadata[PERSONA] = LATER
            hinted, plain = await replies(inducer, preferred, rejected, here)
            pair = tree.add(here, hinted), tree.add(here, plain)
            verdicts.create_task(compare(judge, here, *pair))
            here = tree.keep(tree.random.choice(pair))


def exchanged(persona: Persona, other: Persona, what: Exchange) -> Persona:
    """`persona` with one half, or both, of `other`; what else is known of them stays. Once more changes nothing."""
    if what != "profile":
        persona = replace(persona, id="", personality=other.personality, personality_id=other.personality_id)
    if what != "personality":
        persona = replace(persona, id="", profile=other.profile, profile_id=other.profile_id)
    return persona
