"""The replay: every candidate answers the same stored messages, each after the dialogue that really took place.

As nothing waits for a candidate's reply, all of them can be asked for at once.
"""

import asyncio
from collections.abc import Mapping, Sequence

from evaluation.candidates import Plain
from evaluation.cases import USER
from evaluation.judge import Rater, rate
from i2a.errors import ModelError
from i2a.trees.tree import Node, SentPrompt, Tree, Utterance


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

    It is sent the prompt of the stored reply in whose place its own stands, if the path has one.

    What the candidate is shown of the dialogue may have messages of a `donor` in it, the path of another persona's
    dialogue, see `Plain.shown`.
    """
    strange = [node.content for node in donor if node.speaker == USER]
    turn = 0

    broken: list[ModelError] = []

    async def answer(message: Node, prompt: SentPrompt | None) -> None:
        try:
            reply = tree.add(message, await candidate.under(prompt)(candidate.shown(message, strange)))
        except ModelError as problem:  # the other turns do not need this one
            broken.append(problem)
        else:
            await rate(tree, judges, message, reply)

    here: Node | None = None
    prompt: SentPrompt | None = None
    async with asyncio.TaskGroup() as answers:
        for node, after in zip(path, [*path[1:], None], strict=True):
            if node.speaker != USER:
                here = tree.keep(tree.add(here, Utterance(node.speaker, node.content)))
            elif turn < turns:
                here = tree.add(here, Utterance(USER, node.content))
                here.inference = node.inference
                prompt = (after and after.prompt) or prompt
                answers.create_task(answer(here, prompt))
                turn += 1
            else:
                break
    if broken:
        raise broken[0]
