"""A doctor takes the history of a patient, who says no more than asked; an observer scores three drafts of a question.

i2a simulate --scenario examples/doctor.py --conversations 20 --out runs/doctor
i2a train dpo runs/doctor --role doctor --model small --out runs/doctor-dpo
"""

import asyncio

from pydantic import Field

from agents.answers import Answer
from agents.prompt import Prompt
from agents.role import Role
from i2a.trees.tree import Tree
from scenarios import scenario

DRAFTS = 3
ILLNESSES = ("an inflamed appendix", "a migraine", "an underactive thyroid", "a broken toe")


class Patient(Role):
    """A person with an illness that they do not know the name of."""

    prompt = Prompt(
        """You are at the doctor's. You have $illness, but do not know it: you only feel what it does to you.
<profile>$profile</profile> <personality>$personality</personality>
Answer what you are asked as this person would, in one or two sentences, and say no more than that.
---
(You come in. Say why you are here.)"""
    )


class Doctor(Role):
    """Asks one question at a time."""

    prompt = Prompt("You are a doctor. Ask the patient one short question that narrows down what it could be.")
    chat_role = "assistant"


class Assessment(Answer):
    """How good the last question is."""

    score: int = Field(ge=1, le=5)
    diagnosed: bool


class Observer(Role[Assessment]):
    """Knows the illness, and scores the doctor's last question."""

    prompt = Prompt(
        """You watch a doctor take a history. The patient has $illness.
How much will the doctor's last question narrow it down, from 1 to 5, and could a good doctor name the illness by now?
Answer with a JSON object: "reason", one sentence about this chat; "score", from 1 to 5; "diagnosed", true or false.
---
<dialogue>
$dialogue
</dialogue>"""
    )


@scenario
async def doctor(tree: Tree, patient: Patient, doctor: Doctor, observer: Observer, *, turns: int = 8) -> None:
    """The best question is asked; ends as soon as the illness could be named."""
    illness = tree.random.choice(ILLNESSES)
    here = tree.add(None, await patient(None, illness=illness))
    here.metadata["illness"] = illness
    for _ in range(turns):
        drafts = [tree.add(here, question) for question in await asyncio.gather(*(doctor(here) for _ in range(DRAFTS)))]
        found = await asyncio.gather(*(observer(draft, illness=illness) for draft in drafts))
        for draft, assessment in zip(drafts, found, strict=True):
            draft.metadata["score"] = assessment.score
        best = max(range(DRAFTS), key=lambda i: found[i].score)
        here = tree.add(drafts[best], await patient(drafts[best], illness=illness))
        if found[best].diagnosed:
            break
