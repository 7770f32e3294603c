"""What the shipped scenarios share: two replies to a message, and a comparison of two nodes in both orders."""

import asyncio

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from i2a.errors import ModelError
from i2a.trees.tree import Node, Utterance, Verdict
from scenarios.jury import jury_of


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

    A judge that leads a jury asks all of its members, see `scenarios.jury`. Only agreement labels the two nodes, as
    preferred and rejected; with `label=False` nothing is labelled. A call that failed, as for a context that is too
    small, is stored as a verdict without a winner and with its reason.
    """
    jury = jury_of(judge)
    orders = ((one, other), (other, one))
    asked = [(name, order, member(here, *order)) for name, member in jury.members for order in orders]
    answers = await asyncio.gather(*(answer for _, _, answer in asked), return_exceptions=True)
    verdicts = []
    for (name, (first, second), _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, ModelError):
            verdicts.append(Verdict(first, second, None, str(answer), name))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            verdicts.append(Verdict(first, second, first if answer.winner == "1" else second, answer.reason, name))
    here.verdicts += verdicts
    here.verdicts.sort(key=_place)  # whichever of several comparisons is done first, the tree is the same
    named = [verdict.winner for verdict in verdicts]
    winner = jury.agree([each if each is again else None for each, again in zip(named[::2], named[1::2], strict=True)])
    if winner is not None and label:
        winner.label, (other if winner is one else one).label = "preferred", "rejected"
    return winner


def _place(verdict: Verdict) -> list[int]:
    """The places of the two among their siblings, whichever the judge saw first."""
    pair = (verdict.first, verdict.second)
    return sorted(node.parent.children.index(node) if node.parent else -1 for node in pair)
