"""What a role was sent is kept with the tree: of roles of one's own when they speak, of all where it is asked for."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.answers import Preference
from agents.judge import Judge
from agents.prompt import Prompt
from agents.role import Role, introduce
from agents.user import User
from i2a import simulate
from i2a.errors import UsageError
from i2a.testing import ScriptedModel
from i2a.trees.json import load, read
from i2a.trees.tree import KeptAnswer, Node, SentPrompt, Tree
from scenarios.aloe import aloe

DEBATE = str(Path(__file__).parents[2] / "examples/debate.py")


def one_tree(folder: Path, **settings: Any) -> Tree:
    simulate(out=folder, conversations=1, turns=2, **settings)
    (tree,) = read(folder / "trees.jsonl")
    return tree


def test_the_values_that_a_role_was_given_are_kept_and_each_prompt_once_a_tree(tmp_path: Path) -> None:
    tree = one_tree(tmp_path, scenario=DEBATE)
    for node in tree:
        side = {"pro": "speak for the motion", "con": "speak against the motion"}.get(node.speaker)
        assert (node.prompt is None) is (side is None)
        assert side is None or (node.prompt is not None and side in node.prompt.system)
    stored = json.loads((tmp_path / "trees.jsonl").read_text("utf-8"))
    assert len(stored["prompts"]) == 2


def test_the_trees_of_the_paper_are_as_they_were(tmp_path: Path) -> None:
    one_tree(tmp_path)
    stored = json.loads((tmp_path / "trees.jsonl").read_text("utf-8"))
    assert "prompts" not in stored
    assert not any({"prompt", "answers"} & node.keys() for node in stored["nodes"])


def test_all_prompts_and_answers_are_kept_where_it_is_asked_for_and_nothing_else_changes(tmp_path: Path) -> None:
    plain, kept = one_tree(tmp_path / "a"), one_tree(tmp_path / "b", keep_prompts=True)
    assert [node.content for node in plain] == [node.content for node in kept]
    messages = [node for node in kept if node.speaker == "user"]
    for node in messages:
        assert sorted(answer.role for answer in node.answers) == ["inducer", "judge", "judge"]
        assert all(answer.prompt.shows_dialogue and node.content in answer.prompt.request for answer in node.answers)
    assert {node.prompt.private for node in kept if node.prompt and node.speaker == "preferred"} == {True}
    assert (tmp_path / "b/trees.jsonl").read_bytes() == again(tmp_path / "c").read_bytes()


def again(folder: Path) -> Path:
    one_tree(folder, keep_prompts=True, concurrency=1)
    return folder / "trees.jsonl"


def test_another_prompt_in_place_of_the_shipped_one_is_kept(tmp_path: Path) -> None:
    (tmp_path / "user.txt").write_text("You are a person: $profile $personality")
    tree = one_tree(tmp_path / "run", role_prompt={"user": tmp_path / "user.txt"})
    assert all(
        node.prompt and node.prompt.system.startswith("You are a person: ") for node in tree if not node.siblings
    )

    class Guest(User):
        prompt = Prompt("You visit.")

    class Mute(User):
        keeps_prompt = True

    kinds: list[type[Role]] = [Guest, Mute, User, Role]
    assert [kind.keeps_prompt for kind in kinds] == [None, True, False, None]


async def test_a_role_of_a_form_keeps_its_answers_if_its_class_says_so() -> None:
    class Scorer(Role[Preference]):
        prompt = Prompt("Which?\n---\n$dialogue")
        keeps_prompt = True

    scorer = Scorer("scorer", ScriptedModel.saying('{"reason": "So.", "winner": "1"}'))
    here = Node(None, "user", "Hi.")
    await scorer(here)
    assert here.answers == []  # outside of a simulation nothing is kept
    kept = Scorer("scorer", ScriptedModel.saying('{"reason": "So.", "winner": "1"}'))
    introduce([kept], keep=["scorer"])
    await kept(here)
    sent = SentPrompt("Which?", "User: Hi.", shows_dialogue=True)
    assert here.answers == [KeptAnswer("scorer", '{"reason":"So.","winner":"1"}', sent)]
    assert replace(aloe, roles={"a": Scorer, "b": Judge, "c": User}).prompts_kept() == ["a"]


def test_a_tree_whose_node_names_no_prompt_is_refused(tmp_path: Path) -> None:
    one_tree(tmp_path, scenario=DEBATE)
    line = json.loads((tmp_path / "trees.jsonl").read_text("utf-8"))
    assert load(json.dumps(line)).roots[0].children[0].prompt == SentPrompt(line["prompts"][0]["system"])
    line["prompts"].pop()
    with pytest.raises(UsageError, match="names no prompt of the tree"):
        load(json.dumps(line))


def test_a_failure_keeps_the_answer_that_could_not_be_used(tmp_path: Path) -> None:
    model = ScriptedModel.by_role(judge="I like both.", inducer="{}")
    result = simulate(out=tmp_path, conversations=1, turns=1, clients={"*": model})
    assert result.failed == 1
    (failure,) = [json.loads(line) for line in (tmp_path / "failures.jsonl").read_text("utf-8").splitlines()]
    assert failure["error"] == "MalformedAnswer"
    assert failure["answer"] == "{}"
