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
    ContextOverflow,
    MalformedResponse,
    ModelError,
    RateLimited,
    Retryable,
    ServerError,
    TimedOut,
    Unreachable,
    UsageError,
)
from i2a.markup import spoken
from i2a.models.model import DEFAULT_MAX_TOKENS, Completion, Message
from i2a.models.openai import OpenAIModel
from i2a.models.openai_protocol import ChatMessage, retry_after
from i2a.models.spec import ModelSpec
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


REFUSALS = [
    (
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
        "seed",
    ),
    ([{"error": {"code": 400, "message": 'Unknown name "seed": Cannot find field.'}}], "seed"),
    ({"error": {"message": "Unrecognized request argument supplied: seed"}}, "seed"),
    ({"message": "extraneous key [top_p] is not permitted"}, "top_p"),
    (
        {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default "
                "(1) value is supported.",
                "param": "temperature",
            }
        },
        "temperature",
    ),
]


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(("body", "name"), REFUSALS)
async def test_a_refused_parameter_is_left_out_once_and_said(fake: Fake, status: int, body: Any, name: str) -> None:
    client = fake.client(params={"temperature": 0.5, "top_p": 0.9})
    fake.script = [web.json_response(body, status=status)]
    for _ in range(2):
        assert (await client.complete(HELLO, {"seed": 1})).content == "hi"
    assert [name in sent for sent in fake.bodies] == [True, False, False]
    assert len(fake.bodies[0]) == len(fake.bodies[1]) + 1
    (note,) = client.notes
    assert f"takes no {name}" in note


@pytest.mark.parametrize(
    ("sent", "other"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
async def test_a_limit_of_tokens_has_two_names(fake: Fake, sent: str, other: str) -> None:
    client = fake.client(params={sent: 9})
    text = f"Unsupported parameter: '{sent}' is not supported with this model."
    fake.script = [refusal(400, text)]
    await client.complete(HELLO, {})
    await client.complete(HELLO, {})
    assert [(body.get(sent), body.get(other)) for body in fake.bodies] == [(9, None), (None, 9), (None, 9)]
    client = fake.client(params={sent: 9})
    fake.bodies.clear()
    fake.script = [refusal(400, text), refusal(400, text.replace(sent, other))]
    await client.complete(HELLO, {})
    assert sent not in fake.bodies[-1]
    assert other not in fake.bodies[-1]


@pytest.mark.parametrize(
    "text",
    [
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 5 instead.",
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens",
        "The response was filtered due to the prompt triggering content management policy",
    ],
)
async def test_a_wrong_value_is_the_users_to_mend(fake: Fake, text: str) -> None:
    options = {"params": {"temperature": 5, "max_tokens": 99999}}
    assert type(await failure(fake, refusal(400, text), **options)) is BadRequest


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "System role not supported"),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "Value is not callable: raise_exception('System role not supported')"),
    ],
)
async def test_a_refused_system_message_begins_the_first_user_message(fake: Fake, status: int, text: str) -> None:
    client = fake.client()
    for chat, merged in (
        ([Message("user", "hello")], [{"role": "user", "content": "be kind\n\nhello"}]),
        ([], [{"role": "user", "content": "be kind"}]),
        (
            [Message("assistant", "hello")],
            [{"role": "user", "content": "be kind"}, {"role": "assistant", "content": "hello"}],
        ),
    ):
        fake.script = [] if client.notes else [refusal(status, text)]
        await client.complete([Message("system", "be kind"), *chat], {})
        assert fake.bodies[-1]["messages"] == merged
    assert len(fake.bodies) == 4


# What is read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "unknown"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "content_filter"),
        ("refusal", "content_filter"),
        ("content-filter", "content_filter"),
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
    read = ChatMessage.model_validate(message)
    text, inside, _ = spoken(read.content)
    assert (f"{read.reasoning}{inside}", text) == (thought or "", content)


async def test_a_refusal_is_an_answer(fake: Fake) -> None:
    fake.script = [completion(None, refusal="I cannot help with that")]
    result = await fake.client().complete(HELLO, {})
    assert (result.content, result.finish_reason) == ("I cannot help with that", "content_filter")


HI = {"content": "hi"}


def answer(message: Any = HI, usage: Any = None, **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage, **more}).encode()


SENT = b'data: {"choices": [{"delta": {"content": "h"}}]}\n\ndata: {"choices": [{"delta": {"content": "i"}'


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + answer(),
        answer().decode().encode("utf-16"),
        b"\n  " + answer(),
        answer() + b"\n" + answer(),
        b"[" + answer() + b"]",
        answer({"content": [None, {"type": "text", "text": "hi"}]}),
        answer({"content": [{"type": "image_url", "image_url": {}}, {"type": "text", "text": "hi"}, {"text": None}]}),
        answer({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "hi"}]}),
        answer({"content": ["h", "i"], "reasoning": {"a": 1}, "refusal": None}),
        answer({"content": {"type": "text", "text": "hi"}}),
        answer({"content": "hi \ud83d"}),
        answer(error=None),
        answer(usage=[1, 2]),
        answer(usage="many"),
        answer(usage={"prompt_tokens": {"total": 7}}),
        answer(usage={"prompt_tokens": -1, "completion_tokens": True}),
        answer(usage={"prompt_tokens": 0}).replace(b"0}", b"1e999}"),
        answer(usage={"prompt_tokens": 0}).replace(b"0}", b"7" * 5000 + b"}"),
        answer(usage={"prompt_tokens": 0}).replace(b"0}", b"NaN}"),
        json.dumps({"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}).encode(),
        SENT + b', "finish_reason": "stop"}]}\n\n',
        SENT + b"}]}\n\ndata: [DONE]\n\n",
    ],
)
async def test_a_text_that_is_there_is_read(fake: Fake, body: bytes) -> None:
    fake.script = [web.Response(body=body, content_type="application/json")]
    reply = await fake.client().complete(HELLO, {})
    assert (reply.content.strip(), reply.prompt_tokens, reply.completion_tokens) == ("hi", 0, 0)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": "7", "completion_tokens": 3.0},
        {"input_tokens": 7, "output_tokens": 3},
        {"prompt_tokens": 7, "total_tokens": 10},
        {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 10},
        {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": [None]},
    ],
)
async def test_usage_has_several_shapes(fake: Fake, usage: Any) -> None:
    fake.script = [web.Response(body=answer(usage=usage), content_type="application/json")]
    assert await fake.client().complete(HELLO, {}) == Completion("hi", "stop", 7, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        bytes(range(256)) * 100,
        b"<" * 200_000,
        SENT + b"}]}\n\n",
        SENT + b'}]}\n\ndata: {"error": {"message": "boom"}}\n\ndata: [DONE]\n\n',
        answer({"content": "half a"}, error={"message": "boom"}),
        json.dumps({"choices": [{"message": {"content": "half a"}, "error": {"code": 502}}]}).encode(),
        json.dumps({"choices": [{"message": {"content": "half a"}, "finish_reason": "error"}]}).encode(),
        json.dumps({"choices": [None, {"message": {"content": "half a"}}]}).encode(),
        answer({"content": [None]}),
        answer(None),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_no_body_crashes_and_none_of_a_fault_is_an_answer(fake: Fake, body: bytes, status: int) -> None:
    caught = await failure(fake, web.Response(body=body, status=status, content_type="application/json"))
    assert type(caught) is (MalformedResponse if status == 200 else ServerError)


@pytest.mark.parametrize(
    ("words", "sent", "declared"),
    [("Grüße", "latin-1", "iso-8859-1"), ("Grüße", "utf-8", "iso-8859-1"), ("你好", "gb18030", "GBK")],
)
async def test_letters_are_read_as_the_server_declares_them(fake: Fake, words: str, sent: str, declared: str) -> None:
    body = json.dumps({"choices": [{"message": {"content": words}}]}, ensure_ascii=False).encode(sent)
    fake.script = [web.Response(body=body, headers={"Content-Type": f"application/json; charset={declared}"})]
    assert (await fake.client().complete(HELLO, {})).content == words


@pytest.mark.parametrize("content", ["\u200b\ufeff\u2060", "\0", "\u200e \u00ad\n"])
async def test_what_nobody_can_see_is_no_answer(fake: Fake, content: str) -> None:
    assert type(await failure(fake, completion(content))) is MalformedResponse


async def test_what_was_billed_comes_with_the_error(fake: Fake) -> None:
    assert (await failure(fake, completion(""))).billed == (7, 3)
    fake.bodies.clear()
    assert (await failure(fake, web.Response(text="<html>"))).billed is None


@pytest.mark.parametrize("code", ["json_validate_failed", "output_parse_failed"])
async def test_what_a_server_says_its_model_failed_to_write_is_for_the_role_to_repair(fake: Fake, code: str) -> None:
    error = {"message": "Generated JSON does not match the expected schema.", "code": code, "failed_generation": "{}"}
    reply = web.json_response({"error": error}, status=400)
    client = fake.client()
    fake.script = [reply]
    assert (await client.complete(HELLO, FORM)).content == "{}"
    await client.complete(HELLO, FORM)
    assert ["response_format" in body for body in fake.bodies] == [True, True]
    fake.bodies.clear()
    assert type(await failure(fake, web.json_response({"error": error}, status=400))) is MalformedResponse


@pytest.mark.parametrize(
    ("usage", "cached", "written"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 64}}, 64, 0),
        ({"prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 30}}, 64, 30),
        ({"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}, 64, 0),
        ({"cached_tokens": 64}, 64, 0),
        ({"cache_read_input_tokens": 64, "cache_creation_input_tokens": 30}, 64, 30),
        ({"prompt_tokens_details": {"cached_tokens": 6400}}, 100, 0),
        ({"prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 6400}}, 64, 36),
        ({"prompt_tokens_details": {"cached_tokens": None}}, 0, 0),
        ({"prompt_tokens_details": [64]}, 0, 0),
        ({"prompt_tokens_details": {"cached_tokens": "many"}}, 0, 0),
    ],
)
async def test_tokens_of_a_cache_are_read_in_several_shapes(fake: Fake, usage: Any, cached: int, written: int) -> None:
    body = answer(usage={"prompt_tokens": 100, "completion_tokens": 3, **usage})
    fake.script = [web.Response(body=body, content_type="application/json")]
    said = await fake.client().complete(HELLO, {})
    assert (said.prompt_tokens, said.cached_tokens, said.written_tokens) == (100, cached, written)


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
        (521, ServerError),
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
        assert caught.down == (status in (502, 503, 521, 529))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (401, AccessDenied),
        ("429", RateLimited),
        (503, ServerError),
        (400, BadRequest),
        ("overloaded", MalformedResponse),
    ],
)
async def test_an_error_in_a_200_has_the_status_that_it_names(
    fake: Fake, code: int | str, error: type[ModelError]
) -> None:
    caught = await failure(fake, web.json_response({"error": {"code": code, "message": "some reason"}}))
    assert type(caught) is error
    assert "some reason" in str(caught)


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
        web.json_response({"error": {"message": "upstream is down", "code": "upstream_down"}}),
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
    assert type(caught) is TimedOut
    assert "?timeout=" in str(caught)
    assert "?max_tokens=" in str(caught)
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


async def test_one_proxy_may_serve_every_scheme(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxy, fake.url = fake.url.removesuffix("/v1"), "http://models.invalid/v1"
    for value in (proxy, proxy.removeprefix("http://")):
        monkeypatch.setenv("ALL_PROXY", value)
        assert (await fake.client().complete(HELLO, {})).content == "hi"
    assert fake.headers[-1]["Host"] == "models.invalid"
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(UsageError, match="all_proxy must begin"):
        await fake.client().complete(HELLO, {})


# Names and configurations


def spec(fake: Fake, query: str) -> OpenAIModel:
    model = ModelSpec.parse(f"openai:m@{fake.url}?{query}").open()
    assert isinstance(model, OpenAIModel)
    fake.clients.append(model)
    return model


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ('stop=["a b","c"]', {"stop": ["a b", "c"]}),
        ("chat_template_kwargs.enable_thinking=false", {"chat_template_kwargs": {"enable_thinking": False}}),
        ('extra_body={"a": {"b": [1, null]}, "top_k": 5}', {"a": {"b": [1, None]}, "top_k": 5}),
        ("a.b=1&a.c=x", {"a": {"b": 1, "c": "x"}}),
        ("stop=null", {"stop": None}),
        ('stop="5"', {"stop": "5"}),
        ("reasoning_effort=low", {"reasoning_effort": "low"}),
        ("stop=%3F%26", {"stop": "?&"}),
    ],
)
async def test_a_spec_can_hold_any_json(fake: Fake, query: str, sent: dict[str, Any]) -> None:
    await spec(fake, query).complete(HELLO, {})
    assert {name: value for name, value in fake.bodies[0].items() if name not in ("model", "messages")} == sent


@pytest.mark.parametrize(
    "query", ["stop={a", "extra_body=3", "a=1&a.b=2", 'extra_body={"api_key":"x"}', 'extra_body={"n":2}']
)
async def test_json_that_is_none_is_told_before_any_call(fake: Fake, query: str) -> None:
    with pytest.raises(UsageError):
        spec(fake, query)


async def test_a_url_can_have_a_query_or_be_the_whole_one(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    base = fake.url.removesuffix("/v1")
    for string, path in (
        (
            f"{base}/openai/deployments/m?api-version=2024-10-21&top_p=1",
            "/openai/deployments/m/chat/completions?api-version=2024-10-21",
        ),
        (f"{base}/v1/chat/completions", "/v1/chat/completions"),
        (f"{base}/v1/?query.tier=a%20b", "/v1/chat/completions?tier=a+b"),
        (base, "/chat/completions"),
    ):
        model = ModelSpec.parse(f"openai:m@{string}").open()
        await model.complete(HELLO, {})
        await model.close()
        assert fake.paths[-1] == path
    model = ModelSpec.parse(f"openai:m@{base}?key_header=api-key").open()
    await model.complete(HELLO, {})
    await model.close()
    assert fake.headers[-1]["api-key"] == KEY
    assert "Authorization" not in fake.headers[-1]


async def test_the_environment_names_the_server_as_for_the_openai_package(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = ModelSpec.parse("openai:gpt-4o-mini").open()
    await model.complete(HELLO, {})
    await model.close()
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert model.notes == [f"openai:gpt-4o-mini is called at {fake.url}, from OPENAI_BASE_URL"]
    assert model.price() is None
    assert OpenAIModel.list_price("gpt-4o-mini", None, {}) is None
    monkeypatch.setenv("OPENAI_BASE_URL", " ")
    assert OpenAIModel.list_price("gpt-4o-mini", None, {}) is not None


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


# The room for a prompt and its answer

ROOM = {DEFAULT_MAX_TOKENS: 300}
FULL = "maximum context length is 8192 tokens, however you requested 9000 (8000 in the messages, 1000 of max_tokens)"


async def test_a_role_limits_an_answer_unless_the_model_string_does(fake: Fake) -> None:
    for params in ({}, {"max_tokens": 9}, {"max_completion_tokens": 9}, {"options": {"num_predict": 9}}):
        await fake.client(params=params).complete(HELLO, ROOM)
    limits = [
        {name: value for name, value in body.items() if name not in ("model", "messages")} for body in fake.bodies
    ]
    assert limits == [
        {"max_tokens": 300},
        {"max_tokens": 9},
        {"max_completion_tokens": 9},
        {"options": {"num_predict": 9}},
    ]


async def test_the_limit_that_a_user_sets_for_a_role_wins_over_the_model_string(fake: Fake) -> None:
    await fake.client(params={"max_completion_tokens": 9, "top_p": 1}).complete(HELLO, {"max_tokens": 40})
    assert fake.bodies[0] | {"model": "", "messages": []} == {
        "model": "",
        "messages": [],
        "max_tokens": 40,
        "top_p": 1,
    }


@pytest.mark.parametrize(
    "thought", [{"reasoning_content": "Well, the user says"}, {"content": "<think>Well, the user"}, {"content": ""}]
)
async def test_a_model_that_thinks_is_asked_without_a_limit_from_then_on(fake: Fake, thought: dict[str, str]) -> None:
    fake.script = [completion(**{"content": "", "finish": "length"} | thought)]
    client = fake.client()
    assert await client.complete(HELLO, ROOM) == Completion("hi", "stop", 14, 6)  # both are paid
    assert ["max_tokens" in body for body in fake.bodies] == [True, False]
    assert any("thinks before it answers" in note for note in client.notes)
    await client.complete(HELLO, ROOM)
    assert "max_tokens" not in fake.bodies[2]
    assert len(client.notes) == 1


async def test_an_answer_without_end_is_cut_and_says_so(fake: Fake) -> None:
    fake.script = [completion("I am happy, I am happy, I", "length")]
    assert (await fake.client().complete(HELLO, ROOM)).finish_reason == "length"
    assert len(fake.bodies) == 1


async def test_a_limit_of_ones_own_is_kept_though_the_model_thinks(fake: Fake) -> None:
    caught = await failure(fake, completion("", "length", reasoning="Well,"), params={"max_tokens": 9})
    assert "raise max_tokens" in str(caught)


async def test_a_prompt_that_just_fits_is_sent_without_the_roles_limit(fake: Fake) -> None:
    fake.script = [refusal(400, FULL)]
    assert (await fake.client().complete(HELLO, ROOM)).content == "hi"
    assert ["max_tokens" in body for body in fake.bodies] == [True, False]


async def test_a_prompt_that_does_not_fit_says_how_much_room_there_is(fake: Fake) -> None:
    fake.script = [refusal(400, FULL), refusal(400, FULL)]
    client = fake.client()
    with pytest.raises(ContextOverflow, match="larger context") as caught:
        await client.complete(HELLO, ROOM)
    assert (caught.value.context, caught.value.needed, client.context) == (8192, 9000, 8192)
