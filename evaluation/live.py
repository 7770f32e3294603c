"""The live dialogue: a simulated user talks with the candidate, turn by turn, and every reply is rated.

The user may become somebody else on the way, as in the scenario `drift`, or leave and come back, as in `sessions`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from agents.inducer import Inducer
from agents.responders import describe
from agents.user import User
from evaluation.candidates import Plain
from evaluation.judge import Rater, rate
from i2a.errors import ModelError
from i2a.trees.tree import PERSONA, Node, Tree
from scenarios.people import LATER
from scenarios.sessions import asked, length, noted, opened, said, whole


@dataclass(frozen=True, slots=True)
class Change:
    """At this `turn` the person becomes the tree's later one. `candidate`: who answers from then on, told of that one
    if it is told of anybody."""

    turn: int
    candidate: Plain


async def live(
    tree: Tree,
    user: User,
    candidate: Plain,
    judges: Mapping[str, Rater],
    donor: User | None = None,
    inducer: Inducer | None = None,
    *,
    turns: int,
    change: Change | None = None,
    sessions: int = 1,
) -> None:
    """A dialogue of `turns` turns. The next turn does not wait for the rating of this one.

    With a `donor`, the user of another persona, the candidate first talks with that one, which makes a root of its own
    in the tree; what it is then shown of the true dialogue has that one's messages in it, see `Plain.shown`. An
    `inducer` says at the end what it knows, which only the audit reads. Of several `sessions`, the candidate has in the
    next one what it `carries`; its notes stand in the tree as those of the scenario.
    """
    session_turns = length(turns, sessions)
    strange = await donated(tree, donor, candidate, turns - 1 if sessions == 1 else session_turns) if donor else []
    foreign = await note_of(tree, candidate, tree.ends[0], None) if donor and sessions > 1 else ""
    here: Node | None = None
    broken: ModelError | None = None
    async with asyncio.TaskGroup() as meanwhile:
        try:
            for turn in range(1, turns + 1):
                changes = change is not None and turn == change.turn
                if change and changes:
                    user, candidate = user.told_of(tree.personas[LATER]), change.candidate
                    inducer = inducer and inducer.told_of(tree.personas[LATER])
                session, begun = divmod(turn - 1, session_turns)
                if session and not begun and here:
                    note = foreign if donor else await note_of(tree, candidate, here, inducer)
                    here = opened(tree, note, session)
                spoken = await user(whole(tree, here))
                message = said(tree, here, spoken, session) if sessions > 1 else tree.add(here, spoken)
                if changes:
                    message.metadata[PERSONA] = LATER
                seen = whole(tree, message) if candidate.carries == "all" else message
                reply = tree.add(message, await candidate(candidate.shown(seen or message, strange)))
                meanwhile.create_task(rate(tree, judges, message, reply))
                here = tree.keep(reply)
        except ModelError as problem:  # what was said before is rated all the same
            broken = problem
        if inducer and here and not broken:
            meanwhile.create_task(infer(tree, inducer, message))
    if broken:
        raise broken


async def donated(tree: Tree, donor: User, candidate: Plain, turns: int) -> list[str]:
    """The messages of the donor in a dialogue of `turns` turns with the candidate."""
    here: Node | None = None
    messages = []
    for _ in range(turns):
        message = tree.add(here, await donor(here))
        here = tree.keep(tree.add(message, await candidate(message)))
        messages.append(message.content)
    return messages


async def note_of(tree: Tree, candidate: Plain, here: Node, inducer: Inducer | None) -> str:
    """What the candidate writes down for the next session, or the Inducer for it; empty if it carries no note."""
    if candidate.carries in ("all", "nothing"):
        return ""
    if candidate.carries == "a true note" and inducer:
        return describe(await inducer(whole(tree, here)))
    ask = asked(tree, here)
    return noted(tree, ask, await candidate(candidate.shown(ask, ())))


async def infer(tree: Tree, inducer: Inducer, message: Node) -> None:
    """Ask the Inducer what the user's messages up to this one have revealed. A failure costs no dialogue."""
    try:
        message.inference = await inducer(whole(tree, message))
    except ModelError as problem:
        message.metadata["inducer"] = str(problem)
