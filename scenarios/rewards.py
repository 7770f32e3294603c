"""What a reply is worth: rewards, the plug-ins of the group `i2a.rewards`, are functions of a tree and a reply.

    @reward
    def brief(tree: Tree, reply: Node) -> float:
        return -len(reply.content) / 100

It may be a coroutine, and have further parameters: roles, as a scenario has them, which it asks. A role called `judge`
is played by each of the raters of a run, whose values are averaged; one called `policy` by the policy itself.
"""

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from agents.role import Role
from i2a import plugins
from i2a.errors import ModelError, UsageError
from i2a.runs.collector import model_errors
from i2a.trees.tree import Node, Tree
from i2a.words import words
from scenarios.source import fingerprint_of

GRAM = 3  # words that stand together
SHAPE = "def NAME(tree: Tree, reply: Node, judge: SomeRole) -> float | None"
Value = float | None
ByReply = Callable[..., Value | Awaitable[Value]]
ByGroup = Callable[..., Awaitable[Sequence["Value | Worth"]]]


class Worth(NamedTuple):
    """What a reward gives a reply; None if it could not be had, and why."""

    value: Value
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reward:
    """`roles`: those that it asks, by the names under which it gets them. `function`: of the tree, a reply and the
    roles; or, of `groups`, of all the replies in one place at once, with a value for each. `likelihoods`: the models of
    its roles must have them."""

    name: str
    about: str
    roles: Mapping[str, type[Role[object]]]
    function: ByReply | ByGroup
    groups: bool = False
    likelihoods: bool = False

    @property
    def fingerprint(self) -> str:
        """Changes when the code of its file or a prompt of a role changes."""
        return fingerprint_of(Path(inspect.getfile(inspect.unwrap(self.function))), self.roles)

    async def of(self, tree: Tree, replies: Sequence[Node], roles: Mapping[str, Role[object]]) -> list[Worth]:
        """What each of the replies, all in one place, is worth. A call that fails is no value of the reply it is about.

        Raises `UsageError` where the function gives no number.
        """
        if self.groups:
            found = await self._tried(tree, replies, roles)
            if isinstance(found, Worth):
                return [found] * len(replies)
            if not isinstance(found, Sequence) or len(found) != len(replies):
                raise UsageError(f"reward {self.name} gave {found!r}, not a number for each of {len(replies)} replies")
            return [self._checked(value) for value in found]
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._tried(tree, reply, roles)) for reply in replies]
        return [found if isinstance(found := each.result(), Worth) else self._checked(found) for each in asked]

    async def _tried(self, tree: Tree, what: object, roles: Mapping[str, Role[object]]) -> Any:
        """What the function gives; a `Worth` without a value if a call of it failed."""
        try:
            found: object = self.function(tree, what, **roles)
            return await found if inspect.isawaitable(found) else found
        except (ModelError, ExceptionGroup) as error:
            return Worth(None, str(model_errors(error)[0]))

    def _checked(self, value: object) -> Worth:
        if isinstance(value, Worth) and value.value is None:
            return value
        if value is None:
            return Worth(None, "it gave no value")
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise UsageError(f"reward {self.name} gave {value!r}: it must return a number, or None for no reward")
        return Worth(float(value))


def reward(function: ByReply) -> Reward:
    """Declare a reward: write `@reward` above a function or coroutine with the shape of `SHAPE`."""
    return of_function(function, _name(function))


def group_reward(*, likelihoods: bool = False) -> Callable[[ByGroup], Reward]:
    """The same of a coroutine that gets the replies in one place together, and returns a value for each.

    `likelihoods`: the models of its roles must have them.
    """
    return lambda function: replace(of_function(function, _name(function)), groups=True, likelihoods=likelihoods)


def of_function(function: ByReply | ByGroup, name: str, roles: Mapping[str, type[Role[Any]]] = {}) -> Reward:
    """A reward; `roles` in the place of those that the parameters name. Raises `UsageError` for what is neither."""
    about = (inspect.getdoc(function) or "").partition("\n")[0]
    found: dict[str, type[Role[object]]] = {}
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) < 2:
        raise UsageError(f"reward {name} takes {len(parameters)} values; write: {SHAPE}")
    for parameter in parameters[2:]:
        kind = roles.get(parameter, hints.get(parameter))
        if not (isinstance(kind, type) and issubclass(kind, Role) and hasattr(kind, "prompt")):
            raise UsageError(f"reward {name}: annotate {parameter!r} with a role that has a prompt; write: {SHAPE}")
        found[parameter] = kind
    return Reward(name, about, found, function)


def _name(function: Callable[..., object]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def find_reward(text: str) -> Reward:
    """The reward `NAME`, `NAME:WORDS` for one that takes words, `FILE.py`, `FILE.py:NAME` or `package:object`.

    A function without `@reward` is one too. Raises `UsageError`.
    """
    name, _, argument = text.partition(":")
    if name in plugins.installed("rewards"):
        found: object = plugins.find("rewards", name, object)
        if not isinstance(found, Reward) and callable(found) and (argument or _makes_rewards(found)):
            found = found(argument)
        elif argument:
            raise UsageError(f"{text}: the reward {name} takes nothing after a colon")
    elif plugins.by_place(text) and not text.endswith(".py"):
        found = plugins.find("rewards", text, object)
    else:
        found = plugins.find("rewards", text, Reward)
    if not isinstance(found, Reward) and callable(found):
        found = of_function(found, text)
    if not isinstance(found, Reward):
        raise UsageError(f"{text} is a {type(found).__name__}, not a reward; write: {SHAPE}")
    return found


def _makes_rewards(found: Callable[..., object]) -> bool:
    """Whether it takes words and returns a reward, as the shipped `judge` does."""
    return len(inspect.signature(found).parameters) == 1


def length(words_free: str) -> Reward:
    """`length`: the words of a reply, in hundreds; `length:N`: those beyond N. Give it a weight below 0."""
    if words_free and not words_free.isdecimal():
        raise UsageError(f"length:{words_free}: write a whole number of words, e.g. length:40")
    free = int(words_free or 0)

    def beyond(tree: Tree, reply: Node) -> float:
        """Words of the reply, in hundreds."""
        return max(0, len(words(reply.content)) - free) / 100

    return of_function(beyond, "length")


@reward
def repetition(tree: Tree, reply: Node) -> float:
    """Which part of its sequences of three words the reply, or its speaker before, has said already; 0 to 1."""
    earlier = [node for node in reply.path[:-1] if node.speaker == reply.speaker]
    said = {gram for node in earlier for gram in _grams(node.content)}
    found, again = list(_grams(reply.content)), 0
    for gram in found:
        again += gram in said
        said.add(gram)
    return again / len(found) if found else 0.0


def _grams(text: str) -> Iterator[tuple[str, ...]]:
    found = words(text)
    return zip(*(found[start:] for start in range(GRAM)), strict=False)
