"""Replies scored by a server that gives log-probabilities of its prompt, as vLLM does: here, that of a tiny model."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from i2a.errors import BadRequest, MalformedResponse
from i2a.models.model import Message
from i2a.models.openai import OpenAIModel
from i2a.models.spec import ModelSpec

CHAT = [Message("user", "I have a cat."), Message("assistant", "Oh?"), Message("user", "Yes.")]
REPLIES = ["How is your cat?", "Hm.", "That sounds nice."]


class LikeVLLM:
    """Renders the chat with a template, and answers with the log-probability of every token of it."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.asked: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        import torch

        body = await request.json()
        self.asked.append(body)
        opens = body.get("add_generation_prompt", True)
        ids = list(self.tokenizer.apply_chat_template(body["messages"], add_generation_prompt=opens, return_dict=False))
        with torch.inference_mode():
            scores = self.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        found: list[Any] = [None]
        for place in range(1, len(ids)):
            found.append({str(ids[place]): {"logprob": float(scores[place - 1, ids[place]]), "rank": 3}})
        choice = {"message": {"role": "assistant", "content": ""}, "finish_reason": "length"}
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1, "total_tokens": len(ids) + 1}
        return web.json_response({"choices": [choice], "usage": usage, "prompt_logprobs": found})


async def opened(server: BaseTestServer) -> OpenAIModel:
    spec = ModelSpec.parse(f"openai:x@{server.make_url('/v1')}?prompt_logprobs=true&temperature=0.5")
    model = spec.open()
    assert isinstance(model, OpenAIModel)
    assert type(model).scores_replies(dict(spec.params))
    return model


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[BaseTestServer]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", request.param)
    async with TestServer(app) as server:
        yield server


async def test_a_server_gives_the_likelihoods_of_the_same_model_in_process(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    from i2a.models.local import HFModel
    from tests import tiny

    words = tiny.tokenizer()
    model = tiny.model(words).double()
    model.save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    near = await HFModel.from_spec(str(tmp_path), None, {"dtype": "float64"}).likelihoods(CHAT, REPLIES)
    behind = LikeVLLM(model, words)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", behind.answer)
    async with TestServer(app) as server:
        client = await opened(server)
        far = await client.likelihoods(CHAT, REPLIES)
        await client.close()
    for one, other in zip(far, near, strict=True):
        assert one.tokens == other.tokens
        assert one.logprob == pytest.approx(other.logprob, rel=1e-9)
    assert [len(body["messages"]) for body in behind.asked] == [3, 4, 4, 4]
    assert {body["prompt_logprobs"] for body in behind.asked} == {0}


async def says_nothing(request: web.Request) -> web.Response:
    return web.json_response({"choices": [{"message": {"content": "hi"}}]})


async def says_nonsense(request: web.Request) -> web.Response:
    return web.json_response({"prompt_logprobs": [None, {"7": "likely"}]})


async def shows_no_reply(request: web.Request) -> web.Response:
    return web.json_response({"prompt_logprobs": [None, {"7": {"logprob": -1.0}}]})


@pytest.mark.parametrize("server", [says_nothing, shows_no_reply], indirect=True)
async def test_a_server_that_gives_none_is_asked_no_further(server: BaseTestServer) -> None:
    client = await opened(server)
    with pytest.raises(BadRequest, match=r"gives no prompt_logprobs|shows no reply"):
        await client.likelihoods(CHAT, REPLIES)
    await client.close()


@pytest.mark.parametrize("server", [says_nonsense], indirect=True)
async def test_numbers_of_another_form_are_an_error_that_may_pass(server: BaseTestServer) -> None:
    client = await opened(server)
    with pytest.raises(MalformedResponse, match="not as vLLM gives them"):
        await client.likelihoods(CHAT, REPLIES)
    await client.close()


async def test_other_calls_do_not_send_the_parameter() -> None:
    bodies = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(json.loads(await request.text()))
        return web.json_response({"choices": [{"message": {"content": "hi"}}]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    async with TestServer(app) as server:
        client = await opened(server)
        assert (await client.complete(CHAT, {})).content == "hi"
        await client.close()
    assert "prompt_logprobs" not in bodies[0]
    assert bodies[0]["temperature"] == 0.5
