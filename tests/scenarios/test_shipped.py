"""The scenarios that come with i2a grow the trees they promise."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from i2a.errors import BadRequest
from i2a.testing import Request
from i2a.trees.json import dump
from i2a.trees.persona import Persona
from i2a.trees.summary import Summary
from i2a.trees.tree import Node, Tree
from scenarios.script import Scenario, find
from scenarios.tutor import MISCONCEPTIONS
from tests.fakes import ScriptedClient, mark, plausible, preference, spoken


async def grown(name: str, client: ScriptedClient, *, seed: int = 7, id: str = "t-0", **options: Any) -> Tree:
    chosen: Scenario = find(name)
    persona = Persona("p", "A baker who keeps bees.", "Blunt.")
    tree = Tree(id, name, persona, seed, chosen.resolve(options))
    await chosen.grow(tree, dict.fromkeys(chosen.roles, client), **tree.options)
    return tree


def judging(by: Callable[[Request], str | Awaitable[str]]) -> ScriptedClient:
    return ScriptedClient(lambda request: by(request) if request.role == "judge" else plausible(request))


def turns(tree: Tree) -> list[Node]:
    return [node for node in tree if node.speaker == "user"]


# aloe


async def test_aloe_holds_one_dialogue_with_two_replies_to_every_message() -> None:
    tree = await grown("aloe", ScriptedClient(), turns=5)
    (end,) = tree.ends
    assert [speaker if speaker == "user" else "reply" for speaker in spoken(end)] == ["user", "reply"] * 5
    assert Counter(node.speaker for node in tree) == {"user": 5, "preferred": 5, "rejected": 5}
    for message in turns(tree):
        assert [reply.speaker for reply in message.children] == ["preferred", "rejected"]
        assert sum(reply.continued for reply in message.children) == 1
        assert message.inference is not None
        assert len(message.verdicts) == 2


async def test_aloe_asks_each_role_as_often_as_a_turn_needs_it() -> None:
    client = ScriptedClient()
    await grown("aloe", client, turns=4)
    assert client.calls == {"user": 4, "inducer": 4, "preferred": 4, "rejected": 4, "judge": 8}


async def test_in_aloe_either_reply_continues_by_chance_whatever_the_judge_says() -> None:
    ways = Counter[str]()
    for i in range(40):
        tree = await grown("aloe", ScriptedClient(lambda r: plausible(r)), id=f"t-{i}", turns=3)
        ways.update(node.speaker for end in tree.ends for node in end.path if node.speaker != "user")
    assert ways.total() == 120
    assert 35 < ways["preferred"] < 85


async def test_aloe_with_the_same_seed_grows_the_same_tree_and_with_another_another() -> None:
    paths: dict[int, str] = {}
    for seed in (1, 1, 2, 3, 4):
        tree = await grown("aloe", ScriptedClient(), seed=seed, turns=6)
        assert paths.setdefault(seed, dump(tree)) == dump(tree)
    assert len({tuple(node["continued"] for node in json.loads(line)["nodes"]) for line in paths.values()}) > 1


async def test_in_aloe_agreeing_verdicts_label_and_flipped_ones_do_not() -> None:
    def judge(request: Request) -> str:
        turn = request.text.partition("<dialogue>")[2].partition("</dialogue>")[0].count("User:")
        return preference("1") if turn == 2 else plausible(request)

    tree = await grown("aloe", judging(judge), turns=4)
    labelled = [sorted(str(reply.label) for reply in message.children) for message in turns(tree)]
    assert labelled == [["preferred", "rejected"], ["None", "None"], *[["preferred", "rejected"]] * 2]
    for message in turns(tree):
        winners = {verdict.winner for verdict in message.verdicts}
        assert [reply for reply in message.children if reply.label == "preferred"] == (
            list(winners) if len(winners) == 1 else []
        )
    summary = Summary.of([tree])
    assert (summary.pairs, summary.labelled, summary.flipped, summary.unjudged) == (4, 3, 1, 0)
    assert len(tree.pairs) == 3


async def test_in_aloe_an_unusable_verdict_leaves_the_winner_open_and_the_dialogue_goes_on() -> None:
    tree = await grown("aloe", judging(lambda request: "I cannot decide."), turns=3)
    assert [verdict.winner for message in turns(tree) for verdict in message.verdicts] == [None] * 6
    assert tree.pairs == []
    assert Summary.of([tree]).unjudged == 3


async def test_in_aloe_the_next_message_does_not_wait_for_the_verdicts() -> None:
    last = asyncio.Event()

    async def answer(request: Request) -> str:
        if request.role == "judge":
            await last.wait()
        if request.role == "user" and client.calls["user"] == 5:
            last.set()
        return plausible(request)

    client = ScriptedClient(answer)
    async with asyncio.timeout(5):
        tree = await grown("aloe", client, turns=5)
    assert all(len(message.verdicts) == 2 for message in turns(tree))


async def test_in_aloe_the_hint_reaches_the_preferred_responder_only() -> None:
    def answer(request: Request) -> str:
        if request.role == "inducer":
            return json.dumps({"reason": "r", "profile": [f"blunt secret {mark(request.text)}"], "personality": []})
        return plausible(request)

    client = ScriptedClient(answer)
    tree = await grown("aloe", client, turns=4)
    for message, request in zip(turns(tree), client.of("preferred"), strict=True):
        assert message.inference is not None
        assert message.inference.profile[0] in request.text
    assert not any("secret" in request.text for request in (*client.of("rejected"), *client.of("user")))
    assert not any("baker" in r.text for r in (*client.of("rejected"), *client.of("preferred")))


async def test_in_aloe_nobody_sees_the_reply_that_was_left_lying() -> None:
    client = ScriptedClient()
    tree = await grown("aloe", client, turns=4)
    for message in turns(tree)[:-1]:
        (left,) = [reply for reply in message.children if not reply.continued]
        seen = [request for role in ("user", "inducer", "preferred", "rejected") for request in client.of(role)]
        assert not any(left.content in request.text for request in seen)


async def test_a_judge_that_refuses_leaves_a_whole_conversation_without_labels() -> None:
    def refuse(request: Request) -> str:
        raise BadRequest("too long")

    tree = await grown("aloe", judging(refuse), turns=3)
    assert len(tree.ends[0].path) == 6
    assert not tree.pairs
    assert {verdict.reason for node in tree for verdict in node.verdicts} == {"too long"}


async def test_aloe_of_one_turn_ends_with_the_reply_that_was_drawn() -> None:
    tree = await grown("aloe", ScriptedClient(), turns=1)
    assert len(tree.ends) == 1
    assert len(tree.ends[0].path) == 2


# full_tree


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_a_full_tree_doubles_with_every_turn(depth: int) -> None:
    client = ScriptedClient()
    tree = await grown("full_tree", client, turns=depth)
    assert len(tree.ends) == 2**depth
    assert all(len(end.path) == 2 * depth for end in tree.ends)
    assert len({tuple(node.content for node in end.path) for end in tree.ends}) == 2**depth
    assert client.calls["user"] == 2**depth - 1
    assert all(len(message.verdicts) == 2 and message.inference for message in turns(tree))


async def test_a_full_tree_is_the_same_whichever_branch_is_faster() -> None:
    lines = set()
    for salt in range(3):

        async def answer(request: Request, salt: int = salt) -> str:
            await asyncio.sleep(int(mark(salt, request.text), 16) % 7 / 5000)
            return plausible(request)

        lines.add(dump(await grown("full_tree", ScriptedClient(answer), turns=3)))
    assert len(lines) == 1


@pytest.mark.parametrize("name", ["aloe", "full_tree", "tutor"])
@pytest.mark.parametrize("none", [0, -1])
async def test_a_dialogue_of_no_turns_has_no_utterances(name: str, none: int) -> None:
    assert list(await grown(name, ScriptedClient(), turns=none)) == []


# tutor


def diagnosis(found: str) -> str:
    return json.dumps({"reason": "r", "misconception": "heavy falls faster", "found": found})


async def test_the_tutor_stops_once_the_misconception_is_found() -> None:
    client = ScriptedClient(
        lambda r: diagnosis("yes" if client.calls["examiner"] == 3 else "no") if r.role == "examiner" else plausible(r)
    )
    tree = await grown("tutor", client, turns=8)
    assert [node.speaker for node in tree] == ["pupil", "tutor", "pupil", "tutor", "pupil"]
    (end,) = tree.ends
    assert end.speaker == "pupil"
    assert end.metadata["diagnosis"]["found"] == "yes"


async def test_the_tutor_gives_up_after_the_last_turn() -> None:
    tree = await grown("tutor", ScriptedClient(), turns=2)
    assert [node.speaker for node in tree] == ["pupil", "tutor"] * 2
    assert len(tree.ends) == 1


async def test_the_misconception_is_known_to_pupil_and_examiner_and_not_to_the_tutor() -> None:
    client = ScriptedClient()
    tree = await grown("tutor", client, turns=2)
    (chosen,) = [m for m in MISCONCEPTIONS if m in client.of("pupil")[0].text]
    assert all(chosen in request.text for role in ("pupil", "examiner") for request in client.of(role))
    assert not any(chosen in request.text for request in client.of("tutor"))
    assert tree.roots[0].metadata["misconception"] == chosen


async def test_the_tutor_hears_the_pupil_and_the_pupil_the_tutor() -> None:
    client = ScriptedClient()
    tree = await grown("tutor", client, turns=2)
    first, question, *_ = tree
    assert first.content in client.of("tutor")[0].text
    assert question.content in client.of("pupil")[1].text
