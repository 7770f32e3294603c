"""Two neighbours quarrel, and a mediator speaks after each of them. Nothing is compared, and nothing is scored.

i2a simulate --scenario examples/mediation.py --conversations 20 --out runs/mediation
i2a train sft runs/mediation --role mediator --model small --out runs/mediation-sft

Which of several things the mediator could say is better is told from outside, by rewards: docs/roles.md.
"""

from agents.prompt import Prompt
from agents.role import Role
from i2a.trees.tree import Tree
from scenarios import scenario

QUARRELS = (
    "a tree that takes the light from the other's garden",
    "music late in the evening",
    "a dog that barks while its owner is at work",
    "who pays for the fence between the gardens",
)


class Neighbour(Role):
    """A person who is in the right."""

    prompt = Prompt(
        """You live next door to somebody with whom you quarrel about this: $quarrel. You $side.
<profile>$profile</profile> <personality>$personality</personality>
Say what this person would say to the mediator and the neighbour, in one or two sentences.
---
(You sit down with the mediator and your neighbour.)"""
    )


class Mediator(Role):
    """Takes no side."""

    prompt = Prompt(
        """You are a mediator between two neighbours. Take no side.
Say in one or two sentences what you have understood, and ask one question that helps them to agree."""
    )
    chat_role = "assistant"


@scenario
async def mediation(tree: Tree, owner: Neighbour, other: Neighbour, mediator: Mediator, *, rounds: int = 2) -> None:
    """The owner and the other neighbour speak in turn, and the mediator after each of them."""
    quarrel = tree.random.choice(QUARRELS)
    here = None
    for _ in range(rounds):
        for neighbour, side in ((owner, "do what is complained about"), (other, "complain about it")):
            here = tree.add(here, await neighbour(here, quarrel=quarrel, side=side))
            here = tree.keep(tree.add(here, await mediator(here)))
