"""The replay: every candidate answers the same stored messages, each after the dialogue that really took place.

As nothing waits for a candidate's reply, all of them can be asked for at once.
"""

import asyncio
from collections.abc import Mapping, Sequence

from evaluation.candidates import Plain
from evaluation.cases import USER
from evaluation.judge import Rater, rate
from i2a.trees.tree import Node, Tree, Utterance


async def replay(
    tree: Tree,
    candidate: Plain,
    judges: Mapping[str, Rater],
    *,
    path: Sequence[Node],
    turns: int,
    donor: Sequence[Node] = (),
) -> None:
    """Let the candidate answer the first `turns` messages of `path`; the stored replies stay as siblings.

    With the path of a `donor`, the user of another persona, the candidate is shown its history instead, as long as it
    was before that message.
    """
    past = states(donor)
    turn = 0

    async def answer(message: Node, shown: Node) -> None:
        reply = tree.add(message, await candidate(shown))
        await rate(judges, message, reply)

    here: Node | None = None
    async with asyncio.TaskGroup() as answers:
        for node in path:
            if node.speaker != USER:
                here = tree.keep(tree.add(here, Utterance(node.speaker, node.content)))
            elif turn < turns:
                here = tree.add(here, Utterance(USER, node.content))
                here.inference = node.inference
                shown = Node(past[min(turn, len(past) - 1)], USER, node.content) if past else here
                answers.create_task(answer(here, shown))
                turn += 1
            else:
                break


def states(path: Sequence[Node]) -> list[Node | None]:
    """The dialogue before each message of its user, and the whole dialogue."""
    before = [node.parent for node in path if node.speaker == USER]
    return [*before, path[-1]] if path and path[-1].speaker != USER else before
