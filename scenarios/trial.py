"""Tries a script out: one short conversation on the offline engine; nothing is stored."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn

from i2a.errors import I2AError, UsageError
from i2a.jsonl import JsonMapping
from i2a.models.model import Completion, Message, Model
from i2a.models.spec import ModelSpec
from i2a.personas.pool import PersonaPool
from i2a.plugins import blame
from i2a.trees.json import dump, load
from i2a.trees.tree import Tree
from scenarios.people import LATER
from scenarios.script import Scenario
from scenarios.script import load as load_scenario

TURNS = 2
CALLS, SECONDS = 1000, 30.0  # limits: a script that needs more is taken to be endless


class Endless(I2AError):
    """The script does not end."""


class Limited(Model):
    """The offline engine for a `role`; `calls` of all roles together are `CALLS` at most. `seen` gets each of its calls
    in words, see `in_words`."""

    simulated = True

    def __init__(self, role: str, calls: Iterator[int], seen: Callable[[str], None] | None) -> None:
        self._model, self._role, self._calls, self._seen = ModelSpec("offline").open(), role, calls, seen

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        call = next(self._calls)
        if call >= CALLS:
            raise Endless(f"the conversation does not end: it is still going after {CALLS} calls")
        completion = await self._model.complete(messages, {"seed": call, **parameters})
        if self._seen:
            self._seen(in_words(self._role, messages, completion.content))
        return completion


def in_words(role: str, messages: Sequence[Message], answer: str) -> str:
    """What a role was sent and answered, as text."""
    sent = "\n".join(f"[{message.role}] {message.content}" for message in messages)
    return f"--- {role} was sent\n{sent}\n--- {role} answered\n{answer}\n"


def trial(path: Path, seconds: float = SECONDS, seen: Callable[[str], None] | None = None) -> str:
    """What the script did, in a line or two; it may run for `seconds`. `seen` gets every call in words, as it is made.

    Raises `UsageError`: what is wrong, where, what to write instead.
    """
    scenario = load_scenario(path)
    try:
        with time_limit(seconds):
            tree = grown(scenario, seen)
        load(dump(tree))
    except Exception as error:  # noqa: BLE001 - any error of a user's script is reported in one line
        raise UsageError(blame(error, path)) from None
    utterances = list(tree)
    if not utterances:
        raise UsageError(
            f"{path}: the script added nothing to the tree; write: here = tree.add(here, await ROLE(here))"
        )
    speakers = ", ".join(sorted({node.speaker for node in utterances}))
    pairs = len(tree.pairs)
    return f"{path}: fine. The trial grew {len(utterances)} utterances by {speakers}, with {pairs} labelled pairs."


def grown(scenario: Scenario, seen: Callable[[str], None] | None = None) -> Tree:
    """A conversation of `TURNS` turns, or of any length if the scenario has no option `turns`."""
    options = scenario.resolve({"turns": TURNS} if "turns" in scenario.options else {})
    persona, later = PersonaPool.read(None, None).draw(2, 0)
    personas = {LATER: later} if scenario.changes_persona else {}
    tree = Tree(f"{scenario.name}-0", scenario.name, persona, 0, options, personas=personas)
    calls = count()
    models = {role: Limited(role, calls, seen) for role in scenario.roles}

    async def conversation() -> None:
        await scenario.grow(tree, models, **options)

    asyncio.run(conversation())
    return tree


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Endless` after `seconds` in the line that runs: only a signal stops a loop that never awaits."""

    def too_long(*_: object) -> NoReturn:
        raise Endless(f"the conversation does not end: it is still going after {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
