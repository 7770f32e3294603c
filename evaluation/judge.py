"""The judges of replies: one reply, one rating, by the rubric of ALOE (arXiv 2410.03642), pass/fail, or a plug-in.

What is not a rating stays *unscored* with its reason. It knows no candidate, and no number derived from ratings.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field, create_model, field_validator
from typing_extensions import TypeVar

from agents.answers import Answer
from agents.prompt import Prompt
from agents.role import Role, RoleView
from evaluation.ratings import ReplyKey
from evaluation.scores import ALOE, STRICT, OtherScore, Protocol, Score
from i2a.errors import ModelError, UsageError
from i2a.plugins import find_class
from i2a.trees.persona import Persona
from i2a.trees.tree import LEFT_OUT, OTHER_RATINGS, RATINGS, Node, Tree
from scenarios.people import LATER
from scenarios.sessions import whole


class Grade(Answer):
    """A score on the scale of the protocol."""

    score: int

    @field_validator("score", mode="before")
    @classmethod
    def _number(cls, score: object) -> object:
        """A model that writes "4" for 4 means the same; `true` is not 1."""
        if isinstance(score, str) and score.strip().isdecimal():
            return int(score)
        return str(score) if isinstance(score, bool) else score


class Rating(Grade):
    """A score by the rubric."""

    score: Literal[1, 2, 3, 4, 5]


class PassFail(Answer):
    """Whether the reply passes."""

    passes: bool

    @property
    def score(self) -> int:
        return int(self.passes)


R = TypeVar("R", bound=Grade | PassFail, default=Grade | PassFail, covariant=True)


class Rater(Role[R]):
    """Rates the last reply that it was shown, whoever wrote it: a plug-in of the group `i2a.protocols`.

    Subclasses set `protocol`, the scale, and `prompt`, which may name `$profile`, `$personality`, `$dialogue` and
    `$reply`. One that names no form of answer is asked for a reason and a whole number of the scale.
    """

    protocol: ClassVar[Protocol]
    visible_roles = frozenset({"candidate"})
    max_tokens = 512

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "protocol" in vars(cls) and cls.answer is None:
            limits = Field(ge=cls.protocol.lowest, le=cls.protocol.highest)
            cls.answer = create_model("Grade", __base__=Grade, __doc__=Grade.__doc__, score=(int, limits))

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


def find_rater(name: str) -> type[Rater]:
    """The protocol of this name, in the file at this path, or `package:class`. Raises `UsageError`."""
    rater = find_class("protocols", name, Rater)
    if missing := [part for part in ("protocol", "prompt") if not hasattr(rater, part)]:
        raise UsageError(f"{name}: class {rater.__name__} sets no {missing[0]}")
    if "reply" not in rater.prompt.names:
        raise UsageError(f"{name}: the judge would not see the reply: write $reply in the prompt of {rater.__name__}")
    return rater


async def rate(tree: Tree, judges: Mapping[str, Rater], message: Node, reply: Node) -> None:
    """Ask every judge about `reply` to `message`, and keep the ratings with it, in the order of `judges`.

    A judge is told of the persona that holds there. Where the person of the tree changes, it is also asked what the
    reply is worth to the other one. It has heard all sessions, as the person has.
    """
    holds = tree.persona_at(message)
    asked = {RATINGS: holds}
    if LATER in tree.personas:
        asked[OTHER_RATINGS] = tree.personas[LATER] if holds is tree.persona else tree.persona

    heard = whole(tree, message)

    async def rating(judge: Rater, persona: Persona) -> dict[str, object]:
        try:
            answer = await judge.told_of(persona)(heard, reply)
        except ModelError as problem:
            return {"score": None, "reason": str(problem)}
        if not judge.protocol.has(answer.score):  # a form of answer of a plug-in may have no limits
            return {"score": None, "reason": f"{answer.score} is no score of {judge.protocol.label}: {answer.reason}"}
        return {"score": answer.score, "reason": answer.reason}

    async with asyncio.TaskGroup() as group:
        tasks = {
            key: {name: group.create_task(rating(judge, persona)) for name, judge in judges.items()}
            for key, persona in asked.items()
        }
    if heard is not None and LEFT_OUT in heard.metadata:
        message.metadata[LEFT_OUT] = {**message.metadata.get(LEFT_OUT, {}), **heard.metadata[LEFT_OUT]}
    for key, by_judge in tasks.items():
        known = reply.metadata.get(key, {})
        reply.metadata[key] = known | {name: task.result() for name, task in by_judge.items()}


def rated(tree: Tree) -> Iterator[tuple[ReplyKey, Node]]:
    """The replies that were rated in an evaluated tree, turn after turn, each with its name."""
    for reply in tree:
        if RATINGS in reply.metadata:
            heard = whole(tree, reply.parent)
            turn = sum(node.speaker == "user" for node in (heard.path if heard else ()))
            yield ReplyKey(tree.options["candidate"], tree.options["case"], turn), reply


def scores(tree: Tree) -> Iterator[Score]:
    """The scores that an evaluated tree holds, turn after turn, under the ids of the persona of its case."""
    persona = tree.persona
    for (candidate, case, turn), reply in rated(tree):
        assert reply.parent is not None
        for judge, rating in reply.metadata[RATINGS].items():
            other = reply.metadata.get(OTHER_RATINGS, {}).get(judge)
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
                other=None if other is None else OtherScore(other["score"], other["reason"]),
            )
