"""Every reply continues: a conversation of `turns` turns becomes a tree with 2 ** turns ends."""

import asyncio

from i2a.trees.tree import Node, Tree
from scenarios.aloe import ROLES
from scenarios.cast import Cast
from scenarios.script import scenario
from scenarios.turn import compare, replies


@scenario(roles=ROLES)
async def full_tree(tree: Tree, cast: Cast, *, turns: int = 3) -> None:
    """A person and two responders; both replies continue, so that every choice can be followed to its end."""

    async def grow(here: Node | None, left: int) -> None:
        if left < 1:
            return
        here = tree.add(here, await cast.user(here))
        hinted, plain = await replies(cast, here)
        pair = tree.add(here, hinted), tree.add(here, plain)
        async with asyncio.TaskGroup() as branches:
            branches.create_task(compare(cast, here, *pair))
            for reply in pair:
                branches.create_task(grow(tree.keep(reply), left - 1))

    await grow(None, turns)
