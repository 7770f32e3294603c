"""The OpenAI client against a scripted server on loopback: what it sends, what it reads, what it raises."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from i2a.errors import (
    AccessDenied,
    BadRequest,
    MalformedResponse,
    ModelError,
    RateLimited,
    Retryable,
    ServerError,
    Unreachable,
    UsageError,
)
from i2a.models.model import Completion, Message
from i2a.models.openai import OpenAIModel
from i2a.models.openai_protocol import ChatMessage, retry_after, split_thought
from tests.fake_server import KEY, Fake, Reply, completion, refusal, serving

HELLO = [Message("user", "hello")]
FORM = {"response_format": {"type": "json_object"}}


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as fake:
        yield fake


async def failure(fake: Fake, reply: Reply, **options: Any) -> ModelError:
    fake.script = [reply]
    with pytest.raises(ModelError) as caught:
        await fake.client(**options).complete(HELLO, {})
    assert len(fake.bodies) == 1, "one complete() is one request"
    assert "\n" not in str(caught.value)
    return caught.value


# What is sent


async def test_messages_become_role_and_content(fake: Fake) -> None:
    chat = [Message("system", "be kind"), Message("user", "one"), Message("assistant", "two")]
    await fake.client().complete(chat, {})
    assert fake.bodies[0] == {
        "model": "some-model",
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
        ],
    }
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_arguments_of_the_call_win_over_parameters_of_the_client(fake: Fake) -> None:
    client = fake.client(params={"temperature": 0.5, "max_tokens": 9})
    await client.complete(HELLO, {"seed": 4, "temperature": 1.0, "response_format": {"type": "text"}})
    sent = fake.bodies[0]
    assert (sent["seed"], sent["temperature"], sent["max_tokens"]) == (4, 1.0, 9)
    assert sent["response_format"] == {"type": "text"}


async def test_no_key_sends_no_authorization(fake: Fake) -> None:
    await fake.client(api_key=None).complete(HELLO, {})
    assert "Authorization" not in fake.headers[0]


@pytest.mark.parametrize(
    "text", ["response_format.json_schema is not supported", "guided decoding failed", "Invalid schema for 'Verdict'"]
)
@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_without_response_format_is_asked_again_without_it_and_then_remembered(
    fake: Fake, status: int, text: str
) -> None:
    client = fake.client()
    fake.script = [refusal(status, text), completion('{"reason": "r"}')]
    assert (await client.complete(HELLO, FORM)).content == '{"reason": "r"}'
    await client.complete(HELLO, FORM)
    assert ["response_format" in body for body in fake.bodies] == [True, False, False]


async def test_another_bad_request_is_not_blamed_on_response_format(fake: Fake) -> None:
    client = fake.client()
    fake.script = [refusal(400, "maximum context length is 8192 tokens")]
    with pytest.raises(BadRequest, match="context length"):
        await client.complete(HELLO, FORM)
    fake.script = [refusal(400, "odd schema"), refusal(400, "still no")]
    with pytest.raises(BadRequest, match="still no"):
        await client.complete(HELLO, FORM)
    await client.complete(HELLO, FORM)
    assert ["response_format" in body for body in fake.bodies] == [True, True, False, True]


# What is read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "unknown"),
        (None, "unknown"),
    ],
)
async def test_finish_reasons_are_of_a_closed_set(fake: Fake, sent: str | None, read: str) -> None:
    fake.script = [completion("hi", sent)]
    assert (await fake.client().complete(HELLO, {})).finish_reason == read


@pytest.mark.parametrize(
    ("message", "content", "thought"),
    [
        ({"content": " hi "}, " hi ", None),
        ({"content": "hi", "reasoning_content": "hm"}, "hi", "hm"),
        ({"content": "hi", "reasoning": "hm"}, "hi", "hm"),
        ({"content": "\n<think>\nhm\n</think>\n\nhi"}, "hi", "hm"),
        ({"content": "hm\n</think>\n\nhi"}, "hi", "hm"),
        ({"content": "I write <think>x</think> at times"}, "I write <think>x</think> at times", None),
        ({"content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]}, "hi", None),
    ],
)
async def test_thoughts_are_kept_apart(fake: Fake, message: dict[str, Any], content: str, thought: str | None) -> None:
    fake.script = [completion(**message)]
    assert (await fake.client().complete(HELLO, {})).content == content
    assert split_thought(ChatMessage.model_validate(message)) == (thought or "", content)


async def test_a_refusal_is_an_answer(fake: Fake) -> None:
    fake.script = [completion(None, refusal="I cannot help with that")]
    result = await fake.client().complete(HELLO, {})
    assert (result.content, result.finish_reason) == ("I cannot help with that", "content_filter")


async def test_usage_is_read_and_may_be_missing(fake: Fake) -> None:
    client = fake.client()
    fake.script = [completion(), web.json_response({"choices": [{"message": {"content": "hi"}}], "usage": None})]
    assert await client.complete(HELLO, {}) == Completion("hi", "stop", 7, 3)
    assert await client.complete(HELLO, {}) == Completion("hi", "unknown", 0, 0)


# What fails


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadRequest),
        (413, BadRequest),
        (422, BadRequest),
        (401, AccessDenied),
        (402, BadRequest),
        (403, AccessDenied),
        (404, AccessDenied),
        (405, BadRequest),
        (307, BadRequest),
        (408, ServerError),
        (409, ServerError),
        (424, ServerError),
        (425, ServerError),
        (499, ServerError),
        (410, BadRequest),
        (451, BadRequest),
        (418, BadRequest),
        (202, ServerError),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (529, ServerError),
        (429, RateLimited),
    ],
)
async def test_every_status_has_its_error(fake: Fake, status: int, error: type[ModelError]) -> None:
    caught = await failure(fake, refusal(status, "some reason", Retry_After="3", Location="/elsewhere"))
    assert type(caught) is error
    assert str(caught).startswith("some-model at 127.0.0.1:")
    assert f"HTTP {status}: some reason" in str(caught)
    if isinstance(caught, Retryable):
        assert caught.retry_after == 3


async def test_an_exhausted_quota_is_not_a_rate_limit(fake: Fake) -> None:
    caught = await failure(fake, refusal(429, "You exceeded your current quota", "insufficient_quota"))
    assert type(caught) is AccessDenied
    assert "billing" in str(caught)


async def test_hints_name_the_variable_or_the_url(fake: Fake) -> None:
    assert "OTHER_KEY" in str(await failure(fake, refusal(401), key_env="OTHER_KEY"))
    fake.bodies.clear()
    assert "it is not set" in str(await failure(fake, refusal(401), api_key=None))
    fake.bodies.clear()
    assert "most end in /v1" in str(await failure(fake, refusal(404)))


@pytest.mark.parametrize(
    "reply",
    [
        web.Response(text="<html><h1>Sign in</h1></html>", content_type="text/html"),
        web.Response(text='{"choices": [{"message"', content_type="application/json"),
        web.Response(text='{"choices": [{"message": {"content": "\\ud800"}}]}', content_type="application/json"),
        web.Response(body=b"\xff\xfe"),
        web.Response(),
        web.json_response([]),
        web.json_response({"choices": []}),
        web.json_response({"choices": None}),
        web.json_response({"choices": [{"text": "hi"}]}),
        web.json_response({"error": {"message": "upstream is down", "code": 502}}),
        completion(None),
        completion(""),
        completion(" \n"),
        completion(None, "tool_calls", tool_calls=[]),
        completion("<think>and so on and on", "length"),
    ],
)
async def test_a_200_that_is_no_completion_is_malformed(fake: Fake, reply: web.Response) -> None:
    assert type(await failure(fake, reply)) is MalformedResponse


async def drop(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.close()
    return web.Response()


async def drop_midway(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    assert request.transport
    request.transport.close()
    return response


async def dawdle(request: web.Request) -> web.Response:
    await asyncio.sleep(0.3)
    return completion()


@pytest.mark.parametrize("reply", [drop, drop_midway])
async def test_a_dropped_connection_is_unreachable_and_not_asked_again(fake: Fake, reply: Reply) -> None:
    assert type(await failure(fake, reply)) is Unreachable


async def test_no_answer_in_time_is_unreachable(fake: Fake) -> None:
    caught = await failure(fake, dawdle, timeout=0.05)
    assert type(caught) is Unreachable
    assert "no answer within 0.05 s" in str(caught)


async def test_nobody_listening_is_unreachable() -> None:
    client = OpenAIModel("m", base_url=f"http://127.0.0.1:{unused_port()}/v1")
    with pytest.raises(Unreachable, match="m at 127"):
        await client.complete(HELLO, {})
    await client.close()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2"}, 2.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "2", "retry-after-ms": "150"}, 0.15),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after_has_several_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after({"Retry-After": date}) == pytest.approx(60, abs=2)


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
@pytest.mark.parametrize("form", ["json", "text", "page", "buried"])
async def test_the_key_never_shows_even_if_the_server_echoes_it(fake: Fake, status: int, form: str) -> None:
    told = f"Bearer {KEY} is not welcome; " * 3
    body = {
        "json": json.dumps({"error": {"message": told}}),
        "text": told,
        "page": f"<html><body>{told}</body></html>",
        "buried": "x" * 190 + told,  # cut in the middle of the key
    }[form]
    caught = await failure(fake, web.Response(text=body, status=status))
    told = f"{caught!r} {caught.__cause__!r} {fake.clients[0]!r}"
    assert KEY[:10] not in told
    assert len(str(caught)) < 450


async def test_errors_hold_nothing_a_terminal_would_obey(fake: Fake) -> None:
    assert "\x1b" not in str(await failure(fake, refusal(500, "\x1b[2J\nboo\x00")))


# Cancelling, closing, proxies


async def test_a_cancelled_task_ends_the_call_and_the_client_stays_usable(fake: Fake) -> None:
    fake.script = [dawdle]
    client = fake.client()
    task = asyncio.create_task(client.complete(HELLO, {}))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await client.complete(HELLO, {})).content == "hi"


async def test_a_closed_client_opens_again(fake: Fake) -> None:
    client = fake.client()
    await client.close()
    await client.complete(HELLO, {})
    await client.close()
    assert (await client.complete(HELLO, {})).content == "hi"


async def test_the_environments_proxy_is_used_but_not_for_loopback(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_proxy", "")
    await fake.client().complete(HELLO, {})
    monkeypatch.setenv("http_proxy", fake.url.removesuffix("/v1"))
    fake.url = "http://models.invalid/v1"
    assert (await fake.client().complete(HELLO, {})).content == "hi"
    assert fake.headers[-1]["Host"] == "models.invalid"
    monkeypatch.setenv("http_proxy", "socks5://user:pass@127.0.0.1:1")
    with pytest.raises(UsageError, match="http_proxy must begin"):
        await fake.client().complete(HELLO, {})


# Names and configurations


async def test_a_spec_turns_text_into_numbers(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    params = {"temperature": "0.7", "max_tokens": "64", "logprobs": "true", "stop": "END", "timeout": "0.05"}
    model = OpenAIModel.from_spec("m", f"{fake.url}/", params)
    await model.complete(HELLO, {})
    sent = {name: fake.bodies[0][name] for name in fake.bodies[0].keys() - {"model", "messages"}}
    assert sent == {"temperature": 0.7, "max_tokens": 64, "logprobs": True, "stop": "END"}
    fake.script = [dawdle]
    with pytest.raises(Unreachable, match=r"no answer within 0\.05 s"):
        await model.complete(HELLO, {})
    await model.close()


async def test_a_spec_takes_the_key_from_the_variable_it_names(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", f"{KEY}\n")
    client = OpenAIModel.from_spec("m", fake.url, {"key_env": "OTHER_KEY"})
    await client.complete(HELLO, {})
    await client.close()
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert "key_env" not in fake.bodies[0]


@pytest.mark.parametrize("url", [None, "https://api.openai.com/v1"])
@pytest.mark.parametrize("key", [None, ""])
def test_only_openai_itself_demands_a_key(monkeypatch: pytest.MonkeyPatch, url: str | None, key: str | None) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UsageError, match="export OPENAI_API_KEY"):
        OpenAIModel.from_spec("gpt", url, {})
    OpenAIModel.from_spec("gpt", "http://localhost:8000/v1", {})


@pytest.mark.parametrize(
    ("url", "params"),
    [
        ("localhost:8000", {}),
        ("ftp://host/v1", {}),
        ("http://", {}),
        ("http://host:port/v1", {}),
        ("http://user:pass@host/v1", {}),
        ("http://host/v1?key=1", {}),
        ("http://host/v1", {"temperature": "hot"}),
        ("http://host/v1", {"temperature": "nan"}),
        ("http://host/v1", {"timeout": "0"}),
        ("http://host/v1", {"messages": "x"}),
        ("http://host/v1", {"api_key": "x"}),
    ],
)
def test_a_wrong_spec_is_told_in_one_line(url: str, params: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        OpenAIModel.from_spec("m", url, params)
    assert "\n" not in str(caught.value)
    assert "pass" not in str(caught.value).replace("password", "")


def test_a_key_with_a_blank_in_it_is_refused_untold() -> None:
    with pytest.raises(UsageError) as caught:
        OpenAIModel("m", api_key=f"{KEY} {KEY}")
    assert KEY not in str(caught.value)


# Simulated or not


def models(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(entries)}


OURS = {"id": "offline", "object": "model", "owned_by": "i2a", "simulated": True}
FOREIGN = {"id": "qwen3", "object": "model", "owned_by": "vllm"}


@pytest.mark.parametrize(
    ("name", "listed", "simulated"),
    [
        ("offline", models(OURS), True),
        ("renamed", models(OURS), True),
        ("offline", models(FOREIGN), False),
        ("qwen3", models(OURS, FOREIGN), False),
        ("offline", models(OURS, FOREIGN), True),
        ("renamed", models(OURS, FOREIGN), False),
        ("offline", models(), False),
        ("offline", {"error": "no"}, False),
        ("offline", [], False),
        ("offline", "not JSON", False),
    ],
)
async def test_a_server_says_whether_it_simulates(name: str, listed: Any, simulated: bool) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text=listed if isinstance(listed, str) else json.dumps(listed))

    app = web.Application()
    app.router.add_get("/v1/models", answer)
    async with TestServer(app) as server:
        model = OpenAIModel(name, base_url=str(server.make_url("/v1")))
        await model.prepare()
        await model.close()
    assert model.simulated is simulated
    assert asked == ["/v1/models"]


async def test_a_server_that_does_not_say_is_not_taken_for_a_simulator(fake: Fake) -> None:
    client = fake.client()
    await client.prepare()
    assert client.simulated is False
    nobody = OpenAIModel("offline", base_url=f"http://127.0.0.1:{unused_port()}/v1")
    await nobody.prepare()
    await nobody.close()
    assert nobody.simulated is False
    assert fake.bodies == []


async def test_openai_itself_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    model = OpenAIModel("gpt-4o-mini", api_key=KEY)
    await model.prepare()  # would fail the test, which may reach no network
    assert model.simulated is False
    price = model.price()
    assert price is not None
    assert 0 < price.prompt < price.completion < 100
