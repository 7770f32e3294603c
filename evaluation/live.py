"""The live dialogue: a simulated user talks with the candidate, turn by turn, and every reply is rated."""

import asyncio
from collections.abc import Mapping

from agents.inducer import Inducer
from agents.user import User
from evaluation.candidates import Plain
from evaluation.judge import Rater, rate
from i2a.errors import ModelError
from i2a.trees.tree import Node, Tree


async def live(
    tree: Tree,
    user: User,
    candidate: Plain,
    judges: Mapping[str, Rater],
    donor: User | None = None,
    inducer: Inducer | None = None,
    *,
    turns: int,
) -> None:
    """A dialogue of `turns` turns. The next turn does not wait for the rating of this one.

    With a `donor`, the user of another persona, the candidate first talks with that one, which makes a root of its own
    in the tree; before each message of the user it is then shown that history. An `inducer` says at the end what it
    knows, which only the audit reads.
    """
    past = await donated(tree, donor, candidate, turns - 1) if donor else None
    here: Node | None = None
    broken: ModelError | None = None
    async with asyncio.TaskGroup() as meanwhile:
        try:
            for turn in range(turns):
                message = tree.add(here, await user(here))
                shown = message if past is None else Node(past[turn], "user", message.content)
                reply = tree.add(message, await candidate(shown))
                meanwhile.create_task(rate(judges, message, reply))
                here = tree.keep(reply)
        except ModelError as problem:  # what was said before is rated all the same
            broken = problem
        if inducer and here and not broken:
            meanwhile.create_task(infer(inducer, message))
    if broken:
        raise broken


async def donated(tree: Tree, donor: User, candidate: Plain, turns: int) -> list[Node | None]:
    """The candidate's dialogue with the donor: its state after 0, 1, ... `turns` turns."""
    states: list[Node | None] = [None]
    for _ in range(turns):
        message = tree.add(states[-1], await donor(states[-1]))
        states.append(tree.keep(tree.add(message, await candidate(message))))
    return states


async def infer(inducer: Inducer, message: Node) -> None:
    """Ask the Inducer what the user's messages up to this one have revealed. A failure costs no dialogue."""
    try:
        message.inference = await inducer(message)
    except ModelError as problem:
        message.metadata["inducer"] = str(problem)
