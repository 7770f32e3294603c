"""Anthropic's batches, against a stand-in that takes what the protocol takes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from i2a.errors import AccessDenied, ServerAway
from i2a.models.anthropic_batch import AnthropicBatches
from i2a.models.batch import BatchLog
from i2a.models.batching import BatchingModel
from i2a.models.limiter import Limiter
from i2a.models.model import Message
from i2a.testing import ScriptedModel

KEY = "sk-ant-secret-0123456789"


class Anthropic:
    """`drops`: how many of the next answers to a start are lost on the way. `results`: what becomes of a request."""

    def __init__(self) -> None:
        self.batches: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self.drops = 0
        self.results: dict[str, dict[str, Any]] = {}
        self.url = ""

    async def start(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("x-api-key") != KEY:
            error = {"type": "authentication_error", "message": f"invalid {request.headers.get('x-api-key')}"}
            return web.json_response({"type": "error", "error": error}, status=401)
        assert request.headers["anthropic-version"] == "2023-06-01"
        asked = (await request.json())["requests"]
        for each in asked:
            assert set(each) == {"custom_id", "params"}
            assert {"model", "max_tokens", "messages"} <= set(each["params"])
            assert all(message["role"] in ("user", "assistant") for message in each["params"]["messages"])
        name = f"msgbatch_{len(self.batches)}"
        created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        counts = {"processing": len(asked), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        status = {"id": name, "processing_status": "in_progress", "created_at": created, "request_counts": counts}
        self.batches[name], self.requests[name] = status, asked
        if self.drops:
            self.drops -= 1
            assert request.transport is not None
            request.transport.close()
        return web.json_response(status)

    async def listed(self, _: web.Request) -> web.Response:
        return web.json_response({"data": list(reversed(self.batches.values())), "has_more": False})

    async def look(self, request: web.Request) -> web.Response:
        found = self.batches[request.match_info["name"]]
        answer = web.json_response(found)
        found["processing_status"] = "ended"
        return answer

    async def content(self, request: web.Request) -> web.Response:
        lines = []
        for each in self.requests[request.match_info["name"]]:
            said = each["params"]["messages"][-1]["content"]
            message = {
                "content": [{"type": "text", "text": f"You said: {said}"}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 5, "cache_read_input_tokens": 30, "output_tokens": 7},
            }
            result = self.results.get(said, {"type": "succeeded", "message": message})
            lines.append(json.dumps({"custom_id": each["custom_id"], "result": result}))
        return web.Response(text="\n".join(lines))


@asynccontextmanager
async def anthropic() -> AsyncIterator[Anthropic]:
    provider = Anthropic()
    app = web.Application()
    app.router.add_post("/v1/messages/batches", provider.start)
    app.router.add_get("/v1/messages/batches", provider.listed)
    app.router.add_get("/v1/messages/batches/{name}", provider.look)
    app.router.add_get("/v1/messages/batches/{name}/results", provider.content)
    async with TestServer(app) as server:
        provider.url = str(server.make_url(""))
        yield provider


@asynccontextmanager
async def batching(
    provider: Anthropic, folder: Path, *, key: str = KEY, patience: float = 5.0
) -> AsyncIterator[tuple[BatchingModel, ScriptedModel]]:
    service = AnthropicBatches("claude-x", api_key=key, base_url=provider.url, params={"temperature": 0.5})
    live = ScriptedModel(lambda request: "Live.")
    model = BatchingModel(
        "litellm:anthropic/claude-x",
        live,
        service,
        BatchLog(folder / "batches.jsonl"),
        live=Limiter(4),
        busy=lambda: False,
        wait=0.05,
        poll=0.01,
        patience=patience,
    )
    try:
        yield model, live
    finally:
        await model.close()


async def asked(model: BatchingModel, *texts: str) -> list[str]:
    chats = [[Message("system", "Chat."), Message("user", text)] for text in texts]
    found = await asyncio.gather(*(model.complete(chat, {"seed": 1, "max_tokens": 90}) for chat in chats))
    return [each.content for each in found]


async def test_requests_are_anthropics_own_and_answers_are_ours(tmp_path: Path) -> None:
    async with anthropic() as provider, batching(provider, tmp_path) as (model, live):
        chat = [Message("system", "Chat."), Message("assistant", "Hi."), Message("user", "I row.")]
        found = await model.complete(chat, {"seed": 1, "response_format": {"type": "json_schema"}})
        assert provider.requests["msgbatch_0"][0]["params"] == {
            "model": "claude-x",
            "max_tokens": 4096,
            "system": "Chat.",
            "messages": [
                {"role": "user", "content": "."},
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "I row."},
            ],
            "temperature": 0.5,
        }
        assert (found.content, found.finish_reason, found.batched) == ("You said: I row.", "stop", True)
        assert (found.prompt_tokens, found.cached_tokens, found.completion_tokens) == (35, 30, 7)
        assert not live.requests


async def test_what_errs_or_expires_is_handed_in_again_and_then_asked_live(tmp_path: Path) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    async with anthropic() as provider, batching(provider, tmp_path) as (model, live):
        provider.results = {"I row.": {"type": "expired"}, "I bake.": {"type": "errored", "error": overloaded}}
        assert await asked(model, "I row.", "I bake.", "It rains.") == ["Live.", "Live.", "You said: It rains."]
        assert [len(requests) for requests in provider.requests.values()] == [3, 2]
        assert len(live.requests) == 2


async def test_a_batch_whose_id_was_lost_on_the_way_is_found_by_its_time_and_size(tmp_path: Path) -> None:
    async with anthropic() as provider:
        provider.drops = 1
        async with batching(provider, tmp_path, patience=0.0) as (model, _):
            with pytest.raises(ServerAway, match="--resume waits for the batch"):
                await asked(model, "I row.", "It rains.")
        async with batching(provider, tmp_path) as (model, live):
            assert await asked(model, "I row.", "It rains.") == ["You said: I row.", "You said: It rains."]
        assert len(provider.batches) == 1
        assert not live.requests


async def test_a_batch_that_was_never_started_is_handed_in_anew(tmp_path: Path) -> None:
    async with anthropic() as provider:
        provider.drops = 1
        async with batching(provider, tmp_path, patience=0.0) as (model, _):
            with pytest.raises(ServerAway):
                await asked(model, "I row.")
        provider.batches.clear()
        async with batching(provider, tmp_path) as (model, _):
            assert await asked(model, "I row.") == ["You said: I row."]
        assert len(provider.batches) == 1


async def test_a_wrong_key_is_told_without_it(tmp_path: Path) -> None:
    async with anthropic() as provider, batching(provider, tmp_path, key="sk-ant-wrong-9876") as (model, _):
        with pytest.raises(AccessDenied, match=r"401: invalid \*\*\* - check the key in ANTHROPIC_API_KEY"):
            await asked(model, "I row.")
