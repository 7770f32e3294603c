"""The judges of replies: one reply, one rating, by the rubric of ALOE (arXiv 2410.03642) or pass/fail.

What is not a rating stays *unscored* with its reason. It knows no candidate, and no number derived from ratings.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import field_validator
from typing_extensions import TypeVar

from agents.answers import Answer
from agents.prompt import Prompt
from agents.role import Role, RoleView
from evaluation.scores import ALOE, STRICT, Protocol, Score
from i2a.errors import ModelError
from i2a.trees.tree import Node, Tree

RATINGS = "ratings"  # where the metadata of a rated reply holds its ratings


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


class PassFail(Answer):
    """Whether the reply passes."""

    passes: bool


R = TypeVar("R", bound=Rating | PassFail, default=Rating | PassFail, covariant=True)


class Rater(Role[R]):
    """Rates the last reply that it was shown, whoever gave it. Values: `profile`, `personality`."""

    protocol: ClassVar[Protocol]
    visible_roles = frozenset({"candidate"})

    def values(self, view: RoleView) -> dict[str, str]:
        if not view.shown:
            raise ValueError("a rater rates a reply; write: await rater(here, reply)")
        return {"reply": view.shown[-1].content}


class AloeRater(Rater[Rating]):
    """Gives a score of 1 to 5 by the rubric. Values: `profile`, `personality`."""

    protocol = ALOE
    prompt = Prompt.beside(__file__, "rubric.txt")


class StrictRater(Rater[PassFail]):
    """Lets a reply pass or fail. Values: `profile`, `personality`."""

    protocol = STRICT
    prompt = Prompt.beside(__file__, "strict.txt")


RATERS: dict[str, type[Rater]] = {rater.protocol.name: rater for rater in (AloeRater, StrictRater)}


async def rate(judges: Mapping[str, Rater], message: Node, reply: Node) -> None:
    """Ask every judge about `reply` to `message`, and keep the ratings with it, in the order of `judges`."""

    async def rating(judge: Rater) -> dict[str, object]:
        try:
            answer = await judge(message, reply)
        except ModelError as problem:
            return {"score": None, "reason": str(problem)}
        score = answer.score if isinstance(answer, Rating) else int(answer.passes)
        return {"score": score, "reason": answer.reason}

    async with asyncio.TaskGroup() as group:
        asked = {name: group.create_task(rating(judge)) for name, judge in judges.items()}
    known = reply.metadata.get(RATINGS, {})
    reply.metadata[RATINGS] = known | {name: task.result() for name, task in asked.items()}


def scores(tree: Tree) -> Iterator[Score]:
    """The scores that an evaluated tree holds, turn after turn."""
    persona, candidate, case = tree.persona, tree.options["candidate"], tree.options["case"]
    for reply in tree:
        if RATINGS not in reply.metadata:
            continue
        assert reply.parent is not None
        turn = sum(node.speaker == "user" for node in reply.path)
        for judge, rating in reply.metadata[RATINGS].items():
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
