"""Whole runs against servers that misbehave in ways that users of other tools have met: a fault is never an answer."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from rich.console import Console

from i2a.errors import AccessDenied, BudgetSpent, ServerAway
from i2a.runs.outcome import RunResult
from i2a.trees.json import read
from i2a.trees.tree import Tree
from scenarios.settings import Simulation
from scenarios.simulation import simulate_async
from tests.fake_server import Fake, completion, refusal, sensible, serving
from training.rows import PairFilter, dpo_rows, sft_rows


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as fake:
        fake.otherwise = sensible
        yield fake


async def run(fake: Fake, out: Path, query: str = "", **settings: Any) -> RunResult:
    given = {"conversations": 2, "turns": 2, "quiet": True, "retries": 2, "max_outage": 20} | settings
    return await simulate_async(Simulation(out=out, model=f"openai:m@{fake.url}{query}", **given))


def failures(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "failures.jsonl").read_text("utf-8").splitlines()]


def trees(out: Path) -> list[Tree]:
    return list(read(out / "trees.jsonl"))


def is_text(body: dict[str, Any]) -> bool:
    return "response_format" not in body


def with_text(content: str, finish: str) -> Any:
    """Every utterance is this one."""
    return lambda body: completion(content, finish) if is_text(body) else sensible(body)


# A fault becomes no answer.


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "error", "content_filter", "SAFETY", "abort"])
async def test_half_a_sentence_becomes_no_utterance(fake: Fake, tmp_path: Path, finish: str) -> None:
    fake.otherwise = with_text("I was just about to", finish)
    result = await run(fake, tmp_path / "a", retries=1)
    assert (result.failed, result.finished) == (2, 0)
    (reason,) = result.reasons
    assert finish in reason or "max_tokens" in reason or "content filter" in reason


async def test_an_answer_that_is_cut_once_is_asked_for_again(fake: Fake, tmp_path: Path) -> None:
    fake.script = [completion("I was just", "length")]
    result = await run(fake, tmp_path / "a", conversations=1, turns=1)
    assert result.complete
    assert fake.bodies[0]["messages"] == fake.bodies[1]["messages"]
    assert fake.bodies[0]["seed"] != fake.bodies[1]["seed"]
    assert "I was just" not in (tmp_path / "a/trees.jsonl").read_text("utf-8")


async def test_a_cut_utterance_can_be_kept_and_is_marked_counted_and_no_row(fake: Fake, tmp_path: Path) -> None:
    fake.otherwise = with_text("I was just about to", "length")
    result = await run(fake, tmp_path / "a", on_length="keep")
    assert result.complete
    assert result.summary.cut == result.summary.utterances > 0
    for tree in trees(tmp_path / "a"):
        assert all(node.cut for node in tree)
        assert sft_rows(tree, PairFilter()).rows == dpo_rows(tree, PairFilter()).rows == []
        if tree.pairs:
            assert len(sft_rows(tree, PairFilter(keep_cut=True)).rows) > 0


async def test_a_cut_structured_answer_says_raise_max_tokens_and_is_not_repaired(fake: Fake, tmp_path: Path) -> None:
    fake.otherwise = lambda body: sensible(body) if is_text(body) else completion('{"reason": "The us', "length")
    result = await run(fake, tmp_path / "a", conversations=1)
    assert result.failed == 1
    assert "raise max_tokens" in failures(tmp_path / "a")[0]["reason"]
    asked = [body["messages"] for body in fake.bodies if not is_text(body)]
    assert len(asked) <= 2
    assert all(messages == asked[0] for messages in asked), "a repair would be cut again"


@pytest.mark.parametrize("special", ["<|im_end|>\n<|im_start|>user\nAnd you?", "</s>", "<|eot_id|>", "<end_of_turn>\n"])
async def test_what_follows_a_stop_string_is_cut_and_counted(fake: Fake, tmp_path: Path, special: str) -> None:
    fake.otherwise = with_text(f"Hello there.{special}", "length")
    result = await run(fake, tmp_path / "a")
    assert result.complete
    assert result.summary.overran == result.summary.utterances
    assert {node.content for tree in trees(tmp_path / "a") for node in tree} == {"Hello there."}


async def test_what_cannot_be_told_apart_is_left_and_counted(fake: Fake, tmp_path: Path) -> None:
    fake.otherwise = with_text("I write <think>x</think> at times", "stop")
    result = await run(fake, tmp_path / "a")
    assert result.summary.unclear == result.summary.utterances
    assert "I write <think>x</think> at times" in (tmp_path / "a/trees.jsonl").read_text("utf-8")


# What stops what.


@pytest.mark.parametrize("status", [307, 402, 403, 404, 405, 410, 418, 424, 425, 451, 499, 501, 520])
async def test_one_passing_status_ends_no_run(fake: Fake, tmp_path: Path, status: int) -> None:
    fake.script = [lambda request: answered(fake), refusal(status, "no")]
    result = await run(fake, tmp_path / "a", conversations=4, concurrency=2)
    assert result.stopped is None
    assert result.failed <= 1
    assert result.finished >= 3


async def answered(fake: Fake) -> web.Response:
    return sensible(fake.bodies[-1])


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_holds_for_every_call_stops_the_run(fake: Fake, tmp_path: Path, status: int) -> None:
    fake.otherwise = lambda body: refusal(status, "no")
    result = await run(fake, tmp_path / "a")
    assert isinstance(result.stopped, AccessDenied)
    assert (result.failed, result.left) == (0, 2)


async def test_a_key_that_is_withdrawn_stops_the_run(fake: Fake, tmp_path: Path) -> None:
    fake.script = [lambda request: answered(fake)]
    fake.otherwise = lambda body: refusal(401, "no")
    assert isinstance((await run(fake, tmp_path / "a")).stopped, AccessDenied)


async def test_what_groq_calls_a_bad_request_is_repaired(fake: Fake, tmp_path: Path) -> None:
    error = {
        "message": "Failed to generate JSON. Please adjust your prompt.",
        "type": "invalid_request_error",
        "code": "json_validate_failed",
        "failed_generation": "The user likes cats.",
    }
    failed = [False]

    def answer(body: dict[str, Any]) -> web.Response:
        if not is_text(body) and not failed[0]:
            failed[0] = True
            return web.json_response({"error": error}, status=400)
        return sensible(body)

    fake.otherwise = answer
    assert (await run(fake, tmp_path / "a", conversations=1, turns=1)).complete
    repair = next(body for body in fake.bodies if body["messages"][-1]["content"].startswith("Your answer could not"))
    assert repair["messages"][-2]["content"] == "The user likes cats."
    assert "response_format" in fake.bodies[-1]


# Retries that help.


async def test_a_filtered_conversation_is_redone_from_the_turn_before(fake: Fake, tmp_path: Path) -> None:
    def refusing(body: dict[str, Any]) -> web.Response:
        spoken = [message for message in body["messages"] if message["role"] != "system"]
        return refusal(400, "content management policy", "content_filter") if len(spoken) > 3 else sensible(body)

    fake.otherwise = refusing
    assert (await run(fake, tmp_path / "a", conversations=1, turns=4)).failed == 1
    first = [body for body in fake.bodies if is_text(body)]
    fake.bodies.clear()
    fake.otherwise = sensible
    result = await run(fake, tmp_path / "a", conversations=1, turns=4, retry_failed=True)
    assert result.complete
    again = [body for body in fake.bodies if is_text(body)]
    refused = first[-1]["messages"]
    assert all(body["messages"] != refused for body in again), "its own words are not sent to the same filter again"
    assert first[0]["messages"] not in [body["messages"] for body in again], "what was paid before is kept"
    assert {body["seed"] for body in again}.isdisjoint(body["seed"] for body in first)


async def test_an_empty_answer_is_another_sample_on_a_redo(fake: Fake, tmp_path: Path) -> None:
    fake.otherwise = lambda body: completion("", "stop")
    assert (await run(fake, tmp_path / "a", conversations=1, retries=1)).failed == 1
    seeds = [body["seed"] for body in fake.bodies]
    assert len(set(seeds)) == 2
    fake.bodies.clear()
    assert (await run(fake, tmp_path / "a", conversations=1, retries=1, retry_failed=True)).failed == 1
    assert {body["seed"] for body in fake.bodies}.isdisjoint(seeds)


async def test_a_server_that_asks_for_a_day_stops_the_run_and_says_until_when(fake: Fake, tmp_path: Path) -> None:
    fake.script = [refusal(429, "daily limit", Retry_After="86400")]
    result = await run(fake, tmp_path / "a")
    assert isinstance(result.stopped, ServerAway)
    assert "asks to wait until 20" in str(result.stopped)
    assert "127.0.0.1" in str(result.stopped)
    assert (result.failed, result.left) == (0, 2)


@pytest.mark.parametrize("header", ["0", "-3", "0.0", "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_no_time_to_wait_is_no_time_to_wait(fake: Fake, tmp_path: Path, header: str) -> None:
    fake.script = [refusal(429, "slow down", Retry_After=header) for _ in range(2)]
    result = await run(fake, tmp_path / "a", conversations=1, turns=1, retries=3)
    assert result.complete


async def test_a_run_waits_for_a_server_that_is_not_up_yet_and_says_so(tmp_path: Path) -> None:
    port, console = unused_port(), Console(file=io.StringIO(), width=200)
    model = f"openai:m@http://127.0.0.1:{port}/v1"
    config = Simulation(out=tmp_path / "a", model=model, conversations=2, turns=1, quiet=True, retries=1)
    running = asyncio.create_task(simulate_async(config, console=console))
    await asyncio.sleep(1)
    assert not running.done()
    async with serving(port) as fake:
        fake.otherwise = sensible
        assert (await running).complete
    assert isinstance(console.file, io.StringIO)
    assert f"no server for {model} (user, inducer, preferred, rejected, judge)" in console.file.getvalue()
    assert "Waiting until" in console.file.getvalue()


async def test_a_server_that_never_comes_up_is_given_up_before_anything_is_written(tmp_path: Path) -> None:
    model = f"openai:m@http://127.0.0.1:{unused_port()}/v1"
    config = Simulation(out=tmp_path / "a", model=model, conversations=2, quiet=True, max_outage=1)
    with pytest.raises(ServerAway, match="start it first"):
        await simulate_async(config)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("given", [{"retries": 0}, {"max_outage": 0}])
async def test_whoever_does_not_wait_is_told_at_once_whose_server_is_missing(
    tmp_path: Path, given: dict[str, int]
) -> None:
    model = f"openai:m@http://127.0.0.1:{unused_port()}/v1"
    models = dict.fromkeys(("user", "inducer", "preferred", "rejected"), "offline")
    config = Simulation(out=tmp_path / "a", model=model, role_model=models, conversations=40, quiet=True, **given)
    with pytest.raises(ServerAway, match=rf"no server for {re.escape(model)} \(judge\): .* check the URL"):
        await simulate_async(config)
    assert not (tmp_path / "a").exists()


async def test_a_server_that_goes_away_pauses_the_run_and_fails_nothing(tmp_path: Path) -> None:
    port = unused_port()
    model = f"openai:m@http://127.0.0.1:{port}/v1"
    config = Simulation(out=tmp_path / "a", model=model, conversations=6, turns=2, quiet=True, retries=1, concurrency=3)
    async with serving(port) as fake:
        fake.otherwise = sensible
        running = asyncio.create_task(simulate_async(config))
        await fake.asked(15)
    await asyncio.sleep(2)
    assert not running.done()
    async with serving(port) as fake:
        fake.otherwise = sensible
        result = await running
    assert (result.finished, result.failed) == (6, 0)


async def test_a_server_that_stays_away_stops_the_run(tmp_path: Path) -> None:
    port = unused_port()
    model = f"openai:m@http://127.0.0.1:{port}/v1"
    config = Simulation(out=tmp_path / "a", model=model, conversations=6, turns=2, quiet=True, max_outage=1)
    async with serving(port) as fake:
        fake.otherwise = sensible
        running = asyncio.create_task(simulate_async(config))
        await fake.asked(5)
    result = await running
    assert isinstance(result.stopped, ServerAway)
    assert (result.failed, result.left) == (0, 6)


# Budgets.


async def test_empty_answers_are_billed_and_end_a_budget(fake: Fake, tmp_path: Path) -> None:
    fake.otherwise = lambda body: completion("", "stop")
    result = await run(fake, tmp_path / "a", max_tokens=25, retries=8)
    assert isinstance(result.stopped, BudgetSpent)
    assert len(fake.bodies) <= 4
    assert result.usage.by_role()["user"].tokens == 10 * len(fake.bodies)
    again = await run(fake, tmp_path / "a", max_tokens=25, resume=True)
    assert isinstance(again.stopped, BudgetSpent)
    assert again.usage.by_role()["user"].tokens == result.usage.by_role()["user"].tokens


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, [], "none", {"prompt_tokens": -1}, 7])
async def test_usage_that_nobody_counted_is_estimated_and_ends_a_budget(fake: Fake, tmp_path: Path, usage: Any) -> None:
    def answer(body: dict[str, Any]) -> web.Response:
        reply = json.loads(sensible(body).text or "")
        return web.json_response({**reply, "usage": usage})

    fake.otherwise = answer
    price = [f"openai:m@{fake.url}=1/1"]
    result = await run(fake, tmp_path / "a", max_cost=0.0001, price=price)
    assert isinstance(result.stopped, BudgetSpent)
    assert (result.usage.cost() or 0) > 0.0001
    assert result.usage.estimated > 0
    notes = json.loads((tmp_path / "a/manifest.json").read_text("utf-8"))["notes"]
    assert any("estimated" in note for note in notes)


# Any server's request.


async def test_a_refused_seed_is_left_out_once_and_noted(fake: Fake, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> web.Response:
        if "seed" in body:
            detail = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
            return web.json_response({"detail": detail}, status=422)
        return sensible(body)

    fake.otherwise = answer
    result = await run(fake, tmp_path / "a", concurrency=1)
    assert result.complete
    assert sum("seed" in body for body in fake.bodies) <= 1
    notes = json.loads((tmp_path / "a/manifest.json").read_text("utf-8"))["notes"]
    assert any("takes no seed" in note for note in notes)
