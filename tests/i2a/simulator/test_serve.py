"""The offline server on loopback: the protocol, the faults, the counts, and real third-party clients talking to it."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import aiohttp
import openai
import pytest
from aiohttp.test_utils import TestServer
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

import i2a.cli.serve
from i2a.errors import (
    AccessDenied,
    I2AError,
    MalformedResponse,
    RateLimited,
    ServerError,
    TimedOut,
    Unreachable,
    UsageError,
)
from i2a.models.autogen import AutoGenModel, ModelClient
from i2a.models.model import Completion, Message, estimate_tokens
from i2a.models.openai import OpenAIModel
from i2a.models.response_format import response_format
from i2a.simulator.server import make_app, serve
from i2a.simulator.settings import FAULTS, ServeOptions

HELLO = [Message("user", "hello there")]


class Verdict(BaseModel):
    reason: str
    winner: Literal["1", "2"]


FORM = {"response_format": response_format(Verdict)}


def parrot(messages: Sequence[Message], /, *, seed: int, schema: Mapping[str, Any] | None = None) -> str:
    """Plays the engine: repeats what it was given, as JSON if there is a schema."""
    if schema:
        return json.dumps({"reason": f"with seed {seed}", "winner": "1"})
    return f"{messages[-1].role} said {messages[-1].content} ({seed})"


Start = Callable[..., Awaitable[str]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a server with the given options and tells its base URL."""
    servers: list[TestServer] = []

    async def start(**options: Any) -> str:
        servers.append(TestServer(make_app(ServeOptions(**options), parrot)))
        await servers[-1].start_server(access_log=None)
        return str(servers[-1].make_url("/v1"))

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., OpenAIModel]]:
    clients: list[OpenAIModel] = []

    def connect(url: str, **options: Any) -> OpenAIModel:
        clients.append(OpenAIModel("offline", base_url=url, **options))
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


Connect = Callable[..., OpenAIModel]


async def stats(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url.replace("/v1", "/stats")) as response:
        seen: dict[str, Any] = await response.json()
        return seen


async def post(url: str, body: Any) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/chat/completions", json=body) as response:
        return response.status, await response.json()


# The protocol


async def test_messages_seed_and_usage_go_through(start: Start, connect: Connect) -> None:
    result = await connect(await start()).complete(HELLO, {"seed": 5})
    text = "user said hello there (5)"
    assert result == Completion(text, "stop", 2, estimate_tokens(text))


async def test_a_request_without_a_seed_has_the_seed_of_its_messages(start: Start, connect: Connect) -> None:
    client = connect(await start())
    other = [Message("user", "bye")]
    first, again, third = [await client.complete(messages, {}) for messages in (HELLO, HELLO, other)]
    assert first.content == again.content
    assert str(first.content).split("(")[1] != str(third.content).split("(")[1]


async def test_the_schema_reaches_the_engine(start: Start, connect: Connect) -> None:
    result = await connect(await start()).complete(HELLO, FORM | {"seed": 1})
    assert json.loads(str(result.content)) == {"reason": "with seed 1", "winner": "1"}


@pytest.mark.parametrize(
    "body",
    [
        {"model": "offline"},
        {"model": "offline", "messages": []},
        {"model": "offline", "messages": [{"role": "tool", "content": "x"}]},
        {"model": "offline", "messages": [{"role": "user", "content": "x"}], "stream": True},
        {"model": "offline", "messages": [{"role": "user", "content": "x"}], "n": 2},
        "hello",
    ],
)
async def test_what_it_cannot_serve_is_a_bad_request(start: Start, body: Any) -> None:
    url = await start()
    status, said = await post(url, body)
    assert status == 400
    assert said["error"]["message"]
    assert (await stats(url))["refused"] == 1


async def test_parts_and_developer_messages_are_read(start: Start) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = {"model": "x", "messages": [{"role": "developer", "content": parts}], "seed": 1}
    _, said = await post(await start(), body)
    assert said["choices"][0]["message"]["content"] == "system said a\nb (1)"
    assert said["model"] == "x"


async def test_a_key_can_be_demanded(start: Start, connect: Connect) -> None:
    url = await start(require_key="sesame")
    await connect(url, api_key="sesame").complete(HELLO, {})
    for key in (None, "other"):
        with pytest.raises(AccessDenied, match="401"):
            await connect(url, api_key=key).complete(HELLO, {})


# Faults


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", RateLimited),
        ("server_error", ServerError),
        ("drop", Unreachable),
        ("slow", TimedOut),
        ("html", MalformedResponse),
        ("empty", MalformedResponse),
    ],
)
async def test_each_fault_is_the_error_it_stands_for(
    start: Start, connect: Connect, fault: str, error: type[I2AError]
) -> None:
    url = await start(**{fault: 1.0}, retry_after=0.25, slow_seconds=0.3)
    with pytest.raises(error) as caught:
        await connect(url, timeout=0.1).complete(HELLO, {})
    assert type(caught.value) is error
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 0.25
    seen = await stats(url)
    assert seen["faults"] == dict.fromkeys(FAULTS, 0) | {fault: 1}
    assert (seen["requests"], seen["answered"]) == (1, 0)


async def test_who_left_before_the_answer_counts_as_abandoned(start: Start, connect: Connect) -> None:
    url = await start(latency=0.1)
    with pytest.raises(Unreachable):
        await connect(url, timeout=0.05).complete(HELLO, {})
    await asyncio.sleep(0.15)
    seen = await stats(url)
    assert (seen["abandoned"], seen["answered"]) == (1, 0)


async def test_malformed_breaks_json_in_turns_and_leaves_text_alone(start: Start, connect: Connect) -> None:
    url = await start(malformed=1.0)
    client = connect(url)
    replies = [str((await client.complete(HELLO, FORM)).content) for _ in range(5)]
    assert len(set(replies)) == 5
    for reply in replies:
        with pytest.raises(ValidationError):
            Verdict.model_validate_json(reply[reply.find("{") :].strip("`\n"))
    assert str((await client.complete(HELLO, {})).content).startswith("user said hello")
    seen = await stats(url)
    assert (seen["faults"]["malformed"], seen["answered"]) == (5, 1)


async def test_faults_are_spread_evenly_and_follow_the_seed(start: Start, connect: Connect) -> None:
    async def sequence(seed: int) -> list[str]:
        client = connect(await start(faults=0.9, fault_seed=seed, slow_seconds=0, retry_after=0))
        outcomes = []
        for _ in range(40):
            try:
                await client.complete(HELLO, {})
                outcomes.append("fine")
            except I2AError as error:
                outcomes.append(type(error).__name__)
        return outcomes

    first = await sequence(1)
    assert first == await sequence(1)
    assert first != await sequence(2)
    assert {"fine", "RateLimited", "ServerError", "Unreachable", "MalformedResponse"} == set(first)
    assert list(ServeOptions(faults=0.7).chances().values()) == pytest.approx([0.1] * 7)


@pytest.mark.parametrize(
    "options", [{"drop": 1.5}, {"drop": -0.1}, {"faults": 2}, {"drop": 0.6, "slow": 0.6}, {"latency": -1}, {"slots": 0}]
)
def test_impossible_options_are_told(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServeOptions(**options)


# Slots and counts


async def test_slots_limit_what_is_served_at_once(start: Start, connect: Connect) -> None:
    url = await start(slots=2, latency=0.04)
    client, loop = connect(url), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(client.complete(HELLO, {}) for _ in range(6)))
    assert loop.time() - began >= 0.12
    seen = await stats(url)
    assert (seen["peak"], seen["serving"]) == (2, 0)


async def test_without_slots_all_are_served_at_once(start: Start, connect: Connect) -> None:
    url = await start(latency=0.1)
    client = connect(url)
    await asyncio.gather(*(client.complete(HELLO, {}) for _ in range(6)))
    assert (await stats(url))["peak"] == 6


async def test_a_body_answered_twice_is_counted(start: Start, connect: Connect) -> None:
    url = await start()
    client = connect(url)
    for seed in (1, 2, 2, 2):
        await client.complete(HELLO, {"seed": seed})
    seen = await stats(url)
    assert (seen["requests"], seen["answered"], seen["bodies"], seen["repeated"]) == (4, 4, 2, 1)


# Real clients


async def test_the_openai_sdk_can_talk_to_it(start: Start) -> None:
    url = await start(require_key="k")
    async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
        chat = await client.chat.completions.create(
            model="offline", messages=[{"role": "user", "content": "hi"}], seed=3
        )
        assert chat.choices[0].message.content == "user said hi (3)"
        assert chat.usage
        assert chat.usage.total_tokens == chat.usage.prompt_tokens + chat.usage.completion_tokens
        parsed = await client.chat.completions.parse(
            model="offline", messages=[{"role": "user", "content": "hi"}], response_format=Verdict
        )
        assert parsed.choices[0].message.parsed == Verdict.model_validate_json(str(parsed.choices[0].message.content))
        assert [model.id async for model in client.models.list()][:2] == ["offline", "offline:oracle"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rate_limit": 1.0}, openai.RateLimitError),
        ({"server_error": 1.0}, openai.InternalServerError),
        ({"drop": 1.0}, openai.APIConnectionError),
        ({"require_key": "other"}, openai.AuthenticationError),
    ],
)
async def test_the_openai_sdk_sees_the_faults(start: Start, options: dict[str, Any], error: type[Exception]) -> None:
    url = await start(**options)
    async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
        with pytest.raises(error):
            await client.chat.completions.create(model="offline", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # theirs, in openai.parse
async def test_autogens_own_client_can_talk_to_it(start: Start) -> None:
    pytest.importorskip("tiktoken", reason="needs autogen-ext[openai]")
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    info = ModelClient(OpenAIModel("m")).model_info
    client = OpenAIChatCompletionClient(model="offline", base_url=await start(), api_key="k", model_info=info)
    model = AutoGenModel(client, parameters=("seed", "response_format"))
    assert (await model.complete(HELLO, {"seed": 3})).content == "user said hello there (3)"
    verdict = await model.complete(HELLO, FORM | {"seed": 3})
    assert Verdict.model_validate_json(verdict.content).winner == "1"
    await model.close()


@pytest.mark.parametrize("name", ["offline", "offline:generic", "renamed"])
async def test_a_client_knows_that_rules_answer_whatever_it_calls_the_model(start: Start, name: str) -> None:
    model = OpenAIModel(name, base_url=await start())
    await model.prepare()
    await model.close()
    assert model.simulated


# Serving


async def test_it_serves_until_it_is_told_to_stop() -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(ServeOptions(), 0, ready.set_result))
    url = await ready
    assert (await stats(url))["requests"] == 0
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 1)
    with pytest.raises(aiohttp.ClientConnectorError):
        await stats(url)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
async def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(UsageError, match="loopback"):
        await serve(ServeOptions(), 0, print, host=host)


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is in use"):
            i2a.cli.serve.serve.function(ServeOptions(port=port), False)


def test_every_flag_of_the_command_is_explained() -> None:
    import typer

    app = typer.Typer()
    app.command()(i2a.cli.serve.serve)
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}).stdout
    assert "i2a serve --port 0" in shown
    for field in ServeOptions.model_fields:
        assert f"--{field.replace('_', '-')}" in shown
