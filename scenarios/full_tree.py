"""Every reply continues: a conversation of `turns` turns becomes a tree with 2 ** turns ends."""

import asyncio

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from agents.user import User
from i2a.trees.tree import Node, Tree
from scenarios.replies import compare, replies
from scenarios.script import scenario


@scenario
async def full_tree(
    tree: Tree,
    user: User,
    inducer: Inducer,
    preferred: PreferredResponder,
    rejected: RejectedResponder,
    judge: Judge,
    *,
    turns: int = 3,
) -> None:
    """A person and two responders; both replies continue, so that every choice can be followed to its end."""

    async def grow(here: Node | None, left: int) -> None:
        if left < 1:
            return
        here = tree.add(here, await user(here))
        hinted, plain = await replies(inducer, preferred, rejected, here)
        pair = tree.add(here, hinted), tree.add(here, plain)
        async with asyncio.TaskGroup() as branches:
            branches.create_task(compare(judge, here, *pair))
            for reply in pair:
                branches.create_task(grow(tree.keep(reply), left - 1))

    await grow(None, turns)
