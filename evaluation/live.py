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
    in the tree; what it is then shown of the true dialogue has that one's messages in it, see `Plain.shown`. An
    `inducer` says at the end what it knows, which only the audit reads.
    """
    strange = await donated(tree, donor, candidate, turns - 1) if donor else []
    here: Node | None = None
    broken: ModelError | None = None
    async with asyncio.TaskGroup() as meanwhile:
        try:
            for _ in range(turns):
                message = tree.add(here, await user(here))
                reply = tree.add(message, await candidate(candidate.shown(message, strange)))
                meanwhile.create_task(rate(judges, message, reply))
                here = tree.keep(reply)
        except ModelError as problem:  # what was said before is rated all the same
            broken = problem
        if inducer and here and not broken:
            meanwhile.create_task(infer(inducer, message))
    if broken:
        raise broken


async def donated(tree: Tree, donor: User, candidate: Plain, turns: int) -> list[str]:
    """The messages of the donor in a dialogue of `turns` turns with the candidate."""
    here: Node | None = None
    messages = []
    for _ in range(turns):
        message = tree.add(here, await donor(here))
        here = tree.keep(tree.add(message, await candidate(message)))
        messages.append(message.content)
    return messages


async def infer(inducer: Inducer, message: Node) -> None:
    """Ask the Inducer what the user's messages up to this one have revealed. A failure costs no dialogue."""
    try:
        message.inference = await inducer(message)
    except ModelError as problem:
        message.metadata["inducer"] = str(problem)
