"""A real server with a real, weak model: llama.cpp with SmolLM2-135M, two slots of 1,024 tokens, on loopback.

What the model says is nowhere asserted: another processor rounds otherwise. What the server does with it is.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.answers import Preference
from i2a.errors import BadRequest
from i2a.models.check import check
from i2a.models.model import Message, Model
from i2a.models.response_format import response_format
from i2a.models.spec import ModelSpec
from i2a.trees.json import read
from scenarios.settings import Simulation
from scenarios.simulation import simulate_async
from tests.llama_server import CONTEXT, SLOTS, llama_server, needs_llama_cpp

pytestmark = [needs_llama_cpp, pytest.mark.server, pytest.mark.timeout(600)]

JUDGE = [
    Message("system", "You compare two replies for a person who loves tea. Keep your reason to a few words."),
    Message("user", "Reply 1: Tea is lovely. Reply 2: Rocks are hard. Which one suits this person?"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with llama_server() as url:
        yield url


@pytest.fixture
async def model(server: str) -> AsyncIterator[Model]:
    model = ModelSpec.parse(f"openai:smollm2@{server}?max_tokens=24&timeout=300").open()
    await model.prepare()
    yield model
    await model.close()


async def test_the_check_says_what_it_can_do(model: Model) -> None:
    """The same seed twice, beside another call in the other slot, is part of it."""
    found = {finding.name: finding for finding in (await check(model)).findings}
    works = {name: found[name].works for name in ("answers", "usage", "seed", "structure", "logprobs", "context")}
    assert works == {
        "answers": True,
        "usage": True,
        "seed": True,
        "structure": True,
        "logprobs": False,
        "context": True,
    }
    assert found["context"].found.startswith("1,024 tokens")
    assert "adds one of its own" in found["system"].found, "SmolLM2's template has a system message"


async def test_a_schema_binds_the_judge_in_both_slots_at_once(model: Model) -> None:
    parameters = {"response_format": response_format(Preference), "max_tokens": 160}
    said = await asyncio.gather(*(model.complete(JUDGE, {**parameters, "seed": seed}) for seed in range(2 * SLOTS)))
    whole = [each.content for each in said if each.finish_reason == "stop"]
    assert whole, "all of them were cut"
    assert {Preference.model_validate_json(text).winner for text in whole} <= {"1", "2"}
    again = await model.complete(JUDGE, {**parameters, "seed": 0})
    assert again.content == said[0].content, "alone as beside others"
    assert again.cached_tokens > 0


async def test_a_context_that_is_full_is_told_with_its_size_and_one_that_fills_up_cuts_the_answer(model: Model) -> None:
    assert model.context == CONTEXT
    with pytest.raises(BadRequest, match=f"context size .{CONTEXT} tokens"):
        await model.complete([Message("user", "tea " * 2 * CONTEXT)], {})
    said = await model.complete([Message("user", "tea " * (CONTEXT - 60))], {"max_tokens": 200, "ignore_eos": True})
    assert said.finish_reason == "length"
    assert said.prompt_tokens + said.completion_tokens <= CONTEXT


async def test_all_roles_get_through_a_few_turns(server: str, tmp_path: Path) -> None:
    talks, answers = (f"openai:smollm2@{server}?max_tokens={n}&temperature=0.3&timeout=300" for n in (24, 160))
    settings: dict[str, Any] = {"out": tmp_path / "a", "conversations": 1, "turns": 2, "quiet": True, "retries": 1}
    settings |= {"model": talks, "role_model": {"inducer": answers, "judge": answers}, "on_length": "keep"}
    result = await simulate_async(Simulation(**settings, max_calls=SLOTS))
    assert result.stopped is None
    assert result.finished + result.failed == 1
    for failure in result.failures.values():
        assert failure["error"] in ("UnfinishedAnswer", "MalformedAnswer", "MalformedResponse"), failure
    used = result.usage.by_role()
    assert used["user"].calls
    assert used["inducer"].calls
    assert result.usage.estimated == 0
    assert json.loads((tmp_path / "a/manifest.json").read_text("utf-8"))["simulated"] == {talks: False, answers: False}
    if result.finished:
        for tree in read(tmp_path / "a/trees.jsonl"):
            assert {"user", "preferred", "rejected"} <= {node.speaker for node in tree}
    calls = {role: each.calls for role, each in used.items() if each.calls}
    again = await simulate_async(Simulation(**settings, resume=True))
    assert {role: each.calls for role, each in again.usage.by_role().items() if each.calls} == calls
