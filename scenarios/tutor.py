"""Not about ALOE: a tutor must find out what a pupil has misunderstood, by asking and without lecturing."""

from typing import Literal

from agents.answers import Answer
from agents.prompt import Prompt
from agents.role import Role
from i2a.trees.tree import Node, Tree
from scenarios.script import scenario

MISCONCEPTIONS = (
    "The pupil believes that heavy things always fall faster than light ones.",
    "The pupil believes that summer is warm because the Earth is closer to the Sun.",
    "The pupil believes that a longer decimal number is always the larger one, so that 0.125 beats 0.5.",
    "The pupil believes that plants take all the stuff they are made of from the soil.",
    "The pupil believes that a coin which has shown heads five times is due to show tails.",
)


class Pupil(Role):
    """A learner with a misconception that shows only in what they say about the subject."""

    prompt = Prompt.beside(__file__, "pupil.txt")
    plays_person = True


class Tutor(Role):
    """Asks questions that bring out how the pupil thinks."""

    prompt = Prompt.beside(__file__, "tutor.txt")


class Diagnosis(Answer):
    """What the pupil gets wrong, as far as the dialogue shows it."""

    misconception: str
    found: Literal["yes", "no"]


class Examiner(Role[Diagnosis]):
    """Knows the misconception and judges whether the tutor could name it by now."""

    prompt = Prompt.beside(__file__, "examiner.txt")


@scenario
async def tutor(tree: Tree, pupil: Pupil, tutor: Tutor, examiner: Examiner, *, turns: int = 8) -> None:
    """A pupil with a misconception and a tutor who must find it; ends early once it is plain."""
    misconception = tree.random.choice(MISCONCEPTIONS)
    here: Node | None = None
    for _ in range(turns):
        here = tree.keep(tree.add(here, await pupil(here, misconception=misconception)))
        if here.parent is None:
            here.metadata["misconception"] = misconception
        diagnosis = await examiner(here, misconception=misconception)
        here.metadata["diagnosis"] = diagnosis.model_dump()
        if diagnosis.found == "yes":
            break
        here = tree.keep(tree.add(here, await tutor(here)))
