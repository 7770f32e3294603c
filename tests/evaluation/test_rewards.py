"""Rewards that ask a model: by a protocol, by wins among siblings, by likelihoods, by what could be inferred."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from agents.inducer import Inducer
from agents.judge import Judge
from evaluation.judge import AloeRater, StrictRater
from evaluation.rewards import NOTHING, OTHERS, Guesser, Reader, f1, inferred, others, recognised, wins
from i2a.errors import BadRequest
from i2a.jsonl import JsonMapping
from i2a.models.model import REPLIES, Completion, Message
from i2a.testing import Request
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, Node, Tree, Utterance
from scenarios.rewards import Reward, Worth, find_reward
from tests.fakes import ScriptedClient, preference

PERSONA = Persona("p", "She bakes bread and keeps two cats.", "She is blunt.")


def siblings(*replies: str) -> tuple[Tree, list[Node]]:
    tree = Tree("t", "siblings", PERSONA, 1)
    here = tree.add(None, Utterance("user", "I bake bread."))
    return tree, [tree.add(here, Utterance("policy", reply)) for reply in replies]


async def values(found: Reward, client: Any, kinds: dict[str, Any], *replies: str) -> list[float | None]:
    tree, nodes = siblings(*replies)
    roles = {role: kind(role, client, **PERSONA.values) for role, kind in kinds.items()}
    return [worth.value for worth in await found.of(tree, nodes, roles)]


async def test_the_judge_scores_by_any_protocol_and_sees_the_reply() -> None:
    def score(request: Request) -> str:
        asked = "passes" if "passes" in json.dumps(request.schema) else "score"
        given = {"passes": "<reply>\nGood" in request.text, "score": 5 if "<reply>\nGood" in request.text else 2}
        return json.dumps({"reason": "so", asked: given[asked]})

    for name, rater, wanted in (("judge", AloeRater, [5, 2]), ("judge:strict", StrictRater, [1, 0])):
        found = find_reward(name)
        assert found.roles == {"judge": rater}
        assert await values(found, ScriptedClient(score), {"judge": rater}, "Good.", "Bad.") == wanted


def better(request: Request) -> str:
    """The longer reply wins; two of one length never agree."""
    one, other = request.replies
    return preference("1" if len(one) >= len(other) else "2")


async def test_wins_are_the_share_of_siblings_beaten_in_both_orders() -> None:
    client = ScriptedClient(better)
    assert await values(wins, client, {"judge": Judge}, "a", "bbb", "cc", "dd") == [0, 1, 0.5, 0.5]
    assert client.calls["judge"] == 12


async def test_a_comparison_that_failed_leaves_the_two_without_a_value_and_the_others_as_they_were() -> None:
    def failing(request: Request) -> str:
        if set(request.replies) == {"a", "bbb"}:
            raise BadRequest("gone")
        return better(request)

    assert await values(wins, ScriptedClient(failing), {"judge": Judge}, "a", "bbb", "cc", "dd") == [
        None,
        None,
        0.5,
        0.5,
    ]


async def test_wins_label_no_reply_and_keep_the_verdicts() -> None:
    tree, nodes = siblings("a", "bbb")
    await wins.of(tree, nodes, {"judge": Judge("judge", ScriptedClient(better), **PERSONA.values)})
    assert [node.label for node in nodes] == [None, None]
    assert nodes[0].parent is not None
    assert [verdict.winner for verdict in nodes[0].parent.verdicts] == [nodes[1], nodes[1]]


class Reading(ScriptedClient):
    """A model of likelihoods that knows what a baker is told."""

    async def complete_as(self, role: str, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        told = messages[0].content
        found = [[-1.0 if ("bread" in told) == ("bread" in reply) else -3.0, 4] for reply in parameters[REPLIES]]
        return Completion(json.dumps(found), "stop", 1, 1)


async def test_a_reply_is_recognised_by_who_likely_got_it() -> None:
    fits, not_at_all = await values(recognised, Reading(), {"reader": Reader}, "Fresh bread!", "Nice car.")
    assert fits is not None
    assert not_at_all is not None
    assert fits == pytest.approx(1 / (1 + OTHERS * 2.718281828459045**-2))
    assert not_at_all == pytest.approx(2.718281828459045**-2 / (2.718281828459045**-2 + OTHERS))


def test_the_others_are_three_people_with_another_profile_and_personality() -> None:
    for seed in range(5):
        (mine, *_) = others(PERSONA, seed)
        found = others(mine, seed)
        assert len(found) == OTHERS
        assert all(one.profile != mine.profile and one.personality != mine.personality for one in found)


async def test_what_the_policy_infers_is_compared_with_what_the_person_has_revealed() -> None:
    def answer(request: Request) -> str:
        if request.role == "inducer":
            return json.dumps({"reason": "so", "profile": ["bakes bread"], "personality": []})
        return "bakes bread" if "bread" in request.text.rpartition("Policy:")[2] else "drives a car; cheerful"

    kinds = {"policy": Guesser, "inducer": Inducer}
    assert await values(inferred, ScriptedClient(answer), kinds, "Your bread!", "Oh.") == [1, 0]


async def test_a_guess_that_fails_is_no_value_of_that_reply_alone() -> None:
    def answer(request: Request) -> str:
        if request.role == "policy" and "Oh." in request.text:
            raise BadRequest("out of order")
        if request.role == "policy":
            return "bakes bread"
        return json.dumps({"reason": "so", "profile": ["bakes bread"], "personality": []})

    kinds = {"policy": Guesser, "inducer": Inducer}
    assert await values(inferred, ScriptedClient(answer), kinds, "Your bread!", "Oh.") == [1, None]


async def test_where_nothing_is_revealed_there_is_nothing_to_infer() -> None:
    tree, nodes = siblings("a", "b")
    assert nodes[0].parent is not None
    nodes[0].parent.inference = Inference(reason="", profile=[], personality=[])
    guess = json.dumps({"reason": "so", "profile": ["x"], "personality": []})
    roles = {"policy": Guesser("policy", ScriptedClient(lambda request: guess)), "inducer": None}
    assert await inferred.of(tree, nodes, roles) == [Worth(None, NOTHING)] * 2  # type: ignore[arg-type]


def test_f1_counts_what_is_shared() -> None:
    assert f1({"a", "b"}, {"b", "c", "d"}) == 0.4
    assert f1(set(), {"b"}) == 0
