"""What a server can do is found out by asking it, whatever it says about itself."""

import hashlib
import io
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from i2a.errors import BudgetSpent, RateLimited
from i2a.models.check import Finding, ModelCheck, check
from i2a.models.model import Completion, Price
from i2a.runs.outcome import RunResult
from i2a.testing import ScriptedModel
from scenarios.settings import Simulation
from scenarios.simulation import simulate_async
from tests.fake_server import Fake, completion, refusal, sensible, serving

WORDS = ("a", "walk", "by", "the", "river", "under", "old", "trees", "where", "nobody", "was", "to", "be", "seen")


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as fake:
        yield fake


@dataclass
class Server:
    """A server and its model, as far as a check can see them. Tokens are words."""

    honours_seed: bool = True
    samples: bool = True
    reads_system: bool = True
    obeys: bool = True
    own_system: int = 0
    enforces: bool = True
    writes_json: bool = True
    thoughts: int = 0
    counts: bool = True
    served: int = field(default=0, init=False)

    def __call__(self, body: dict[str, Any]) -> web.Response:
        self.served += 1
        messages = body["messages"]
        text = self.answer(messages, body)
        system = [m for m in messages if m["role"] == "system"]
        read = messages if self.reads_system else [m for m in messages if m["role"] != "system"]
        prompt = sum(len(m["content"].split()) + 4 for m in read) + (0 if system else self.own_system)
        usage = {"prompt_tokens": prompt, "completion_tokens": len(text.split()) + self.thoughts}
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], **({"usage": usage} if self.counts else {})})

    def answer(self, messages: list[dict[str, str]], body: dict[str, Any]) -> str:
        asked = messages[-1]["content"]
        if "response_format" in body and self.enforces:
            return '{"larger": "1"}'
        if "hello" in asked:
            return "hello"
        if "larger" in asked:
            return 'Sure: {"larger": "2"}' if self.writes_json else "The second."
        if "17 + 25" in asked:
            return "42"
        if messages[0]["role"] == "system" and "PELICAN" in messages[0]["content"] and self.obeys and self.reads_system:
            return "PELICAN"
        seed = (body["seed"] if self.honours_seed else self.served) if self.samples and "seed" in body else 0
        chance = random.Random(hashlib.sha256(f"{seed}{asked}".encode()).digest())
        return " ".join(chance.choices(WORDS, k=9))


async def checked(fake: Fake, server: Server, **options: Any) -> dict[str, Finding]:
    fake.otherwise = server
    model = fake.client()
    found = await check(model, **options)
    return {finding.name: finding for finding in found.findings}


async def test_a_server_that_can_do_all(fake: Fake) -> None:
    fake.otherwise = Server()
    told: list[Finding] = []
    found = await check(fake.client(), price=Price(1.0, 2.0, 0.5), told=told.append)
    works = {finding.name: finding.works for finding in found.findings}
    assert works == {
        "answers": True,
        "usage": True,
        "seed": True,
        "speed": True,
        "system": True,
        "structure": True,
        "json": True,
        "logprobs": False,
        "context": None,
        "thoughts": False,
        "price": True,
    }
    assert told == list(found.findings)
    assert found.calls == 10
    assert found.prompt_tokens > found.completion_tokens > 0
    assert found.lacking(["answers", "structure"]) == []
    assert [finding.name for finding in found.lacking(["seed", "logprobs", "context"])] == ["logprobs", "context"]
    json.dumps(found.as_json())


async def test_a_schema_that_is_ignored_in_silence_is_found_out_by_a_prompt_that_contradicts_it(fake: Fake) -> None:
    """As `transformers serve` does, which says so in its own log alone."""
    found = await checked(fake, Server(enforces=False))
    assert found["structure"].works is False
    assert "ignored: 'hello'" in found["structure"].found
    assert "prompt alone" in found["structure"].advice
    assert found["json"].works is True


async def test_a_schema_that_is_refused_is_told_apart_from_one_that_is_ignored(fake: Fake) -> None:
    server = Server(enforces=False)

    def refusing(body: dict[str, Any]) -> web.Response:
        return refusal(400, "response_format is not supported") if "response_format" in body else server(body)

    fake.otherwise = refusing
    found = {finding.name: finding for finding in (await check(fake.client())).findings}
    assert found["structure"].works is False
    assert "refused" in found["structure"].found


@pytest.mark.parametrize(
    ("server", "name", "works", "said"),
    [
        (Server(honours_seed=False), "seed", False, "another text"),
        (Server(samples=False), "seed", None, "any seed gives the same text"),
        (Server(counts=False), "usage", False, "does not count"),
        (Server(counts=False), "thoughts", None, "not counted"),
        (Server(counts=False), "speed", None, "s a call"),
        (Server(reads_system=False), "system", False, "never reaches the model"),
        (Server(obeys=False), "system", True, "not obeyed"),
        (Server(own_system=9), "system", True, "adds one of its own"),
        (Server(counts=False, obeys=False), "system", None, "not obeyed"),
        (Server(writes_json=False), "json", False, "'The second.'"),
        (Server(thoughts=200), "thoughts", True, "201 tokens for '42'"),
        (Server(), "price", False, "unknown"),
    ],
)
async def test_what_a_server_does_not_do_is_found(
    fake: Fake, server: Server, name: str, works: bool | None, said: str
) -> None:
    found = (await checked(fake, server))[name]
    assert found.works is works
    assert said in found.found


async def test_a_model_that_thinks_gets_more_room_than_one_that_does_not(fake: Fake) -> None:
    for server, room in ((Server(), 96), (Server(thoughts=200), 512)):
        fake.bodies.clear()
        await checked(fake, server)
        assert fake.bodies[0]["max_tokens"] == 512
        assert {body["max_tokens"] for body in fake.bodies[1:] if "prompt_logprobs" not in body} == {room}


async def test_an_answer_of_thoughts_alone_is_told_with_what_to_do(fake: Fake) -> None:
    fake.otherwise = lambda body: completion("", "length", reasoning_content="The user wants")
    found = await check(fake.client())
    assert [(finding.name, finding.works) for finding in found.findings] == [("answers", False)]
    assert "switch thinking off" in found.findings[0].advice
    assert found.calls == 1


async def test_thoughts_that_need_more_room_get_it_as_in_a_run(fake: Fake) -> None:
    def thinking(body: dict[str, Any]) -> web.Response:
        return completion("", "length", reasoning_content="Paris is") if "max_tokens" in body else completion("Paris.")

    fake.otherwise = thinking
    found = await check(fake.client(), short=True)
    assert found.findings[0].found == "'Paris.'"


async def test_a_limit_in_the_model_string_is_kept(fake: Fake) -> None:
    fake.otherwise = Server()
    await check(fake.client(params={"max_tokens": 2000}), short=True)
    assert {body["max_tokens"] for body in fake.bodies} == {2000}


async def test_a_server_that_refuses_everything_is_asked_once(fake: Fake) -> None:
    fake.otherwise = lambda body: refusal(401, "no such key")
    found = await check(fake.client())
    assert found.error is not None
    assert "401" in found.findings[0].found
    assert len(fake.bodies) == 1


async def test_one_busy_moment_says_nothing_about_a_server(fake: Fake) -> None:
    fake.script = [refusal(429, "busy", retry_after="0.01")]
    assert (await checked(fake, Server()))["answers"].works is True


async def test_a_server_that_is_busy_for_long_does_not_answer() -> None:
    found = await check(ScriptedModel.saying(*[RateLimited("busy", retry_after=0.01)] * 2))
    assert "busy" in found.findings[0].found


@pytest.mark.parametrize(
    ("listed", "context"),
    [
        ({"meta": {"n_ctx": 1024, "n_ctx_train": 8192}}, 1024),
        ({"max_model_len": 32768}, 32768),
        ({"context_length": 131072}, 131072),
        ({"context_length": "many"}, None),
        ({}, None),
    ],
)
async def test_the_context_is_what_the_server_lists(fake: Fake, listed: dict[str, Any], context: int | None) -> None:
    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "some-model", **listed}, {"id": "other", "max_model_len": 1}]})

    app = web.Application()
    app.router.add_get("/v1/models", models)
    from aiohttp.test_utils import TestServer

    async with TestServer(app) as server:
        fake.url = str(server.make_url("/v1"))
        model = fake.client()
        await model.prepare()
        assert model.context == context


async def test_a_model_that_takes_no_schema_is_not_asked_for_one() -> None:
    model = ScriptedModel(structured_output=False)
    found = {finding.name: finding for finding in (await check(model)).findings}
    assert found["structure"].works is False
    assert all("response_format" not in request.parameters for request in model.requests)


# Before a run.


async def run(fake: Fake, out: Path, **settings: Any) -> RunResult:
    fake.otherwise = sensible
    given = {"conversations": 20, "turns": 1, "quiet": True, **settings}
    return await simulate_async(Simulation(out=out, model=f"openai:m@{fake.url}", **given))


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text("utf-8"))
    return found


async def test_before_a_long_run_each_server_is_checked_and_the_manifest_keeps_it(fake: Fake, tmp_path: Path) -> None:
    result = await run(fake, tmp_path / "a")
    (found,) = manifest(tmp_path / "a")["checks"].values()
    assert {each["name"]: each["works"] for each in found["findings"]} == {
        "answers": True,
        "usage": True,
        "seed": True,
        "structure": True,
        "context": None,
    }
    assert found["calls"] == 3
    assert result.usage.by_role()["check"].calls == 3
    assert result.usage.by_role()["user"].calls == 20


async def test_a_long_run_says_that_it_asks_first_and_what_is_refused(fake: Fake, tmp_path: Path) -> None:
    def refusing(body: dict[str, Any]) -> web.Response:
        return refusal(400, "response_format is not supported") if "response_format" in body else Server()(body)

    fake.otherwise = refusing
    told = io.StringIO()
    console = Console(file=told, width=200)
    config = Simulation(out=tmp_path / "a", model=f"openai:m@{fake.url}", conversations=20, turns=1, max_tokens=60)
    await simulate_async(config, console=console)
    assert f"openai:m@{fake.url}: asking what it can do, in three short calls" in told.getvalue()
    assert "structure: response_format is refused: 'hello'" in told.getvalue()


async def test_a_run_is_the_same_with_its_check_and_without(fake: Fake, tmp_path: Path) -> None:
    await run(fake, tmp_path / "with")
    asked = len(fake.bodies)
    result = await run(fake, tmp_path / "without", check=False)
    assert len(fake.bodies) == 2 * asked - 3
    assert "checks" not in manifest(tmp_path / "without")
    assert "check" not in result.usage.by_role()
    with_, without = ((tmp_path / name / "trees.jsonl").read_bytes() for name in ("with", "without"))
    assert with_ == without


async def test_a_short_run_and_one_that_goes_on_ask_nothing_more(fake: Fake, tmp_path: Path) -> None:
    await run(fake, tmp_path / "short", conversations=19)
    assert "checks" not in manifest(tmp_path / "short")
    cut = await run(fake, tmp_path / "a", max_tokens=500)
    assert isinstance(cut.stopped, BudgetSpent)
    result = await run(fake, tmp_path / "a", resume=True)
    assert result.complete
    assert result.usage.by_role()["check"].calls == 3


async def test_the_check_is_part_of_the_budget(fake: Fake, tmp_path: Path) -> None:
    result = await run(fake, tmp_path / "a", max_tokens=15)
    assert isinstance(result.stopped, BudgetSpent)
    assert result.usage.by_role()["check"].calls == 2
    assert result.finished == 0
    again = await run(fake, tmp_path / "a", resume=True)
    assert again.complete
    assert again.usage.by_role()["check"].calls == 3


async def test_a_key_that_is_refused_stops_the_run_at_its_check(fake: Fake, tmp_path: Path) -> None:
    fake.script = [refusal(401, "no such key")]
    result = await run(fake, tmp_path / "a")
    assert "401" in str(result.stopped)
    assert len(fake.bodies) == 1


async def test_callers_own_clients_are_not_checked(tmp_path: Path) -> None:
    model = ScriptedModel()
    await simulate_async(Simulation(out=tmp_path / "a", conversations=20, turns=1, quiet=True), clients={"*": model})
    assert "check" not in model.calls


def test_a_check_is_plain_data() -> None:
    found = ModelCheck([Finding("answers", True, "'Hi'")], 1, 2, 3)
    assert found.as_json()["findings"] == [{"name": "answers", "works": True, "found": "'Hi'", "advice": ""}]
    assert Completion("x", "stop", 1, 1).cached_tokens == 0
