"""What the shipped scenarios share: two replies to a message, and a comparison of two nodes in both orders."""

import asyncio

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from i2a.errors import ModelError
from i2a.trees.tree import Node, Utterance, Verdict


async def replies(
    inducer: Inducer, preferred: PreferredResponder, rejected: RejectedResponder, here: Node
) -> tuple[Utterance, Utterance]:
    """The hinted and the plain reply to `here`, which gets the Inducer's answer. The plain reply does not use it."""
    async with asyncio.TaskGroup() as meanwhile:
        plain = meanwhile.create_task(rejected(here))
        here.inference = await inducer(here)
        hinted = await preferred(here, inducer=here.inference)
    return hinted, plain.result()


async def compare(judge: Judge, here: Node, one: Node, other: Node, *, label: bool = True) -> Node | None:
    """Let the judge compare two replies, whoever wrote them, in both orders; the winner if the verdicts agree.

    Only agreeing verdicts label the two nodes, as preferred and rejected; with `label=False` nothing is labelled. A
    call that failed, as for a context that is too small, is stored as a verdict without a winner and with its reason.
    """
    orders = ((one, other), (other, one))
    answers = await asyncio.gather(*(judge(here, *order) for order in orders), return_exceptions=True)
    verdicts = []
    for (first, second), answer in zip(orders, answers, strict=True):
        if isinstance(answer, ModelError):
            verdicts.append(Verdict(first, second, None, str(answer)))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            verdicts.append(Verdict(first, second, first if answer.winner == "1" else second, answer.reason))
    here.verdicts += verdicts
    here.verdicts.sort(key=_place)  # whichever of several comparisons is done first, the tree is the same
    winner = verdicts[0].winner
    if winner is None or winner is not verdicts[1].winner:
        return None
    if label:
        winner.label, (other if winner is one else one).label = "preferred", "rejected"
    return winner


def _place(verdict: Verdict) -> list[int]:
    """The places of the two among their siblings, whichever the judge saw first."""
    pair = (verdict.first, verdict.second)
    return sorted(node.parent.children.index(node) if node.parent else -1 for node in pair)
