"""The scenario of the paper (arXiv 2410.03642), corrected: a judge labels in both orders, a random reply continues."""

import asyncio

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from agents.user import User
from i2a.trees.tree import Node, Tree
from scenarios.replies import compare, replies
from scenarios.script import scenario


@scenario
async def aloe(
    tree: Tree,
    user: User,
    inducer: Inducer,
    preferred: PreferredResponder,
    rejected: RejectedResponder,
    judge: Judge,
    *,
    turns: int = 10,
) -> None:
    """A person and two responders; either reply, drawn at random, continues the dialogue."""
    here: Node | None = None
    async with asyncio.TaskGroup() as verdicts:  # the next turn does not wait for the verdict on this one
        for _ in range(turns):
            here = tree.add(here, await user(here))
            hinted, plain = await replies(inducer, preferred, rejected, here)
            pair = tree.add(here, hinted), tree.add(here, plain)
            verdicts.create_task(compare(judge, here, *pair))
            here = tree.keep(tree.random.choice(pair))
