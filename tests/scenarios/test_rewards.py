"""Rewards: functions of a tree and a reply, found by name, path or import, with roles that they may ask."""

import asyncio
from pathlib import Path

import pytest

from agents.prompt import Prompt
from agents.role import Role
from i2a.errors import BadRequest, UsageError
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree, Utterance
from scenarios.rewards import Reward, find_reward, reward
from tests.fakes import ScriptedClient


def tree_of(*texts: str) -> tuple[Tree, Node]:
    """A dialogue of user and policy, and its last node."""
    tree = Tree("t", "siblings", Persona("p"), 1)
    here: Node | None = None
    for place, text in enumerate(texts):
        here = tree.add(here, Utterance("policy" if place % 2 else "user", text))
    assert here is not None
    return tree, here


def worth(found: Reward, *texts: str) -> float | None:
    tree, reply = tree_of(*texts)
    return asyncio.run(found.of(tree, [reply], {}))[0].value


def test_length_counts_words_in_hundreds_or_those_beyond_a_number() -> None:
    assert worth(find_reward("length"), "Hi.", "One two three.") == 0.03
    assert worth(find_reward("length:2"), "Hi.", "One two three.") == 0.01
    assert worth(find_reward("length:9"), "Hi.", "One two three.") == 0


def test_repetition_is_the_share_of_what_the_speaker_has_said_before() -> None:
    repetition = find_reward("repetition")
    assert worth(repetition, "Hi.", "I like your bread a lot.") == 0
    assert worth(repetition, "I like your bread.", "I like your bread.") == 0, "it may take up the user's words"
    assert worth(repetition, "Hi.", "I like your bread.", "Oh.", "I like your bread, really.") == 2 / 3
    assert worth(repetition, "Hi.", "yes yes yes yes") == 0.5
    assert worth(repetition, "Hi.", "No.") == 0


def test_a_function_in_a_file_is_a_reward_with_and_without_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from scenarios.rewards import reward\n\n@reward\ndef short(tree, reply):\n    return -len(reply.content)\n"
        "\ndef plain(tree, reply):\n    return True\n",
        "utf-8",
    )
    assert worth(find_reward(str(file)), "Hi.", "Yes.") == -4
    assert worth(find_reward(f"{file}:short"), "Hi.", "Yes.") == -4
    assert worth(find_reward(f"{file}:plain"), "Hi.", "Yes.") == 1


def test_its_fingerprint_changes_with_its_code_and_not_with_a_comment(tmp_path: Path) -> None:
    prints = []
    for number, body in enumerate(("return 1", "return 1  # as ever", "return 2")):
        file = tmp_path / f"r{number}.py"
        file.write_text(f"def one(tree, reply):\n    {body}\n", "utf-8")
        prints.append(find_reward(f"{file}:one").fingerprint)
    assert prints[0] == prints[1] != prints[2]


class KindnessRater(Role):
    """Says a number."""

    prompt = Prompt("Say how kind the reply is.\n---\n$dialogue")


@reward
async def kind(tree: Tree, reply: Node, scorer: KindnessRater) -> float:
    """How kind a role finds it."""
    return float((await scorer(reply)).content)


async def test_a_reward_asks_its_roles_and_a_call_that_fails_is_no_value() -> None:
    tree, reply = tree_of("Hi.", "You are kind.")
    roles = {"scorer": KindnessRater("scorer", ScriptedClient.saying("3.5", BadRequest("busy")))}
    assert [each.value for each in await kind.of(tree, [reply], roles)] == [3.5]
    ((value, reason),) = await kind.of(tree, [reply], roles)
    assert value is None
    assert reason == "busy"


@pytest.mark.parametrize("given", ["3", float("nan"), float("inf"), [1]])
def test_what_is_no_number_is_refused_by_the_name_of_the_reward(given: object) -> None:
    def broken(tree: Tree, reply: Node) -> object:
        return given

    with pytest.raises(UsageError, match=r"broken gave .*: it must return a number"):
        worth(reward(broken), "Hi.", "Yes.")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("repetition:3", "takes nothing after a colon"),
        ("length:few", "write a whole number of words"),
        ("judge:nobody", "there is no protocol 'nobody'"),
        ("i2a.text:BLANK", "i2a.text has no 'BLANK'"),
        ("scenarios.rewards:SHAPE", "is a str, not a reward"),
    ],
)
def test_a_name_that_stands_for_no_reward_is_refused(name: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        find_reward(name)


def test_a_parameter_that_is_no_role_is_refused() -> None:
    def lost(tree: Tree, reply: Node, weight: float) -> float:
        return weight

    with pytest.raises(UsageError, match="annotate 'weight' with a role"):
        reward(lost)
