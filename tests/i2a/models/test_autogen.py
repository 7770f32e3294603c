"""Our models in AutoGen's teams, and AutoGen's clients as our models."""

import asyncio
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_core import CancellationToken, Image
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResultMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_ext.models.replay import ReplayChatCompletionClient
from pydantic import BaseModel

from agents.user import User
from i2a import simulate
from i2a.errors import AccessDenied, BadRequest, MalformedResponse, RateLimited, ServerError, Unreachable
from i2a.models.autogen import AutoGenModel, ModelClient, as_model
from i2a.models.model import Completion, Message
from i2a.models.response_format import response_format
from i2a.testing import Request, ScriptedModel

HELLO = [UserMessage(content="hello", source="User")]


class Form(BaseModel):
    reason: str
    winner: Literal["1", "2"] = "1"
    default: list["Form"] = []


class Failing(ReplayChatCompletionClient):
    """Fails once, then answers."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(["Hi!"] * 40)
        self.failure: Exception | None = failure

    async def create(self, *args: Any, **options: Any) -> CreateResult:
        failure, self.failure = self.failure, None
        if failure:
            raise failure
        return await super().create(*args, **options)


class StatusError(Exception):
    """As the libraries of OpenAI, Anthropic and Ollama have it."""

    def __init__(self, status_code: int) -> None:
        super().__init__("no")
        self.status_code = status_code


# Ours in AutoGen.


async def test_an_agent_of_autogen_talks_through_a_model_of_ours() -> None:
    model = ScriptedModel.saying("Hi!")
    result = await AssistantAgent("agent", ModelClient(model), system_message="Be kind.").run(task="Hello.")
    assert result.messages[-1].to_text() == "Hi!"
    assert model.requests[0].messages == (Message("system", "Be kind."), Message("user", "Hello."))


async def test_messages_become_role_and_content_without_names() -> None:
    model = ScriptedModel()
    thought = AssistantMessage(content="d", source="PreferredResponder", thought="hm")
    await ModelClient(model).create([SystemMessage(content="a"), UserMessage(content=["b", "c"], source="U"), thought])
    assert model.requests[0].messages == (
        Message("system", "a"),
        Message("user", "b\nc"),
        Message("assistant", "d"),
    )


async def test_arguments_and_usage_pass_through() -> None:
    model = ScriptedModel.saying("Hi!", "Ho!")
    client = ModelClient(model)
    result = await client.create(HELLO, extra_create_args={"seed": 4})
    assert model.requests[0].parameters == {"seed": 4}
    assert (result.content, result.finish_reason, result.usage) == ("Hi!", "stop", RequestUsage(10, 10))
    await client.create(HELLO)
    assert client.total_usage() == client.actual_usage() == RequestUsage(20, 20)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [(None, None), (False, None), (True, {"type": "json_object"}), (Form, response_format(Form))],
)
async def test_json_output_becomes_a_response_format(asked: Any, sent: Any) -> None:
    model = ScriptedModel()
    await ModelClient(model).create(HELLO, json_output=asked)
    assert model.requests[0].parameters.get("response_format") == sent


async def test_a_finish_reason_that_autogen_does_not_know_is_unknown() -> None:
    class Odd(ScriptedModel):
        async def complete(self, messages: Any, parameters: Any) -> Completion:
            return Completion("Hi!", "tired", 1, 1)

    assert (await ModelClient(Odd()).create(HELLO)).finish_reason == "unknown"


async def test_a_stream_is_the_whole_text_and_then_the_result() -> None:
    text, result = [chunk async for chunk in ModelClient(ScriptedModel.saying("hi")).create_stream(HELLO)]
    assert text == "hi"
    assert isinstance(result, CreateResult)
    assert result.content == "hi"


async def test_tools_images_and_function_results_are_refused() -> None:
    model = ScriptedModel()
    client = ModelClient(model)
    tool: Any = {"name": "f", "description": "", "parameters": {"type": "object", "properties": {}}}
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
    with pytest.raises(ValueError, match="does not call tools"):
        await client.create(HELLO, tools=[tool])
    with pytest.raises(ValueError, match="text only"):
        await client.create([UserMessage(content=["look", Image.from_base64(pixel)], source="User")])
    with pytest.raises(ValueError, match="not a FunctionExecutionResultMessage"):
        await client.create([FunctionExecutionResultMessage(content=[])])
    assert model.requests == []


async def test_a_cancellation_token_ends_the_call() -> None:
    async def dawdle(request: Request) -> str:
        await asyncio.sleep(30)
        return "late"

    token = CancellationToken()
    asyncio.get_running_loop().call_later(0.01, token.cancel)
    with pytest.raises(asyncio.CancelledError):
        await ModelClient(ScriptedModel(dawdle)).create(HELLO, cancellation_token=token)


def test_a_client_is_stored_as_its_model_string_and_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    for string in ("offline", "openai:gpt-4o-mini?temperature=0.5"):
        stored = json.loads(ModelClient(string).dump_component().model_dump_json())
        assert stored["config"] == {"model": string}
        again = ChatCompletionClient.load_component(stored)
        assert isinstance(again, ModelClient)
        assert type(again.model) is type(ModelClient(string).model)
    with pytest.raises(ValueError, match="no model string"):
        ModelClient(ScriptedModel()).dump_component()


def test_what_autogen_asks_of_a_client_beside_answers() -> None:
    client = ModelClient(ScriptedModel(structured_output=False))
    assert client.count_tokens([SystemMessage(content="x" * 40), SystemMessage(content="")]) == 11
    assert client.remaining_tokens([]) == 128_000
    assert not client.model_info["structured_output"]
    assert ModelClient(ScriptedModel()).capabilities["json_output"]


async def test_closing_the_client_closes_the_model() -> None:
    model = ScriptedModel()
    await ModelClient(model).close()
    assert model.closed


# AutoGen's as ours.


async def test_a_role_speaks_through_a_client_of_autogen() -> None:
    user = User("user", ReplayChatCompletionClient(["Hello."]), profile="A baker.", personality="Blunt.")
    assert (await user(None)).content == "Hello."


async def test_only_the_parameters_that_the_client_takes_are_passed() -> None:
    class Client(ModelClient):
        async def create(self, messages: Any, **options: Any) -> CreateResult:
            asked.append(options["extra_create_args"])
            return await super().create(messages, **options)

    asked: list[Any] = []
    client = Client(ScriptedModel())
    for takes in ((), ("seed", "response_format")):
        await AutoGenModel(client, takes).complete([Message("user", "hi")], {"seed": 1, "top_k": 3})
    assert asked == [{}, {"seed": 1}]
    assert not AutoGenModel(client).structured_output
    assert AutoGenModel(client, ("response_format",)).structured_output


async def test_an_answer_comes_with_its_usage() -> None:
    answer = CreateResult(finish_reason="length", content="Hi", usage=RequestUsage(7, 3), cached=False)
    model = AutoGenModel(ReplayChatCompletionClient([answer]))
    assert (await model.complete([Message("user", "hi")], {}))[:2] == ("Hi", "length")


def test_a_client_that_holds_a_model_gives_it_up() -> None:
    model = ScriptedModel()
    assert as_model(ModelClient(model)) is as_model(model) is model
    assert isinstance(as_model(ReplayChatCompletionClient([])), AutoGenModel)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (StatusError(429), RateLimited),
        (StatusError(503), ServerError),
        (StatusError(400), BadRequest),
        (StatusError(401), AccessDenied),
        (TimeoutError(), Unreachable),
        (ConnectionResetError("gone"), Unreachable),
        (type("APITimeoutError", (type("APIConnectionError", (Exception,), {}),), {})(), Unreachable),
        (ValueError("a bug"), ValueError),
    ],
)
async def test_a_failure_of_a_client_is_an_error_of_ours(failure: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await AutoGenModel(Failing(failure)).complete([Message("user", "hello")], {})


async def test_half_a_surrogate_pair_is_replaced() -> None:
    completion = await AutoGenModel(ReplayChatCompletionClient(["a \ud800"])).complete([Message("user", "hello")], {})
    assert completion.content == "a ?"


async def test_an_empty_reply_of_a_client_is_no_answer() -> None:
    with pytest.raises(MalformedResponse, match="ReplayChatCompletionClient: an empty reply"):
        await AutoGenModel(ReplayChatCompletionClient([" "])).complete([Message("user", "hello")], {})


def test_a_run_survives_a_client_that_is_busy_once(tmp_path: Path) -> None:
    result = simulate(out=tmp_path / "run", conversations=1, turns=1, clients={"user": Failing(StatusError(429))})
    assert (result.finished, result.failed) == (1, 0)
