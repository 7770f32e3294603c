"""The offline engine in the place of a model: what is asked of it, what was said before, how much waits for what."""

import asyncio

from i2a.models.model import Message
from i2a.models.spec import ModelSpec
from i2a.runs.stand_in import StandIn, StandInLog, stand_ins

SPEC = ModelSpec.parse("openai:some@http://127.0.0.1:9/v1")
WHO = ("user", str(SPEC))


async def test_calls_that_are_out_together_are_answered_in_one_round() -> None:
    log = StandInLog()
    model = StandIn(SPEC, log).for_role("user")

    async def chain(length: int) -> None:
        for number in range(length):
            await model.complete([Message("user", f"Hello {number} of {length}.")], {"seed": number})

    await asyncio.gather(chain(1), chain(3), chain(2))
    assert log.rounds == 3


async def test_what_was_said_in_a_conversation_is_known_where_a_prompt_holds_it() -> None:
    log = StandInLog()
    model = StandIn(SPEC, log).for_role("user")
    said = (await model.complete([Message("user", "I bake bread.")], {"seed": 1})).content
    assert log.quoted[WHO] == 0
    await model.complete([Message("user", "I bake bread."), Message("assistant", said)], {"seed": 2})
    assert log.quoted[WHO] == len(said)
    assert log.prompts[WHO] == len("I bake bread.") + len(f"I bake bread.\n{said}")
    log.begins()
    await model.complete([Message("assistant", said), Message("user", "Go on.")], {"seed": 3})
    assert log.quoted[WHO] == len(said)


async def test_likelihoods_cost_a_request_more_than_there_are_replies() -> None:
    model = StandIn(SPEC, StandInLog())
    found = await model.complete([Message("user", "x" * 400)], {"replies": ["y" * 40, "z" * 80]})
    assert (found.prompt_tokens, found.completion_tokens) == (3 * 100 + 10 + 20, 3)
    assert [each.tokens for each in await model.likelihoods([Message("user", "x")], ["y" * 40])] == [10]


def test_a_model_stands_for_each_that_is_named_and_rules_for_themselves() -> None:
    offline = ModelSpec.parse("offline:generic")
    models = stand_ins({"user": SPEC, "judge": SPEC, "candidate": offline}, StandInLog())
    assert list(models) == [SPEC, offline]
    assert [model.simulated for model in models.values()] == [False, True]
