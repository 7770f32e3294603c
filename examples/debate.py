"""Two debaters argue about a motion before an audience; the best of three drafts of each speech continues.

i2a scenarios check examples/debate.py
i2a simulate --scenario examples/debate.py --option 'motions=["Tea is better than coffee."]' --out runs/debate
"""

import asyncio
from itertools import combinations

from agents.judge import Judge
from agents.prompt import Prompt
from agents.role import Role
from i2a.trees.tree import Node, Tree, Utterance
from scenarios import scenario
from scenarios.replies import compare

DRAFTS = 3
MOTIONS = ["Cities should ban private cars.", "Homework does more harm than good.", "Everybody should learn to cook."]


class Debater(Role):
    """Argues for one side of a motion."""

    prompt = Prompt(
        """You are in a debate, and speak $side the motion.
Answer the last speech and bring one new argument, in two or three sentences."""
    )


@scenario
async def debate(
    tree: Tree, pro: Debater, con: Debater, audience: Judge, *, turns: int = 3, motions: list[str] = MOTIONS
) -> None:
    """Two debaters; an audience with a persona picks the speech that continues."""
    here = tree.add(None, Utterance("chair", f"The motion is: {tree.random.choice(motions)}"))
    for _ in range(turns):
        for debater, side in ((pro, "for"), (con, "against")):
            drafts = await asyncio.gather(*(debater(here, side=side) for _ in range(DRAFTS)))
            here = tree.keep(await best(audience, here, [tree.add(here, draft) for draft in drafts]))


async def best(audience: Judge, here: Node, drafts: list[Node]) -> Node:
    """The draft that beats most others, each compared in both orders; the first of equals."""
    beaten: dict[Node, list[Node]] = {draft: [] for draft in drafts}
    for one, other in combinations(drafts, 2):
        if winner := await compare(audience, here, one, other, label=False):
            beaten[winner].append(other if winner is one else one)
    first = max(drafts, key=lambda draft: len(beaten[draft]))
    for loser in beaten[first]:
        first.label, loser.label = "preferred", "rejected"
    return first
