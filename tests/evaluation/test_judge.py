"""A reply has a rating of the closed scale, or is unscored with the reason. Nothing is ever made up."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.prompt import Prompt
from agents.role import introduce
from evaluation.candidates import Plain
from evaluation.judge import AloeRater, Grade, Rater, StrictRater, find_rater, rate, scores
from evaluation.scores import Protocol, Score
from i2a.errors import BadRequest, UsageError
from i2a.trees.tree import RATINGS, Tree, Utterance
from tests.evaluation.parts import PERSONA, VALUES, client, dialogue, empty, rating
from tests.fakes import ScriptedClient


async def rated(*models: ScriptedClient, rater: type[Rater[Any]] = AloeRater) -> Tree:
    """A dialogue of two turns whose second reply every model has rated, under the names a, b, ..."""
    tree = empty()
    reply = dialogue(tree, "Hello.", "Hi!", "My cat is ill.", "Poor Salt.")
    assert reply.parent is not None
    judges = {name: rater("judge", model, **VALUES) for name, model in zip("abc", models, strict=False)}
    introduce([Plain("candidate", models[0]), *judges.values()])
    await rate(tree, judges, reply.parent, reply)
    return tree


def note(tree: Tree) -> dict[str, Any]:
    found: dict[str, Any] = list(tree)[-1].metadata[RATINGS]
    return found


async def test_the_judge_sees_persona_dialogue_and_reply_apart_from_each_other() -> None:
    model = client()
    await rated(model)
    (request,) = model.requests
    system, asked = (message.content for message in request.messages)
    assert PERSONA.profile in system
    assert PERSONA.personality in system
    assert "<dialogue>\nUser: Hello.\nAssistant: Hi!\nUser: My cat is ill.\n</dialogue>" in asked
    assert "<reply>\nPoor Salt.\n</reply>" in asked
    schema = request.parameters["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["reason", "score"], "the reason comes first"
    assert schema["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]


async def test_a_score_is_noted_on_the_reply_with_its_reason() -> None:
    assert note(await rated(client(lambda _: rating(4, "warm")))) == {"a": {"score": 4, "reason": "warm"}}


async def test_a_number_in_quotes_means_the_same() -> None:
    assert note(await rated(client(lambda _: rating("3"))))["a"]["score"] == 3


@pytest.mark.parametrize("nonsense", ["7", "0", "4.5", "true", '"good"', "null", "[4]"])
async def test_what_is_not_on_the_scale_is_repaired_first(nonsense: str) -> None:
    model = ScriptedClient.saying(f'{{"reason": "x", "score": {nonsense}}}', rating(2))
    assert note(await rated(model))["a"]["score"] == 2
    assert "could not be used" in model.requests[-1].text


async def test_a_judge_that_talks_nonsense_leaves_the_reply_unscored_and_says_why() -> None:
    model = client(lambda _: "Both are fine.")
    found = note(await rated(model))["a"]
    assert found["score"] is None
    assert "no usable answer in 4 tries" in found["reason"]
    assert len(model.requests) == 4, "asked, repaired, asked afresh, repaired"


async def test_an_endpoint_that_fails_for_one_judge_takes_nothing_from_the_others() -> None:
    def fails(_: object) -> str:
        raise BadRequest("too long")

    found = note(await rated(client(fails), client(lambda _: rating(5))))
    assert found == {"a": {"score": None, "reason": "too long"}, "b": {"score": 5, "reason": "so"}}


@pytest.mark.parametrize(("passes", "score"), [(True, 1), (False, 0)])
async def test_the_strict_protocol_passes_or_fails(passes: bool, score: int) -> None:
    model = client(lambda _: json.dumps({"reason": "so", "passes": passes}))
    assert note(await rated(model, rater=StrictRater))["a"]["score"] == score


async def test_a_second_opinion_stands_beside_the_first() -> None:
    tree = await rated(client(lambda _: rating(1)))
    reply = list(tree)[-1]
    assert reply.parent is not None
    model = client(lambda _: rating(5))
    await rate(tree, {"b": AloeRater("judge", model, **VALUES)}, reply.parent, reply)
    assert [score.score for score in scores(tree)] == [1, 5]


def test_scores_are_read_off_the_tree_and_replies_without_ratings_have_none() -> None:
    tree = empty()
    reply = dialogue(tree, "Hello.", "Hi!", "My cat is ill.", "Poor Salt.")
    reply.metadata[RATINGS] = {"j": {"score": None, "reason": "gone"}}
    tree.add(None, Utterance("donor", "Somebody else."))
    assert list(scores(tree)) == [Score("a", "c1", "p1", "t1", 2, "j", None, "gone", "My cat is ill.", "Poor Salt.")]


# A protocol of one's own.


class Warmth(Rater):
    """From -3 to 3; the form of the answer follows from the scale."""

    protocol = Protocol("warmth", "warmth -3..3", -3, 3)
    prompt = Prompt("How warm is it?\n---\n$dialogue\n$reply")


class Loose(Grade):
    """A form without limits, with a field more."""

    why: str


class Looser(Rater[Loose]):
    protocol, prompt = Warmth.protocol, Warmth.prompt


async def test_a_scale_gives_the_form_of_the_answer() -> None:
    model = ScriptedClient.saying(rating(-4), rating(4), rating(True), rating(-3, "icy"))
    assert note(await rated(model, rater=Warmth))["a"] == {"score": -3, "reason": "icy"}
    properties = model.requests[0].parameters["response_format"]["json_schema"]["schema"]["properties"]
    assert list(properties) == ["reason", "score"]
    assert (properties["score"]["minimum"], properties["score"]["maximum"]) == (-3, 3)


async def test_a_form_of_ones_own_gives_no_score_beside_the_scale() -> None:
    def answer(score: int) -> ScriptedClient:
        return client(lambda _: json.dumps({"reason": "so", "score": score, "why": "because"}))

    found = note(await rated(answer(9), answer(3), rater=Looser))
    assert found["a"] == {"score": None, "reason": "9 is no score of warmth -3..3: so"}
    assert found["b"] == {"score": 3, "reason": "so"}


def test_a_protocol_that_cannot_rate_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    head = (
        "from agents.prompt import Prompt\nfrom evaluation.judge import Rater\nfrom evaluation.scores import Protocol\n"
    )
    for body, said in (
        ("prompt = Prompt('$reply')", "class P sets no protocol"),
        ("protocol = Protocol('p', 'p', 0, 9)", "class P sets no prompt"),
        ("protocol = Protocol('p', 'p', 0, 9); prompt = Prompt('Hm.')", r"write \$reply in the prompt of P"),
        ("protocol = Protocol('p', 'p', 9, 9)", r"own.py:\d: ValueError: protocol p: 9 to 9 is no scale"),
    ):
        file.write_text(f"{head}class P(Rater):\n    {body}\n", "utf-8")
        with pytest.raises(UsageError, match=said):
            find_rater(str(file))
    assert find_rater("strict") is StrictRater
