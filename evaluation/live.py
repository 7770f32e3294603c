"""The live dialogue: a simulated user talks with the candidate, turn by turn, and every reply is rated."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from i2a.errors import ModelError
from i2a.trees.tree import Node, Tree
from scenarios.cast import Cast

Rate = Callable[[Node, Node], Coroutine[Any, Any, None]]
DONOR = "donor"  # the user of another persona, from whose dialogue a shuffled candidate gets its history


async def live(tree: Tree, cast: Cast, rate: Rate, *, turns: int, shuffle: bool = False, induce: bool = False) -> None:
    """Hold a dialogue of `turns` turns. The next turn does not wait for the rating of this one.

    With `shuffle` the candidate first talks with the cast's donor, which makes a root of its own in the tree; before
    each message of the user it is then shown that history. With `induce` the Inducer says at the end what it knows.
    """
    past = await strangers(tree, cast, turns - 1) if shuffle else None
    here: Node | None = None
    async with asyncio.TaskGroup() as meanwhile:
        for turn in range(turns):
            message = tree.add(here, await cast.user(here))
            shown = message if past is None else Node(past[turn], "user", message.content)
            reply = tree.add(message, await cast.candidate(shown))
            meanwhile.create_task(rate(message, reply))
            here = tree.keep(reply)
        if induce:
            meanwhile.create_task(infer(cast, message))


async def strangers(tree: Tree, cast: Cast, turns: int) -> list[Node | None]:
    """The candidate's dialogue with the donor: its state after 0, 1, ... `turns` turns."""
    states: list[Node | None] = [None]
    for _ in range(turns):
        message = tree.add(states[-1], await cast.donor(states[-1]))
        states.append(tree.keep(tree.add(message, await cast.candidate(message))))
    return states


async def infer(cast: Cast, message: Node) -> None:
    """Ask the Inducer what the user's messages up to this one have revealed. Only the audit wants to know."""
    try:
        message.inference = await cast.inducer(message)
    except ModelError as problem:
        message.notes["inducer"] = str(problem)
