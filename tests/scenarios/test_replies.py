"""A verdict is what two orders agree on: swapped, it stays the same, and where there is none, nothing is labelled."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from i2a.errors import BadRequest, ContextOverflow, ModelError, Unreachable
from i2a.testing import Request
from i2a.trees.persona import Persona
from i2a.trees.summary import Summary
from i2a.trees.tree import Node, Tree, Utterance
from scenarios.replies import compare, replies
from tests.fakes import ScriptedClient, mark, plausible, preference


def judge_on(client: ScriptedClient) -> Judge:
    return Judge("judge", client, profile="A baker.", personality="Blunt.")


def pair(first: str = "A", second: str = "B") -> tuple[Tree, Node, Node, Node]:
    tree = Tree("t-0", "test", Persona("p", "A baker.", "Blunt."), 7)
    here = tree.add(None, Utterance("user", "Hello."))
    return tree, here, tree.add(here, Utterance("preferred", first)), tree.add(here, Utterance("rejected", second))


def judging(straight: str, swapped: str) -> ScriptedClient:
    """Answers differently when the hinted reply, `A`, comes first and when it comes second."""
    return ScriptedClient(lambda request: straight if request.replies[0] == "A" else swapped)


def labels(*nodes: Node) -> list[str | None]:
    return [node.label for node in nodes]


async def test_both_orders_are_asked(tmp_path: object) -> None:
    _, here, one, other = pair()
    client = judging(preference("1"), preference("2"))
    await compare(judge_on(client), here, one, other)
    assert {request.replies for request in client.requests} == {("A", "B"), ("B", "A")}
    assert [(v.first, v.second, v.winner) for v in here.verdicts] == [(one, other, one), (other, one, one)]


@pytest.mark.parametrize(
    ("straight", "swapped", "expected"),
    [("1", "2", ["preferred", "rejected"]), ("2", "1", ["rejected", "preferred"])],
)
async def test_verdicts_that_agree_label_the_pair(straight: str, swapped: str, expected: list[str]) -> None:
    _, here, one, other = pair()
    await compare(judge_on(judging(preference(straight), preference(swapped))), here, one, other)
    assert labels(one, other) == expected


@pytest.mark.parametrize("always", ["1", "2"])
async def test_a_judge_that_goes_by_the_place_labels_nothing(always: str) -> None:
    tree, here, one, other = pair()
    await compare(judge_on(judging(preference(always), preference(always))), here, one, other)
    assert labels(one, other) == [None, None]
    assert {verdict.winner for verdict in here.verdicts} == {one, other}
    assert Summary.of([tree]).flipped == 1


@pytest.mark.parametrize(
    ("straight", "swapped"), [(preference("1"), "no idea"), ("no idea", preference("2")), ("?", "no idea")]
)
async def test_an_unusable_verdict_is_kept_as_such_and_labels_nothing(straight: str, swapped: str) -> None:
    tree, here, one, other = pair()
    await compare(judge_on(judging(straight, swapped)), here, one, other)
    assert labels(one, other) == [None, None]
    unusable = [verdict for verdict in here.verdicts if verdict.winner is None]
    assert all("no usable answer" in verdict.reason for verdict in unusable)
    assert len(unusable) == sum("{" not in answer for answer in (straight, swapped))
    assert len(here.verdicts) == 2
    assert Summary.of([tree]).unjudged == 1


async def test_the_reason_of_a_verdict_is_kept() -> None:
    _, here, one, other = pair()
    await compare(judge_on(judging(preference("1", "warmer"), preference("2", "shorter"))), here, one, other)
    assert [verdict.reason for verdict in here.verdicts] == ["warmer", "shorter"]


@given(st.tuples(st.sampled_from("123"), st.sampled_from("123")))
def test_to_swap_the_pair_swaps_nothing_but_the_order_of_the_verdicts(answers: tuple[str, str]) -> None:
    """`3` is no answer. Whichever reply is named first, the labels are the same."""
    found = []
    for turned in (False, True):
        _, here, one, other = pair()
        client = judging(*(preference(answer) for answer in answers))
        asyncio.run(compare(judge_on(client), here, *((other, one) if turned else (one, other))))
        verdicts = [(v.first.content, v.second.content, v.winner and v.winner.content) for v in here.verdicts]
        found.append((labels(one, other), verdicts[::-1] if turned else verdicts))
    assert found[0] == found[1]


@pytest.mark.parametrize("error", [BadRequest("too long"), ContextOverflow("no room"), Unreachable("gone")])
async def test_a_judge_whose_call_fails_leaves_the_pair_without_a_label_and_says_why(error: ModelError) -> None:
    tree, here, one, other = pair()

    def fail(request: Request) -> str:
        raise error

    assert await compare(judge_on(ScriptedClient(fail)), here, one, other) is None
    assert labels(one, other) == [None, None]
    assert [(verdict.winner, verdict.reason) for verdict in here.verdicts] == [(None, str(error))] * 2
    assert Summary.of([tree]).unjudged == 1


async def test_of_three_replies_each_pair_can_be_compared_and_the_tree_is_the_same_in_any_order() -> None:
    found = []
    for order in ((0, 1, 2), (2, 1, 0)):
        tree, here, one, other = pair()
        third = tree.add(here, Utterance("rejected", "C"))
        pairs = [(one, other), (one, third), (other, third)]
        client = ScriptedClient(lambda request: preference("1" if request.replies[0] < request.replies[1] else "2"))
        assert await compare(judge_on(client), here, one, other) is one
        here.verdicts = []
        for i in order:
            await compare(judge_on(client), here, *pairs[i])
        found.append([(v.first.content, v.second.content) for v in here.verdicts])
    assert found[0] == found[1] == [("A", "B"), ("B", "A"), ("A", "C"), ("C", "A"), ("B", "C"), ("C", "B")]


async def test_equal_replies_can_be_compared() -> None:
    _, here, one, other = pair("same", "same")
    await compare(judge_on(ScriptedClient(lambda request: preference("1"))), here, one, other)
    assert labels(one, other) == [None, None]


# Replies.


def responders(client: ScriptedClient) -> tuple[Inducer, PreferredResponder, RejectedResponder]:
    inducer = Inducer("inducer", client, profile="A baker.", personality="Blunt.")
    return inducer, PreferredResponder("preferred", client), RejectedResponder("rejected", client)


async def test_the_inference_reaches_the_hinted_reply_only_and_stays_with_the_message() -> None:
    _, here, *_ = pair()
    inference = json.dumps({"reason": "so", "profile": ["baker, secretly"], "personality": []})
    client = ScriptedClient(lambda request: inference if request.role == "inducer" else f"by {request.role}")
    hinted, plain = await replies(*responders(client), here)
    assert (hinted.speaker, hinted.content) == ("preferred", "by preferred")
    assert (plain.speaker, plain.content) == ("rejected", "by rejected")
    assert here.inference is not None
    assert here.inference.profile == ["baker, secretly"]
    assert [("secretly" in request.text) for request in (*client.of("preferred"), *client.of("rejected"))] == [
        True,
        False,
    ]


async def test_the_plain_reply_does_not_wait_for_the_inducer() -> None:
    _, here, *_ = pair()
    asked = asyncio.Event()

    async def answer(request: Request) -> str:
        if request.role == "rejected":
            asked.set()
        if request.role == "inducer":
            await asked.wait()
        return plausible(request)

    async with asyncio.timeout(5):
        await replies(*responders(ScriptedClient(answer)), here)


async def test_the_same_requests_bring_the_same_marks() -> None:
    """The fakes themselves: an answer follows from the request."""
    assert mark("a", 1) == mark("a", 1) != mark("a", 2)
