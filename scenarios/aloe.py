"""The scenario of the paper (arXiv 2410.03642), repaired: a judge labels, in both orders, and chance continues."""

import asyncio

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from agents.user import User
from i2a.trees.tree import Node, Tree
from scenarios.cast import Cast
from scenarios.script import scenario
from scenarios.turn import compare, replies

ROLES = {
    "user": User,
    "inducer": Inducer,
    "preferred": PreferredResponder,
    "rejected": RejectedResponder,
    "judge": Judge,
}


@scenario(roles=ROLES)
async def aloe(tree: Tree, cast: Cast, *, turns: int = 10) -> None:
    """A person and two responders; either reply, drawn at random, continues the dialogue."""
    here: Node | None = None
    async with asyncio.TaskGroup() as verdicts:  # the next turn does not wait for the verdict on this one
        for _ in range(turns):
            here = tree.add(here, await cast.user(here))
            hinted, plain = await replies(cast, here)
            pair = tree.add(here, hinted), tree.add(here, plain)
            verdicts.create_task(compare(cast, here, *pair))
            here = tree.keep(tree.random.choice(pair))
