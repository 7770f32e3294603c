"""A cast lets roles speak at a place in the tree: each sees the path to it, and only the tree remembers."""

import json

import pytest

from agents.answers import Inference, Preference
from agents.prompt import Prompt
from agents.role import Role
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Usage, Utterance
from scenarios.aloe import ROLES
from scenarios.cast import Cast
from tests.fakes import Request, ScriptedClient, preference

FACTS = {"profile": "A baker.", "personality": "Blunt."}


class Echo(Role):
    """Says what it was told."""

    prompt = Prompt("Say $word.")


def cast_on(client: ScriptedClient, **roles: type[Role]) -> Cast:
    return Cast({name: role(name, client, **FACTS) for name, role in (roles or ROLES).items()})


@pytest.fixture
def tree() -> Tree:
    return Tree("t-0", "test", Persona("p", "A baker.", "Blunt."), 7)


def spoken(request: Request) -> list[str]:
    return [str(message.content) for message in request.messages[1:]]


async def test_what_a_role_says_is_ready_for_the_tree(tree: Tree) -> None:
    said = await cast_on(ScriptedClient.saying("Hello.")).user(None)
    assert said == Utterance("user", "Hello.", Usage(10, 10))
    assert tree.add(None, said).content == "Hello."


async def test_a_role_sees_the_path_and_not_the_branches_beside_it(tree: Tree) -> None:
    client = ScriptedClient()
    opening = tree.add(None, Utterance("user", "Hello."))
    left, right = (tree.add(opening, Utterance(name, name)) for name in ("preferred", "rejected"))
    here = tree.add(right, Utterance("user", "And you?"))
    tree.add(left, Utterance("user", "elsewhere"))
    await cast_on(client).rejected(here)
    assert spoken(client.requests[0]) == ["Hello.", "rejected", "And you?"]


async def test_every_reply_on_the_path_is_the_assistants_whoever_gave_it(tree: Tree) -> None:
    client = ScriptedClient()
    here = tree.add(None, Utterance("user", "Hello."))
    for name in ("preferred", "rejected"):
        here = tree.add(tree.add(here, Utterance(name, f"by {name}")), Utterance("user", "So."))
    await cast_on(client).inducer(here)
    transcript = spoken(client.requests[0])[0]
    assert "Assistant: by preferred\nUser: So.\nAssistant: by rejected" in transcript
    assert "Rejected" not in transcript


async def test_a_role_with_a_form_gives_its_answer(tree: Tree) -> None:
    inference = json.dumps({"reason": "so", "profile": ["baker"], "personality": []})
    cast = cast_on(ScriptedClient.saying(inference))
    answer = await cast.inducer(tree.add(None, Utterance("user", "I bake.")))
    assert answer == Inference(reason="so", profile=["baker"], personality=[])


async def test_nodes_are_shown_aside_in_the_order_given(tree: Tree) -> None:
    client = ScriptedClient(lambda request: preference("1"))
    cast = cast_on(client)
    here = tree.add(None, Utterance("user", "Hello."))
    one, other = tree.add(here, Utterance("preferred", "A")), tree.add(here, Utterance("rejected", "B"))
    assert isinstance(await cast.judge(here, one, other), Preference)
    await cast.judge(here, other, one)
    assert [request.replies for request in client.requests] == [("A", "B"), ("B", "A")]
    assert "Preferred:" not in client.requests[0].text


async def test_the_judge_compares_replies_and_not_what_stands_on_the_path(tree: Tree) -> None:
    client = ScriptedClient(lambda request: preference("1"))
    here = tree.add(None, Utterance("user", "Hello."))
    here = tree.add(tree.add(here, Utterance("rejected", "earlier")), Utterance("user", "So."))
    pair = tree.add(here, Utterance("preferred", "A")), tree.add(here, Utterance("rejected", "B"))
    await cast_on(client).judge(here, *pair)
    assert client.requests[0].replies == ("A", "B")
    assert "Assistant: earlier" in client.requests[0].text


async def test_an_answer_is_shown_to_whom_it_is_given_and_only_in_that_call(tree: Tree) -> None:
    client = ScriptedClient()
    cast = cast_on(client)
    here = tree.add(None, Utterance("user", "I bake."))
    await cast.preferred(here, inducer=Inference(reason="", profile=["a baker"], personality=[]))
    await cast.preferred(here)
    first, second = client.requests
    assert "- a baker" in first.text
    assert "- a baker" not in second.text


async def test_a_call_leaves_nothing_behind(tree: Tree) -> None:
    client = ScriptedClient()
    cast = cast_on(client)
    here = tree.add(None, Utterance("user", "Hello."))
    for _ in range(2):
        await cast.rejected(here)
    assert client.requests[0].messages == client.requests[1].messages


async def test_told_adds_facts_to_a_cast_and_leaves_the_old_one_alone() -> None:
    client = ScriptedClient()
    cast = cast_on(client, echo=Echo)
    for word in ("one", "two"):
        await cast.told(word=word).echo(None)
    assert [request.text for request in client.requests] == ["Say one.", "Say two."]
    await cast.told(word="one").told(other="x").echo(None)
    assert client.requests[2].text == "Say one."


async def test_a_role_of_any_name_hears_everybody_on_the_path(tree: Tree) -> None:
    client = ScriptedClient()
    cast = cast_on(client, alice=Echo, bob=Echo).told(word="hello")
    here = tree.add(None, await cast.alice(None))
    here = tree.add(here, await cast.bob(here))
    await cast.alice(here)
    kinds = [message.type for message in client.requests[2].messages]
    assert kinds == ["SystemMessage", "AssistantMessage", "UserMessage"]


def test_a_role_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match="no role 'critic' in this cast; it has: user, inducer"):
        _ = cast_on(ScriptedClient()).critic


async def test_a_long_dialogue_is_shown_without_recursion(tree: Tree) -> None:
    client = ScriptedClient()
    here = None
    for i in range(3000):
        here = tree.add(here, Utterance("user", str(i)))
    await cast_on(client).rejected(here)
    assert len(client.requests[0].messages) == 3001
