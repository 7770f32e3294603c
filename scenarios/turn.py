"""What the shipped scenarios share: two replies to a message, and their comparison in both orders."""

import asyncio

from i2a.errors import MalformedAnswer
from i2a.trees.tree import Node, Utterance, Verdict
from scenarios.cast import Cast


async def replies(cast: Cast, here: Node) -> tuple[Utterance, Utterance]:
    """The hinted and the plain reply to `here`, which keeps what the Inducer knew. The plain one needs no Inducer."""

    async with asyncio.TaskGroup() as meanwhile:
        rejected = meanwhile.create_task(cast.rejected(here))
        here.inference = await cast.inducer(here)
        preferred = await cast.preferred(here, inducer=here.inference)
    return preferred, rejected.result()


async def compare(cast: Cast, here: Node, one: Node, other: Node) -> None:
    """Ask the judge in both orders. Only an agreeing verdict labels the pair; an unusable one is kept as such."""

    async def verdict(first: Node, second: Node) -> Verdict:
        try:
            preference = await cast.judge(here, first, second)
        except MalformedAnswer as problem:
            return Verdict(first, second, None, str(problem))
        return Verdict(first, second, first if preference.winner == "1" else second, preference.reason)

    async with asyncio.TaskGroup() as meanwhile:
        swapped = meanwhile.create_task(verdict(other, one))
        straight = await verdict(one, other)
    here.verdicts = [straight, swapped.result()]
    winners = {verdict.winner for verdict in here.verdicts}
    if len(winners) == 1 and (winner := winners.pop()) is not None:
        for node in (one, other):
            node.label = "preferred" if node is winner else "rejected"
