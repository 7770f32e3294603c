"""The same person comes back: of each chat only a note is carried over to the next, which the model writes itself.

Each session has a root of its own. From the second on it opens with the note, on the user's side; one that another
session follows ends with the request for a note, and the note. The person remembers all that was said.
"""

import asyncio
from collections.abc import Iterator

from agents.inducer import Inducer
from agents.judge import Judge
from agents.memory import ASK, FRAME, Memory
from agents.responders import PreferredResponder, RejectedResponder
from agents.user import User
from i2a.errors import UsageError
from i2a.trees.tree import MEMORY, NOTE, SESSION, Node, Tree, Utterance
from scenarios.replies import compare, replies
from scenarios.script import scenario


@scenario
async def sessions(
    tree: Tree,
    user: User,
    inducer: Inducer,
    preferred: PreferredResponder,
    rejected: RejectedResponder,
    memory: Memory,
    judge: Judge,
    *,
    turns: int = 10,
    sessions: int = 2,
) -> None:
    """As aloe, but the chat breaks off: what a note does not say of a session, only the person knows in the next."""
    note, each = "", length(turns, sessions)
    async with asyncio.TaskGroup() as verdicts:
        for session in range(sessions):
            here = opened(tree, note, session)
            for _ in range(each):
                here = said(tree, here, await user(whole(tree, here)), session)
                hinted, plain = await replies(inducer, preferred, rejected, here)
                pair = tree.add(here, hinted), tree.add(here, plain)
                verdicts.create_task(compare(judge, here, *pair))
                here = tree.keep(tree.random.choice(pair))
            if session < sessions - 1 and here:
                ask = asked(tree, here)
                note = noted(tree, ask, await memory(ask))


def length(turns: int, sessions: int) -> int:
    """The turns of each session. Raises `UsageError` where they do not come out even."""
    if sessions < 1 or turns % sessions or turns < sessions:
        raise UsageError(f"{turns} turns are not {sessions} sessions of the same length; change turns or sessions")
    return turns // sessions


def opened(tree: Tree, note: str, session: int) -> Node | None:
    """The note at the beginning of a session, counted from 0; None if there is none."""
    return said(tree, None, Utterance(NOTE, FRAME.format(note=note)), session) if note else None


def said(tree: Tree, here: Node | None, message: Utterance, session: int) -> Node:
    """The person's next message; the first node of a session says which one it is."""
    node = tree.add(here, message)
    if here is None:
        node.metadata[SESSION] = session + 1
    return node


def asked(tree: Tree, here: Node) -> Node:
    return tree.add(here, Utterance(NOTE, ASK))


def noted(tree: Tree, ask: Node, note: Utterance) -> str:
    """Put the note into the tree, as spoken by the memory, and give its text."""
    return tree.keep(tree.add(ask, note._replace(speaker=MEMORY))).content


def whole(tree: Tree, here: Node | None) -> Node | None:
    """The chat of all sessions up to `here`, without the notes, as one path: what the person has heard and said.

    A node of the tree itself where there was no session before.
    """
    earlier = list(_earlier(tree, here))
    if not earlier:
        return here
    one: Node | None = None
    for node in [*earlier, *([] if here is None else here.path)]:
        if node.speaker not in (NOTE, MEMORY):
            one = Node(one, node.speaker, node.content)
    return one


def _earlier(tree: Tree, here: Node | None) -> Iterator[Node]:
    """What was said in the sessions before that of `here`; None: before a new one."""
    root = None if here is None else here.path[0]
    ends = {end.path[0]: end for end in tree.ends}
    for other in tree.roots:
        if other is root:
            return
        if SESSION in other.metadata and other in ends:
            yield from ends[other].path
