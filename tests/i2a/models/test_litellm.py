"""Models through litellm, against stand-ins of OpenAI's and Anthropic's protocols: it translates, and nothing else."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from i2a.errors import AccessDenied, BadRequest, ModelError, RateLimited, ServerError, Unreachable, UsageError
from i2a.models.anthropic_batch import AnthropicBatches
from i2a.models.check import check
from i2a.models.model import DEFAULT_MAX_TOKENS, Message, Price
from i2a.models.response_format import response_format
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker, find_price
from i2a.trees.tree import Inference
from scenarios.settings import Simulation
from scenarios.simulation import simulate_async
from tests.fake_server import KEY, Fake, completion, refusal, sensible, serving

installed = pytest.mark.skipif(
    importlib.util.find_spec("litellm") is None, reason="needs litellm: pip install 'interact-to-align[providers]'"
)
if importlib.util.find_spec("litellm") is not None:
    from i2a.models.litellm import LiteLLMModel

HELLO = [Message("system", "Be kind."), Message("user", "hello")]
CLAUDE = "anthropic/claude-sonnet-4-5"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", KEY)


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as fake:
        fake.otherwise = sensible
        yield fake


def opened(fake: Fake, name: str = "openai/some-model", query: str = "") -> "LiteLLMModel":
    url = fake.url if name.startswith("openai/") else fake.url.removesuffix("/v1")
    model = ModelSpec.parse(f"litellm:{name}@{url}?key_env=THEIR_API_KEY{query}").open()
    assert isinstance(model, LiteLLMModel)
    return model


def message(text: str = "Hi!", stop: str = "end_turn", **usage: int) -> web.Response:
    """As Anthropic's Messages API has it."""
    return web.json_response(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5, **usage},
        }
    )


@installed
async def test_a_call_is_one_request_of_openais_protocol(fake: Fake) -> None:
    model = opened(fake, query='&temperature=0.5&extra_body={"top_k":4}')
    said = await model.complete(HELLO, {"seed": 7, "response_format": response_format(Inference)})
    assert said.content
    assert said.finish_reason == "stop"
    (body,) = fake.bodies
    assert body["model"] == "some-model"
    assert body["messages"] == [{"role": m.role, "content": m.content} for m in HELLO]
    assert (body["seed"], body["temperature"], body["response_format"]) == (7, 0.5, response_format(Inference))
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"
    await model.close()


@installed
async def test_anthropics_protocol_is_spoken_and_what_it_lacks_is_left_out_and_told(fake: Fake) -> None:
    fake.otherwise = lambda body: message(cache_read_input_tokens=64, cache_creation_input_tokens=30)
    model = opened(fake, CLAUDE)
    said = await model.complete(HELLO, {"seed": 7, "max_tokens": 50})
    assert (said.content, said.finish_reason) == ("Hi!", "stop")
    (body,) = fake.bodies
    assert fake.paths == ["/v1/messages"]
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    assert body["system"] == [{"type": "text", "text": "Be kind."}]
    assert body["max_tokens"] == 50
    assert "seed" not in body
    assert fake.headers[0]["x-api-key"] == KEY
    assert "takes no seed" in "".join(model.notes)
    assert (said.prompt_tokens, said.completion_tokens) == (104, 5)
    assert (said.cached_tokens, said.written_tokens) == (64, 30)
    await model.close()


@installed
async def test_tokens_of_a_cache_have_their_own_price(fake: Fake) -> None:
    price = find_price(ModelSpec.parse(f"litellm:{CLAUDE}"))
    assert price is not None
    assert price.cached is not None
    assert price.written is not None
    assert price.cached < price.prompt < price.written
    fake.otherwise = lambda body: message(cache_read_input_tokens=64, cache_creation_input_tokens=30)
    model = opened(fake, CLAUDE)
    tracker = UsageTracker({"m": price})
    tracker.add("user", "m", await model.complete(HELLO, {}))
    dollars = 10 * price.prompt + 64 * price.cached + 30 * price.written + 5 * price.completion
    assert tracker.cost() == pytest.approx(dollars / 1e6)
    await model.close()


@installed
@pytest.mark.parametrize(
    "model", ["azure/gpt-4o", "ollama/qwen3", "anthropic/no-such-model", "openai/gpt-4o@http://127.0.0.1:1/v1"]
)
def test_a_price_that_nobody_lists_is_unknown(model: str) -> None:
    assert find_price(ModelSpec.parse(f"litellm:{model}")) is None


@installed
@pytest.mark.parametrize("name", ["openai/some-model", CLAUDE])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, AccessDenied),
        (403, AccessDenied),
        (404, AccessDenied),
        (400, BadRequest),
        (429, RateLimited),
        (500, ServerError),
        (503, ServerError),
    ],
)
async def test_an_error_is_one_of_ours_after_one_request(
    fake: Fake, name: str, status: int, expected: type[ModelError]
) -> None:
    fake.otherwise = lambda body: refusal(status, f"no, {KEY} will not do", retry_after="7")
    model = opened(fake, name)
    with pytest.raises(expected) as caught:
        await model.complete(HELLO, {})
    assert len(fake.bodies) == 1
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7
    await model.close()


@installed
async def test_nobody_there_is_a_server_that_is_down(unused_tcp_port: int) -> None:
    model = ModelSpec.parse(f"litellm:openai/m@http://127.0.0.1:{unused_tcp_port}/v1?key_env=THEIR_API_KEY").open()
    with pytest.raises(Unreachable):
        await model.complete(HELLO, {})
    await model.close()


@installed
async def test_a_parameter_that_the_server_refuses_is_left_out_from_then_on(fake: Fake) -> None:
    fake.script = [refusal(400, "Unsupported parameter: 'seed'")]
    model = opened(fake)
    for _ in range(2):
        assert (await model.complete(HELLO, {"seed": 7})).content
    assert [("seed" in body) for body in fake.bodies] == [True, False, False]
    assert "takes no seed" in model.notes[0]
    await model.close()


@installed
async def test_the_limit_of_a_role_is_sent_unless_the_user_names_another(fake: Fake) -> None:
    for query in ("", "&max_tokens=9"):
        model = opened(fake, query=query)
        await model.complete(HELLO, {DEFAULT_MAX_TOKENS: 512})
        await model.complete(HELLO, {"max_tokens": 30})
        await model.close()
    assert [body["max_tokens"] for body in fake.bodies] == [512, 30, 9, 30]


@installed
async def test_a_model_that_thinks_gets_no_limit_and_the_lost_call_is_counted(fake: Fake) -> None:
    def thinking(body: dict[str, object]) -> web.Response:
        return completion("", "length", reasoning_content="Well,") if "max_tokens" in body else completion("Hi!")

    fake.otherwise = thinking
    model = opened(fake)
    for tokens in (14, 7):
        answer = await model.complete(HELLO, {DEFAULT_MAX_TOKENS: 512})
        assert (answer.content, answer.prompt_tokens) == ("Hi!", tokens)
    assert [("max_tokens" in body) for body in fake.bodies] == [True, False, False]
    assert "thinks before it answers" in model.notes[0]
    await model.close()


@installed
async def test_a_prompt_that_only_fits_without_the_limit_is_sent_without(fake: Fake) -> None:
    fake.script = [refusal(400, "maximum context length is 4096 tokens, you requested 4200 tokens")]
    model = opened(fake)
    assert (await model.complete(HELLO, {DEFAULT_MAX_TOKENS: 512})).content
    assert [("max_tokens" in body) for body in fake.bodies] == [True, False]
    await model.close()


@installed
@pytest.mark.parametrize("name", ["openai/some-model", CLAUDE])
async def test_one_that_is_closed_leaves_the_next_one_open(fake: Fake, name: str) -> None:
    for _ in range(2):
        fake.script = [message()] if name == CLAUDE else []
        model = opened(fake, name)
        assert (await model.complete(HELLO, {})).content
        await model.close()


@installed
async def test_a_run_is_journaled_like_any_other(fake: Fake, tmp_path: Path) -> None:
    model = f"litellm:openai/m@{fake.url}?key_env=THEIR_API_KEY"
    settings = {"out": tmp_path / "a", "model": model, "conversations": 2, "turns": 2, "quiet": True}
    result = await simulate_async(Simulation(**settings, price=[f"{model}=1/2"], max_cost=1.0))
    assert result.complete
    assert result.usage.cost()
    asked = len(fake.bodies)
    assert (await simulate_async(Simulation(**settings, resume=True))).complete
    assert len(fake.bodies) == asked
    assert KEY not in (tmp_path / "a/manifest.json").read_text("utf-8")


@installed
async def test_the_check_works_through_it(fake: Fake) -> None:
    model = opened(fake)
    found = {finding.name: finding.works for finding in (await check(model, price=Price(1, 2))).findings}
    assert (found["answers"], found["structure"], found["seed"], found["logprobs"]) == (True, True, True, False)
    await model.close()


@installed
@pytest.mark.parametrize(
    ("string", "words"),
    [
        ("litellm:claude", "PROVIDER/MODEL"),
        ("litellm:no_such_provider/x", "no provider 'no_such_provider'"),
        ("litellm:openai/x?num_retries=3", "cannot be set"),
        ("litellm:openai/x?timeout=0", "above 0"),
        ("litellm:openai/x?key_env=NOT_SET_ANYWHERE", "export NOT_SET_ANYWHERE"),
    ],
)
def test_a_string_that_cannot_work_is_told_in_one_line(string: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ModelSpec.parse(string).open()


@installed
def test_importing_it_reaches_for_no_network_and_keeps_its_extras_off(tmp_path: Path) -> None:
    program = """
import socket, json
def refuse(*args, **kwargs):
    raise SystemExit("network")
socket.socket.connect = socket.getaddrinfo = refuse
from i2a.models.spec import ModelSpec
ModelSpec.parse("litellm:anthropic/claude-sonnet-4-5").open()
import litellm
print(json.dumps([litellm.telemetry, litellm.callbacks, litellm.success_callback, litellm.cache, litellm.num_retries]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False, [], [], None, 0]


def test_without_it_the_string_says_what_to_install(tmp_path: Path) -> None:
    """Also where it is installed: Python then finds nothing under its name."""
    program = """
import sys
sys.modules["litellm"] = None
from i2a.models.spec import ModelSpec
ModelSpec.parse("litellm:anthropic/x").open()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "[providers]'" in done.stderr


@installed
def test_of_its_providers_anthropic_has_batches_that_we_know(fake: Fake) -> None:
    assert isinstance(opened(fake, CLAUDE).batches(), AnthropicBatches)
    assert opened(fake).batches() is None
