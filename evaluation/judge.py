"""The judges of replies: one reply, one rating, by the rubric of ALOE (arXiv 2410.03642) or pass/fail.

What is not a rating stays *unscored* with its reason. It knows no candidate, and no number derived from ratings.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from autogen_agentchat.messages import BaseChatMessage, TextMessage
from pydantic import field_validator

from agents.answers import Answer
from agents.prompt import Prompt
from agents.role import Role
from evaluation.scores import ALOE, STRICT, Protocol, Score
from i2a.errors import ModelError
from i2a.trees.tree import Node, Tree
from scenarios.cast import Player

RATED = "candidate"  # the speaker whose replies are rated
RATINGS = "ratings"  # the note of a rated reply


class Rating(Answer):
    """A score by the rubric."""

    score: Literal[1, 2, 3, 4, 5]

    @field_validator("score", mode="before")
    @classmethod
    def _number(cls, score: object) -> object:
        """A model that writes "4" for 4 means the same; `true` is not 1."""
        if isinstance(score, str) and score.strip().isdecimal():
            return int(score)
        return str(score) if isinstance(score, bool) else score


class Verdict(Answer):
    """Whether the reply passes."""

    passes: bool


class Rater(Role):
    """Rates the last reply of the candidate that it was shown. `facts`: `profile`, `personality`."""

    protocol: ClassVar[Protocol]
    asides = frozenset({RATED})

    def values(self, view: Sequence[BaseChatMessage]) -> dict[str, str]:
        return {"reply": [m.content for m in view if m.source == RATED and isinstance(m, TextMessage)][-1]}


class AloeRater(Rater):
    """Gives a score of 1 to 5 by the rubric. `facts`: `profile`, `personality`."""

    protocol = ALOE
    prompt = Prompt.beside(__file__, "rubric.txt")
    answer = Rating


class StrictRater(Rater):
    """Lets a reply pass or fail. `facts`: `profile`, `personality`."""

    protocol = STRICT
    prompt = Prompt.beside(__file__, "strict.txt")
    answer = Verdict


RATERS: dict[str, type[Rater]] = {rater.protocol.name: rater for rater in (AloeRater, StrictRater)}


async def rate(judges: Mapping[str, Player], message: Node, reply: Node) -> None:
    """Ask every judge about `reply` to `message`, and note the ratings on it, in the order of `judges`."""

    async def rating(judge: Player) -> dict[str, Any]:
        try:
            answer = await judge(message, reply)
        except ModelError as problem:
            return {"score": None, "reason": str(problem)}
        score = answer.score if isinstance(answer, Rating) else int(answer.passes)
        return {"score": score, "reason": answer.reason}

    async with asyncio.TaskGroup() as group:
        asked = {name: group.create_task(rating(judge)) for name, judge in judges.items()}
    known = reply.notes.get(RATINGS, {})
    reply.notes[RATINGS] = known | {name: task.result() for name, task in asked.items()}


def scores(tree: Tree) -> Iterator[Score]:
    """The scores that the notes of an evaluated tree hold, turn after turn."""
    persona, candidate, case = tree.persona, tree.options["candidate"], tree.options["case"]
    for reply in tree:
        if RATINGS not in reply.notes:
            continue
        assert reply.parent is not None
        turn = sum(node.speaker == "user" for node in reply.path)
        for judge, rating in reply.notes[RATINGS].items():
            yield Score(
                candidate=candidate,
                case=case,
                profile=persona.profile_id,
                personality=persona.personality_id,
                turn=turn,
                judge=judge,
                score=rating["score"],
                reason=rating["reason"],
                message=reply.parent.content,
                reply=reply.content,
            )
