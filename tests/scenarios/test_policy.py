"""A policy gives several replies where a script asks it for one, and each is given its rewards."""

import json
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import BadRequest, UsageError
from i2a.testing import Request
from i2a.trees.json import read
from i2a.trees.tree import REWARD, REWARDS, UNSCORED, Tree
from scenarios import Simulation, simulate
from scenarios.policy import ENDED, LOST, places_of
from tests.fakes import ScriptedClient, mark, plausible

WORDS = "tests.scenarios.test_policy:marked"


def marked(tree: Tree, reply: Any) -> float:
    """A reward that follows from the words."""
    return int(mark(reply.content), 16) / 2**32


def grown(out: Path, client: ScriptedClient | None = None, **settings: Any) -> list[Tree]:
    config = {"scenario": "siblings", "conversations": 2, "turns": 3, "quiet": True} | settings
    simulate(Simulation(out=out, **config), clients={"*": client or ScriptedClient()})
    return list(read(out / "trees.jsonl"))


def rating(request: Request) -> str:
    return json.dumps({"reason": "so", "score": 1 + int(mark(request.text), 16) % 5})


def judging(request: Request) -> str:
    return rating(request) if request.role == "judge" else plausible(request)


def test_every_message_gets_as_many_replies_as_asked_for_and_one_of_them_goes_on(tmp_path: Path) -> None:
    for tree in grown(tmp_path / "run", replies=3):
        assert [len(place) for place in places_of(tree, "policy")] == [3, 3, 3]
        for place in places_of(tree, "policy"):
            assert sum(reply.continued for reply in place) == 1
            assert len({reply.content for reply in place}) == 3
        (end,) = tree.ends
        assert [node.speaker for node in end.path] == ["user", "policy"] * 3


def test_which_reply_goes_on_is_chance(tmp_path: Path) -> None:
    trees = grown(tmp_path / "run", conversations=8)
    places = [place for tree in trees for place in places_of(tree, "policy")]
    assert {[reply.continued for reply in place].index(True) for place in places} == {0, 1, 2, 3}


@pytest.mark.parametrize("follow", ["best", "random"])
def test_the_best_goes_on_if_asked_and_all_have_their_reward_either_way(tmp_path: Path, follow: str) -> None:
    trees = grown(tmp_path / "run", follow=follow, reward={WORDS: 2.0})
    places = [place for tree in trees for place in places_of(tree, "policy")]
    for place in places:
        for reply in place:
            assert reply.metadata[REWARDS] == {WORDS: marked(trees[0], reply)}
            assert reply.metadata[REWARD] == 2 * marked(trees[0], reply)
    best = [max(place, key=lambda reply: marked(trees[0], reply)).continued for place in places]
    assert all(best) is (follow == "best")


def test_any_scenario_can_be_trained_with_siblings_and_its_script_goes_through_one_of_them(tmp_path: Path) -> None:
    trees = grown(tmp_path / "tutor", scenario="tutor", policy="tutor", replies=3, turns=2, reward={"length": -1})
    for tree in trees:
        assert [len(place) for place in places_of(tree, "tutor")] == [3, 3]
        assert [node.speaker for node in tree.ends[0].path] == ["pupil", "tutor"] * 2
    (tree,) = grown(tmp_path / "full", scenario="full_tree", policy="rejected", conversations=1, turns=2, replies=2)
    assert [len(place) for place in places_of(tree, "rejected")] == [2] * 3
    assert all(len(message.verdicts) == 2 for message in tree if message.speaker == "user")


def test_a_judge_that_fails_leaves_one_reply_without_a_reward_and_changes_no_other(tmp_path: Path) -> None:
    def failing(request: Request) -> str:
        if request.role == "judge" and int(mark(request.text), 16) % 3 == 0:
            raise BadRequest("the judge is gone")
        return judging(request)

    reward = {"judge": 1.0, "length": -0.5}
    whole = grown(tmp_path / "whole", ScriptedClient(judging), reward=reward)
    broken = grown(tmp_path / "broken", ScriptedClient(failing), reward=reward)
    pairs = [both for trees in zip(whole, broken, strict=True) for both in zip(*trees, strict=True)]
    lost = [other for _, other in pairs if other.speaker == "policy" and other.metadata[REWARD] is None]
    assert 3 < len(lost) < 21
    for one, other in pairs:
        if other in lost:
            assert other.metadata[REWARDS] == one.metadata[REWARDS] | {"judge": None}
            assert "the judge is gone" in other.metadata[UNSCORED]["judge"]
        else:
            assert (one.content, one.metadata) == (other.content, other.metadata)


def test_a_reward_of_weight_zero_is_looked_at_and_does_not_count(tmp_path: Path) -> None:
    def failing(request: Request) -> str:
        if request.role == "judge":
            raise BadRequest("no judge")
        return plausible(request)

    (tree,) = grown(tmp_path / "run", ScriptedClient(failing), conversations=1, reward={"judge": 0, "length": 1})
    reply = places_of(tree, "policy")[0][0]
    assert reply.metadata[REWARDS] == {"judge": None, "length": 0.03}
    assert reply.metadata[REWARD] == 0.03


def test_several_raters_are_a_jury_whose_mean_counts(tmp_path: Path) -> None:
    def rated(score: int) -> ScriptedClient:
        return ScriptedClient(lambda request: json.dumps({"reason": "so", "score": score}))

    names = {"openai:a@http://localhost:1/v1": rated(1), "openai:b@http://localhost:1/v1": rated(4)}
    config = Simulation(
        out=tmp_path, scenario="siblings", conversations=1, turns=1, reward={"judge": 1}, rater=list(names)
    )
    simulate(config, clients=names)
    (tree,) = read(tmp_path / "trees.jsonl")
    assert {reply.metadata[REWARD] for reply in places_of(tree, "policy")[0]} == {2.5}


def test_a_user_who_fails_ends_the_conversation_there_and_what_came_before_it_counts(tmp_path: Path) -> None:
    def failing(request: Request) -> str:
        if request.role == "user" and len(request.messages) > 3:
            raise BadRequest("the user left")
        return plausible(request)

    trees = grown(tmp_path / "run", ScriptedClient(failing), reward={WORDS: 1})
    for tree in trees:
        places = places_of(tree, "policy")
        assert 1 <= len(places) < 3
        assert all(reply.metadata[REWARD] is not None for place in places for reply in place)
        assert "the user left" in tree.ends[0].metadata[ENDED]


def test_a_reply_that_fails_is_missing_and_its_siblings_stay(tmp_path: Path) -> None:
    def failing(request: Request) -> str:
        if request.role == "policy" and int(mark(request.text, request.seed), 16) % 3 == 0:
            raise BadRequest("no answer")
        return plausible(request)

    trees = grown(tmp_path / "run", ScriptedClient(failing), conversations=4)
    places = [place for tree in trees for place in places_of(tree, "policy")]
    assert {len(place) + place[0].metadata.get(LOST, 0) for place in places} == {4}
    assert any(LOST in place[0].metadata for place in places)


def test_what_a_policy_says_is_not_asked_for_again_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    echo = "Build on the pupil's own words. Do not explain, correct or lecture, and do not guess aloud."
    calls: list[int] = []
    for policy in ({}, {"policy": "tutor", "replies": 1}):
        client = ScriptedClient(lambda request: echo if request.role == "tutor" else plausible(request))
        out = tmp_path / f"run{len(calls)}"
        grown(out, client, scenario="tutor", conversations=1, turns=1, **policy)
        calls.append(client.calls["tutor"])
    assert calls == [2, 1]


def test_a_run_that_was_cut_off_goes_on_to_the_same_trees(tmp_path: Path) -> None:
    settings = {"follow": "best", "reward": {"judge": 1.0, "wins": 1.0}}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    client = ScriptedClient(lambda r: plausible(r) if "<reply_1>" in r.text else judging(r))
    grown(whole, client, **settings)
    simulate(
        Simulation(out=cut, scenario="siblings", conversations=2, turns=3, max_tokens=900, **settings),
        clients={"*": client},
    )
    assert not (cut / "trees.jsonl").exists() or len((cut / "trees.jsonl").read_text().splitlines()) < 2
    grown(cut, client, resume=True, **settings)
    assert (cut / "trees.jsonl").read_bytes() == (whole / "trees.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"scenario": "aloe", "reward": {"length": 1}}, "--policy ROLE"),
        ({"policy": "nobody"}, "has no role 'nobody'"),
        ({"scenario": "aloe", "policy": "judge"}, "answers with a form"),
        ({"follow": "best"}, "--follow best needs a reward"),
        ({"follow": "best", "reward": {"length": 0}}, "--follow best needs a reward"),
        ({"reward": {"kindness": 1}}, "there is no reward 'kindness'"),
        ({"reward": {"recognised": 1}}, "--role-model reader=hf:FOLDER"),
        ({"scenario": "tutor", "policy": "tutor", "reward": {"nowhere.py": 1}}, "there is no such file"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_written(
    tmp_path: Path, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        grown(tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_reward_is_told_of_whom_the_person_has_become(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: Request) -> str:
        if request.role == "judge" and "<reply>" in request.text:
            asked.append(request.text)
            return rating(request)
        return plausible(request)

    given: dict[str, Any] = {"scenario": "drift", "policy": "preferred", "option": {"change": 2}, "turns": 2}
    trees = grown(tmp_path / "run", ScriptedClient(answer), **given, replies=2, reward={"judge": 1})
    for tree in trees:
        for turn, persona in enumerate((tree.persona, tree.personas["later"]), 1):
            mine = [text for text in asked if text.count("User: ") == turn and persona.personality in text]
            assert len(mine) >= 2, f"both replies at turn {turn}"
    assert len(asked) == 8
