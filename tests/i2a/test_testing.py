"""The scripted model that ships for tests: it answers in the form asked for, and keeps what it was asked."""

import asyncio
from typing import Literal

import pytest
from pydantic import Field

from agents.answers import Answer, Inference, Preference
from agents.prompt import Prompt
from agents.role import Role
from agents.user import User
from i2a.errors import RateLimited
from i2a.models.model import Message
from i2a.testing import Request, ScriptedModel
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from scenarios.script import find

HELLO = [Message("user", "Hello.")]


class Part(Answer):
    size: int = Field(ge=2, le=4)


class Everything(Answer):
    """An answer with every kind of part."""

    word: str
    choice: Literal["a", "b"]
    always: Literal["c"]
    sure: bool
    share: float
    most: int | None
    part: Part
    parts: list[Part] = Field(min_length=2)


@pytest.mark.parametrize("form", [Everything, Inference, Preference])
async def test_without_a_script_it_answers_in_any_form(form: type[Everything]) -> None:
    class Asker(Role[form]):  # type: ignore[valid-type]
        prompt = Prompt("Answer.")

    model = ScriptedModel()
    answers: list[object] = [await Asker("asker", model)(None) for _ in range(3)]
    assert all(type(answer) is form for answer in answers)
    assert answers[0] == answers[1], "the same request, the same answer"
    assert len(model.requests) == 3


async def test_it_knows_which_role_asks() -> None:
    model = ScriptedModel(lambda request: f"I am {request.role}.")
    user = User("user", model, profile="A baker.", personality="Blunt.")
    assert (await user(None)).content == "I am user."
    await model.complete(HELLO, {})
    assert model.calls == {"user": 1, "": 1}
    assert [request.role for request in model.requests] == ["user", ""]
    assert model.of("user") == model.requests[:1]


async def test_answers_come_in_turn_and_errors_are_raised() -> None:
    model = ScriptedModel.saying("one", ValueError("two"))
    assert (await model.complete(HELLO, {"seed": 3})).content == "one"
    with pytest.raises(ValueError, match="two"):
        await model.complete(HELLO, {})
    assert model.requests[0] == Request(tuple(HELLO), {"seed": 3})
    assert (model.requests[0].seed, model.requests[0].text, model.requests[0].schema) == (3, "Hello.", None)


async def test_it_counts_what_is_in_flight() -> None:
    async def slow(request: Request) -> str:
        await asyncio.sleep(0)
        return "Hi."

    model = ScriptedModel(slow)
    await asyncio.gather(*(model.complete(HELLO, {}) for _ in range(3)))
    assert (model.in_flight, model.most_in_flight) == (0, 3)
    await model.close()
    assert model.closed


@pytest.mark.parametrize("name", ["aloe", "full_tree", "tutor"])
async def test_a_scenario_grows_on_it(name: str) -> None:
    scenario, model = find(name), ScriptedModel()
    tree = Tree("t-0", name, Persona("p", "A baker.", "Blunt."), 8)
    await scenario.grow(tree, dict.fromkeys(scenario.roles, model), **scenario.resolve({"turns": 2}))
    assert len(list(tree)) >= 3


async def test_each_role_has_answers_of_its_own() -> None:
    model = ScriptedModel.by_role(
        user="Hello.",
        judge=[RateLimited("busy"), "one"],
        inducer=lambda request: request.text.upper(),
        tutor=ValueError("never"),
    )

    async def asked(role: str) -> str:
        return (await model.for_role(role).complete(HELLO, {})).content

    assert [await asked("user"), await asked("user")] == ["Hello.", "Hello."]
    with pytest.raises(RateLimited):
        await asked("judge")
    assert await asked("judge") == "one"
    with pytest.raises(IndexError, match="judge was asked more often than it has answers"):
        await asked("judge")
    assert await asked("inducer") == "HELLO."
    for _ in range(2):
        with pytest.raises(ValueError, match="never"):
            await asked("tutor")
    assert (await asked("donor")).startswith("donor says")
