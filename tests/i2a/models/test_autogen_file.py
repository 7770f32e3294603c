"""A client of AutoGen from a file: nothing is imported that is not on the list, and no key gets out."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from autogen_core.models import ModelFamily, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.models.replay import ReplayChatCompletionClient

from i2a.errors import BadRequest, ModelError, UsageError
from i2a.models.autogen import AutoGenModel, ModelClient, as_model
from i2a.models.check import check
from i2a.models.model import Message, Price
from i2a.models.response_format import response_format
from i2a.models.spec import ModelSpec
from i2a.models.usage import find_price
from i2a.trees.tree import Inference
from scenarios.settings import Simulation
from scenarios.simulation import simulate_async
from tests.fake_server import KEY, Fake, refusal, sensible, serving

HELLO = [Message("user", "hello")]
OPENAI = "autogen_ext.models.openai.OpenAIChatCompletionClient"
OLLAMA = "autogen_ext.models.ollama.OllamaChatCompletionClient"
AZURE = "autogen_ext.models.openai.AzureOpenAIChatCompletionClient"
KINDS = ModelInfo(
    vision=False, function_calling=False, json_output=True, structured_output=True, family=ModelFamily.UNKNOWN
)


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as fake:
        fake.otherwise = nameless
        yield fake


def nameless(body: dict[str, Any]) -> web.Response:
    """As `sensible`; OpenAI's client sends names beside the roles, and wants to hear that of the model."""
    chat = [{part: message[part] for part in ("role", "content")} for message in body["messages"]]
    return web.json_response({**json.loads(sensible({**body, "messages": chat}).text or ""), "model": body["model"]})


def stored(folder: Path, component: Any) -> str:
    file = folder / "client.json"
    file.write_text(component if isinstance(component, str) else json.dumps(component), "utf-8")
    return f"autogen:{file}"


def openai(fake: Fake, **config: Any) -> dict[str, Any]:
    client = OpenAIChatCompletionClient(model="m", base_url=fake.url, api_key=KEY, model_info=KINDS)
    found: dict[str, Any] = json.loads(client.dump_component().model_dump_json())
    found["config"] |= config
    return found


async def test_a_dumped_client_is_a_model_and_its_key_comes_from_the_environment(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_KEY", KEY)
    component = openai(fake)
    assert "***" in component["config"]["api_key"], "AutoGen dumps no key"
    model = ModelSpec.parse(f"{stored(tmp_path, component)}?key_env=THEIR_KEY").open()
    said = await model.complete(HELLO, {"seed": 7, "response_format": response_format(Inference), "top_k": 3})
    assert said.content
    assert (said.prompt_tokens, said.completion_tokens) == (7, 3)
    (body,) = fake.bodies
    assert (body["seed"], body["response_format"]) == (7, response_format(Inference))
    assert "top_k" not in body
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert model.host == fake.url.split("/")[2]
    await model.close()


async def test_a_run_with_it_is_a_run_and_holds_no_key(fake: Fake, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"out": tmp_path / "a", "conversations": 2, "turns": 2, "quiet": True}
    settings["model"] = stored(tmp_path, openai(fake, api_key=KEY))
    result = await simulate_async(Simulation(**settings))
    assert result.complete
    assert result.summary.labelled
    assert KEY not in "".join(file.read_text("latin-1") for file in (tmp_path / "a").iterdir())
    manifest = json.loads((tmp_path / "a/manifest.json").read_text("utf-8"))
    assert manifest["models"][settings["model"]]["provider"] == OPENAI
    assert (await simulate_async(Simulation(**settings, resume=True))).complete
    stored(tmp_path, openai(fake, api_key=KEY, temperature=0.1))
    with pytest.raises(UsageError, match="another run"):
        await simulate_async(Simulation(**settings, resume=True))


async def test_another_key_is_the_same_client(fake: Fake, tmp_path: Path) -> None:
    described = []
    for key in (KEY, "sk-another-key"):
        model = ModelSpec.parse(stored(tmp_path, openai(fake, api_key=key, default_headers={"X-Api-Key": key}))).open()
        described.append(dict(model.describe()))
        await model.close()
    assert described[0] == described[1]
    assert KEY not in str(described)


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_a_failure_is_one_request_and_holds_no_key(fake: Fake, tmp_path: Path, status: int) -> None:
    fake.otherwise = lambda body: refusal(status, f"the key {KEY} will not do")
    model = ModelSpec.parse(stored(tmp_path, openai(fake, api_key=KEY, max_retries=5))).open()
    with pytest.raises(ModelError) as caught:
        await model.complete(HELLO, {})
    assert len(fake.bodies) == 1
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    await model.close()


async def test_a_parameter_that_the_server_refuses_is_left_out_from_then_on(fake: Fake, tmp_path: Path) -> None:
    fake.script = [refusal(400, "Unsupported parameter: 'seed'")]
    model = ModelSpec.parse(stored(tmp_path, openai(fake, api_key=KEY))).open()
    for _ in range(2):
        assert (await model.complete(HELLO, {"seed": 7})).content
    assert [("seed" in body) for body in fake.bodies] == [True, False, False]
    assert "takes no seed" in model.notes[0]
    fake.otherwise = lambda body: refusal(400, "the content is forbidden")
    with pytest.raises(BadRequest):
        await model.complete(HELLO, {"seed": 7})
    await model.close()


async def test_the_check_works_through_it(fake: Fake, tmp_path: Path) -> None:
    model = ModelSpec.parse(stored(tmp_path, openai(fake, api_key=KEY))).open()
    found = {finding.name: finding.works for finding in (await check(model)).findings}
    assert (found["answers"], found["usage"], found["structure"]) == (True, True, True)
    await model.close()


async def test_any_client_works_from_python_and_gets_the_seed_if_its_class_takes_one(
    fake: Fake, tmp_path: Path
) -> None:
    client = OpenAIChatCompletionClient(model="m", base_url=fake.url, api_key=KEY, model_info=KINDS, max_retries=0)
    settings = Simulation(out=tmp_path / "a", conversations=1, turns=1, quiet=True)
    assert (await simulate_async(settings, clients={"*": client})).complete
    assert all("seed" in body for body in fake.bodies)
    assert any("response_format" in body for body in fake.bodies)
    plain = KINDS | {"structured_output": False}
    cautious = OpenAIChatCompletionClient(model="m", base_url=fake.url, api_key=KEY, model_info=plain)
    assert not as_model(cautious).structured_output
    assert not as_model(ReplayChatCompletionClient(["Hi!"])).structured_output
    await client.close()
    await cautious.close()


async def test_a_replayed_client_needs_nothing_at_all(tmp_path: Path) -> None:
    replayed = ReplayChatCompletionClient(["Hi!", "Ho!"]).dump_component().model_dump_json()
    model = ModelSpec.parse(stored(tmp_path, replayed)).open()
    assert isinstance(model, AutoGenModel)
    assert [(await model.complete(HELLO, {"seed": 1})).content for _ in range(2)] == ["Hi!", "Ho!"]


# What is not loaded.


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that leaves a mark when it is imported."""
    (tmp_path / "evilmod.py").write_text(
        f"open({str(tmp_path / 'mark')!r}, 'w').close()\nclass X: pass\nclass OpenAIChatCompletionClient: pass\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "mark"


CLEAN = {"model": "m", "api_key": "sk-x", "model_info": dict(KINDS)}
TOOL = {"provider": "autogen_core.tools.FunctionTool", "config": {"source_code": "import evilmod"}}


@pytest.mark.parametrize(
    "component",
    [
        {"provider": "evilmod.X", "config": {}},
        {"provider": "evilmod.OpenAIChatCompletionClient", "config": CLEAN},
        {"provider": OPENAI, "config": {**CLEAN, "default_headers": {"provider": "evilmod.X", "config": {}}}},
        {"provider": OPENAI, "config": {**CLEAN, "stop": [[{"deep": {"provider": "evilmod.X"}}]]}},
        {"provider": AZURE, "config": {**CLEAN, "azure_ad_token_provider": {"provider": "evilmod.X", "config": {}}}},
        {"provider": OPENAI, "config": {**CLEAN, "user": TOOL}},
        {"provider": OPENAI, "config": {**CLEAN, "user": {"provider": OPENAI, "config": CLEAN}}},
        {"provider": f" {OPENAI}", "config": CLEAN},
        {"provider": "autogen_ext.models.openai._openai_client.OpenAIChatCompletionClient", "config": CLEAN},
        {"provider": "autogen_ext.models.cache.ChatCompletionCache", "config": {"client": {"provider": "evilmod.X"}}},
        {"provider": ["evilmod.X"], "config": {}},
        {"config": {}},
        TOOL,
    ],
)
def test_a_class_that_is_not_on_the_list_is_refused_before_anything_is_imported(
    evil: Path, tmp_path: Path, component: Any
) -> None:
    with pytest.raises(UsageError, match="is not loaded; those that are"):
        ModelSpec.parse(stored(tmp_path, component)).open()
    assert not evil.exists()
    assert "evilmod" not in sys.modules


@pytest.mark.parametrize(
    ("component", "words"),
    [
        ("[]", "no component"),
        ("{", "not a file of JSON"),
        ('{"provider": "x"}', "no component"),
        ({"provider": OPENAI, "config": {"model": 7, "api_key": "sk-a-secret"}}, "model"),
        (
            {"provider": "OpenAIChatCompletionClient", "config": {"model": "no-such", "api_key": "sk-a-secret"}},
            "model_info",
        ),
        (
            {"provider": AZURE, "config": {**CLEAN, "azure_endpoint": "http://a", "api_version": "1"}},
            "install autogen-ext",
        ),
        ({"provider": OPENAI, "config": {**CLEAN, "base_url": "http://[bad"}}, "not a server URL"),
        ({"provider": OPENAI, "config": {**CLEAN, "base_url": "http://a:99999"}}, "not a server URL"),
        ({"provider": OPENAI, "config": {**CLEAN, "base_url": "http://me:sk-a-secret@a/v1"}}, "no user, password"),
    ],
)
def test_a_file_that_cannot_work_is_told_in_one_line_without_its_key(
    tmp_path: Path, component: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        ModelSpec.parse(stored(tmp_path, component)).open()
    assert "\n" not in str(caught.value)
    assert "sk-a-secret" not in str(caught.value)


def test_a_model_of_ours_is_named_by_its_string(tmp_path: Path) -> None:
    component = ModelClient("offline").dump_component().model_dump_json()
    with pytest.raises(UsageError, match="write its model string instead, 'offline'"):
        ModelSpec.parse(stored(tmp_path, component)).open()


@pytest.mark.parametrize(
    "string", ["autogen", "autogen:no-such-file.json", "autogen:a.json?seed=3", "autogen:a@http://b"]
)
def test_a_string_that_names_no_file_is_refused(string: str) -> None:
    with pytest.raises(UsageError):
        ModelSpec.parse(string).open()


def test_the_list_price_is_that_of_the_model_in_the_file(tmp_path: Path) -> None:
    config = {"model": "gpt-4o-mini", "api_key": "sk-x"}
    string = stored(tmp_path, {"provider": "OpenAIChatCompletionClient", "config": config})
    assert find_price(ModelSpec.parse(string)) == find_price(ModelSpec.parse("openai:gpt-4o-mini"))
    assert isinstance(find_price(ModelSpec.parse(string)), Price)
    elsewhere = {"provider": OPENAI, "config": {**config, "base_url": "http://127.0.0.1:1/v1"}}
    assert find_price(ModelSpec.parse(stored(tmp_path, elsewhere))) is None
