"""A role answers at a place in the tree: it sees the path to it and what it is shown, and only the tree remembers."""

import json
from typing import Any

import pytest

from agents.answers import Answer, Inference, Preference
from agents.inducer import Inducer
from agents.judge import Judge
from agents.prompt import Prompt
from agents.responders import PreferredResponder, RejectedResponder
from agents.role import Role, introduce
from agents.user import User
from i2a.errors import UsageError
from i2a.testing import Request
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, TokenUsage, Tree, Utterance
from tests.fakes import ScriptedClient, preference

VALUES = {"profile": "A baker.", "personality": "Blunt."}


class Echo(Role):
    """Says what it was given."""

    prompt = Prompt("Say $word.")


class Cast:
    """The shipped roles on one model, as a scenario has them."""

    def __init__(self, client: ScriptedClient) -> None:
        self.user = User("user", client, **VALUES)
        self.inducer = Inducer("inducer", client, **VALUES)
        self.preferred = PreferredResponder("preferred", client)
        self.rejected = RejectedResponder("rejected", client)
        self.judge = Judge("judge", client, **VALUES)
        introduce([self.user, self.inducer, self.preferred, self.rejected, self.judge])


@pytest.fixture
def tree() -> Tree:
    return Tree("t-0", "test", Persona("p", "A baker.", "Blunt."), 7)


def dialogue(request: Request) -> list[str]:
    return [message.content for message in request.messages[1:]]


async def test_what_a_role_says_is_ready_for_the_tree(tree: Tree) -> None:
    utterance = await Cast(ScriptedClient.saying("Hello.")).user(None)
    assert utterance == Utterance("user", "Hello.", TokenUsage(10, 10))
    assert tree.add(None, utterance).content == "Hello."


async def test_a_role_sees_the_path_and_not_the_branches_beside_it(tree: Tree) -> None:
    client = ScriptedClient()
    opening = tree.add(None, Utterance("user", "Hello."))
    left, right = (tree.add(opening, Utterance(name, name)) for name in ("preferred", "rejected"))
    here = tree.add(right, Utterance("user", "And you?"))
    tree.add(left, Utterance("user", "elsewhere"))
    await Cast(client).rejected(here)
    assert dialogue(client.requests[0]) == ["Hello.", "rejected", "And you?"]


async def test_every_reply_on_the_path_is_the_assistants_whoever_gave_it(tree: Tree) -> None:
    client = ScriptedClient()
    here = tree.add(None, Utterance("user", "Hello."))
    for name in ("preferred", "rejected"):
        here = tree.add(tree.add(here, Utterance(name, f"by {name}")), Utterance("user", "So."))
    await Cast(client).inducer(here)
    transcript = dialogue(client.requests[0])[0]
    assert "Assistant: by preferred\nUser: So.\nAssistant: by rejected" in transcript
    assert "Rejected" not in transcript


async def test_a_role_with_a_form_gives_its_answer(tree: Tree) -> None:
    inference = json.dumps({"reason": "so", "profile": ["baker"], "personality": []})
    answer = await Cast(ScriptedClient.saying(inference)).inducer(tree.add(None, Utterance("user", "I bake.")))
    assert answer == Inference(reason="so", profile=["baker"], personality=[])


@pytest.mark.parametrize(
    "speakers", [("preferred", "rejected"), ("alice", "bob"), ("alice", "alice"), ("user", "user")]
)
async def test_any_two_nodes_can_be_judged_in_the_order_in_which_they_are_shown(
    tree: Tree, speakers: tuple[str, str]
) -> None:
    client = ScriptedClient(lambda request: preference("1"))
    judge = Cast(client).judge
    here = tree.add(None, Utterance("user", "Hello."))
    one, other = (tree.add(here, Utterance(*said)) for said in zip(speakers, "AB", strict=True))
    assert isinstance(await judge(here, one, other), Preference)
    await judge(here, other, one)
    assert [request.replies for request in client.requests] == [("A", "B"), ("B", "A")]
    assert "<dialogue>\nUser: Hello.\n</dialogue>" in client.requests[0].text


async def test_the_judge_compares_replies_and_not_what_stands_on_the_path(tree: Tree) -> None:
    client = ScriptedClient(lambda request: preference("1"))
    here = tree.add(None, Utterance("user", "Hello."))
    here = tree.add(tree.add(here, Utterance("rejected", "earlier")), Utterance("user", "So."))
    pair = tree.add(here, Utterance("preferred", "A")), tree.add(here, Utterance("rejected", "B"))
    await Cast(client).judge(here, *pair)
    assert client.requests[0].replies == ("A", "B")
    assert "Assistant: earlier" in client.requests[0].text


async def test_an_answer_is_shown_to_whom_it_is_given_and_only_in_that_call(tree: Tree) -> None:
    client = ScriptedClient()
    preferred = Cast(client).preferred
    here = tree.add(None, Utterance("user", "I bake."))
    await preferred(here, inducer=Inference(reason="", profile=["a baker"], personality=[]))
    await preferred(here)
    first, second = client.requests
    assert "- a baker" in first.text
    assert "- a baker" not in second.text


async def test_a_call_leaves_nothing_behind(tree: Tree) -> None:
    client = ScriptedClient()
    rejected = Cast(client).rejected
    here = tree.add(None, Utterance("user", "Hello."))
    for _ in range(2):
        await rejected(here)
    assert client.requests[0].messages == client.requests[1].messages
    assert await rejected.save_state() == {"view": []}


async def test_values_of_a_call_fill_the_prompt_of_that_call() -> None:
    client = ScriptedClient()
    echo = Echo("echo", client, word="three")
    await echo(None, word="one")
    await echo(None, word=2)
    await echo(None)
    assert [request.text for request in client.requests] == ["Say one.", "Say 2.", "Say three."]


async def test_roles_of_any_name_hear_everybody_on_the_path(tree: Tree) -> None:
    client = ScriptedClient()
    alice, bob = Echo("alice", client, word="hello"), Echo("bob", client, word="hello")
    here = tree.add(None, await alice(None))
    here = tree.add(here, await bob(here))
    await alice(here)
    assert [message.role for message in client.requests[2].messages] == ["system", "assistant", "user"]


async def test_a_long_dialogue_is_shown_without_recursion(tree: Tree) -> None:
    client = ScriptedClient()
    here = None
    for i in range(3000):
        here = tree.add(here, Utterance("user", str(i)))
    await Cast(client).rejected(here)
    assert len(client.requests[0].messages) == 3001


# What a role would not use is an error, and never dropped.


class Mood(Answer):
    """How somebody feels."""

    mood: str


class Reader(Role):
    """Reads what it is shown."""

    prompt = Prompt("Read.\n---\n<shown>\n$shown\n</shown>\n<mood>\n$mood\n</mood>")


async def test_a_prompt_can_name_what_is_shown_and_an_answer(tree: Tree) -> None:
    client = ScriptedClient()
    here = tree.add(None, Utterance("user", "Hello."))
    await Reader("reader", client)(None, here, mood=Mood(reason="so", mood="calm"))
    assert "<shown>\nUser: Hello.\n</shown>" in client.requests[0].text
    assert '{"reason":"so","mood":"calm"}' in client.requests[0].text


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"inducer": Mood(reason="", mood="calm")}, r"preferred would not see inducer=.* Mood to its visible_answers"),
        ({"misconception": "heavy"}, r"would not see misconception='heavy': write \$misconception in its prompt"),
    ],
)
async def test_what_is_given_and_would_be_dropped_is_an_error(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        await Cast(ScriptedClient()).preferred(None, **given)


async def test_what_is_given_wins_over_what_the_role_finds_itself() -> None:
    client = ScriptedClient()
    await Cast(client).preferred(None, known="a baker", inducer=Inference(reason="", profile=["x"], personality=[]))
    assert "<known>\na baker\n</known>" in client.requests[0].text


async def test_nodes_shown_to_a_role_that_would_not_see_them_are_an_error(tree: Tree) -> None:
    here = tree.add(None, Utterance("user", "Hello."))
    with pytest.raises(UsageError, match=r"rejected would not see the nodes .* write \$shown in the prompt"):
        await Cast(ScriptedClient()).rejected(here, here)


# A class that is not a role is refused where it stands.


def test_a_prompt_that_is_only_a_text_is_refused() -> None:
    with pytest.raises(TypeError, match=r"write: prompt = Prompt"):

        class Wrong(Role):
            prompt = "Say something."  # type: ignore[assignment]


def test_an_answer_stands_in_brackets() -> None:
    with pytest.raises(TypeError, match=r"class Wrong\(Role\[FORM\]\)"):

        class Wrong(Role):
            prompt = Prompt("Judge.")
            answer = Preference

    with pytest.raises(TypeError, match="a pydantic model or an Utterance, not with"):

        class Worse(Role[str]):
            prompt = Prompt("Judge.")


async def test_what_is_no_node_or_has_no_value_is_refused_where_the_role_is_called() -> None:
    class Guest(Role):
        prompt = Prompt("You visit $place.")

    guest = Guest("guest", ScriptedClient())
    here = Node(None, "user", "Hi.")
    with pytest.raises(
        TypeError, match=r"guest answers after a node of the tree, not a str; write: await guest\(here\)"
    ):
        await guest("Hi.", place="a lake")  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match=r"guest has no value for \$place .*, only for \$dialogue; write: guest\(here, place="
    ):
        await guest(here)
    with pytest.raises(TypeError, match="takes a node to answer, or None, not a str"):
        Tree("t", "s", Persona("", "A.", "B."), 0).add("Hi.", Utterance("user", "Hi."))  # type: ignore[arg-type]
