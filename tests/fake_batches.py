"""A provider on loopback that has OpenAI's batches beside its chat, answers as the engine does, and counts both."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from i2a.models.model import Message, estimate_tokens
from i2a.simulator.engine import named


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """The completion that the offline engine gives."""
    messages = [Message(**message) for message in body["messages"]]
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    text = named("")(messages, seed=body.get("seed", 0), schema=schema)
    prompt = sum(estimate_tokens(message.content) for message in messages)
    usage = {"prompt_tokens": prompt, "completion_tokens": estimate_tokens(text)}
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage}


Item = Callable[[str, dict[str, Any]], dict[str, Any] | None]  # (custom id, body) -> the line that comes back, or none


def carried_out(key: str, body: dict[str, Any]) -> dict[str, Any] | None:
    return {"custom_id": key, "response": {"status_code": 200, "body": answered(body)}, "error": None}


class Provider:
    """`chats`: bodies of calls made by themselves. `paid`: how often each custom id was carried out in a batch.

    `looks`: how often a batch is looked at before it has ended. `item`: what becomes of a request. `drops`: how many of
    the next answers to a start of a batch are lost on the way, though it is started. `ends`: the status at the end.
    """

    def __init__(self) -> None:
        self.chats: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.paid = Counter[str]()
        self.looks, self.drops, self.ends = 1, 0, "completed"
        self.item: Item = carried_out
        self.most = 10**6  # requests that may be enqueued, of all batches together
        self.started = asyncio.Event()
        self.url = ""

    async def chat(self, request: web.Request) -> web.Response:
        self.chats.append(await request.json())
        return web.json_response(answered(self.chats[-1]))

    async def upload(self, request: web.Request) -> web.Response:
        fields = await request.post()
        assert fields["purpose"] == "batch"
        file = fields["file"]
        assert isinstance(file, web.FileField)
        return web.json_response({"id": self.store(file.file.read())})

    def store(self, content: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    async def start(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        assert asked["endpoint"] == "/v1/chat/completions"
        assert asked["completion_window"] == "24h"
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {"id": name, "input_file_id": asked["input_file_id"], "status": "in_progress", "looks": 0}
        self.started.set()
        if self.drops:
            self.drops -= 1
            assert request.transport is not None
            request.transport.close()
        return web.json_response(self.batches[name])

    async def listed(self, _: web.Request) -> web.Response:
        return web.json_response({"data": list(reversed(self.batches.values()))})

    async def look(self, request: web.Request) -> web.Response:
        if request.match_info["name"] not in self.batches:
            return web.json_response({"error": {"message": "No such batch"}}, status=404)
        batch = self.batches[request.match_info["name"]]
        batch["looks"] += 1
        out = [each for each in self.batches.values() if each["status"] == "in_progress"]
        enqueued = sum(len(self.files[each["input_file_id"]].splitlines()) for each in out)
        if batch in out and enqueued > self.most:
            batch |= {"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded", "message": "too many"}]}}
        elif batch in out and batch["looks"] > self.looks:
            batch["status"] = self.ends
            if self.ends == "failed":
                batch["errors"] = {"data": [{"code": "invalid_model", "message": "no such model in batches"}]}
            else:
                self._carry_out(batch)
        return web.json_response(batch)

    def _carry_out(self, batch: dict[str, Any]) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        assert len({line["custom_id"] for line in lines}) == len(lines)
        back: dict[str, list[bytes]] = {"output_file_id": [], "error_file_id": []}
        for line in lines:
            assert re.fullmatch("[0-9a-f]{32}", line["custom_id"])
            found = self.item(line["custom_id"], line["body"])
            if found is not None:
                self.paid[line["custom_id"]] += 1
                good = found["response"]["status_code"] == 200
                back["output_file_id" if good else "error_file_id"].append(json.dumps(found).encode())
        batch |= {name: self.store(b"\n".join(found)) for name, found in back.items() if found}

    async def content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])


@asynccontextmanager
async def providing(provider: Provider | None = None) -> AsyncIterator[Provider]:
    provider = provider or Provider()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", provider.chat)
    app.router.add_post("/v1/files", provider.upload)
    app.router.add_post("/v1/batches", provider.start)
    app.router.add_get("/v1/batches", provider.listed)
    app.router.add_get("/v1/batches/{name}", provider.look)
    app.router.add_get("/v1/files/{name}/content", provider.content)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("/v1"))
        yield provider
