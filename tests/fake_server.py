"""A server on loopback that speaks the OpenAI protocol as a script says, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from i2a.models.model import Message
from i2a.models.openai import OpenAIModel
from i2a.simulator.engine import named

KEY = "sk-very-secret-0123456789"


def completion(content: Any = "hi", finish: str | None = "stop", **message: Any) -> web.Response:
    return web.json_response(
        {
            "choices": [{"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
    )


def refusal(status: int, message: str = "no", code: str | None = None, **headers: str) -> web.Response:
    body = {"error": {"message": message, "code": code}}
    return web.json_response(body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


Reply = Callable[[web.Request], Awaitable[web.StreamResponse]] | web.Response


class Fake:
    """Answers from a script, then `otherwise`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.otherwise: Callable[[dict[str, Any]], web.Response] = lambda body: completion()
        self.raw: web.Response | None = None
        self.paths: list[str] = []
        self._news = asyncio.Condition()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.clients: list[OpenAIModel] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not request.content_type.endswith("json"):  # a file
            assert self.raw is not None
            return self.raw
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.paths.append(request.path_qs)
        async with self._news:
            self._news.notify_all()
        reply = self.script.pop(0) if self.script else self.otherwise(self.bodies[-1])
        return reply if isinstance(reply, web.Response) else await reply(request)

    async def asked(self, times: int) -> None:
        """Return once it was asked so often."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.bodies) >= times)

    def client(self, name: str = "some-model", **options: Any) -> OpenAIModel:
        defaults: dict[str, Any] = {"api_key": KEY, "timeout": 5.0}
        self.clients.append(OpenAIModel(name, base_url=self.url, **defaults | options))
        return self.clients[-1]


def sensible(body: dict[str, Any]) -> web.Response:
    """What the offline engine answers to a request."""
    messages = [Message(**message) for message in body["messages"]]
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return completion(named("")(messages, seed=body.get("seed", 0), schema=schema))


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[Fake]:
    fake = Fake()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/{path:.*}", fake.answer)
    async with TestServer(app, port=port or None) as server:
        fake.url = str(server.make_url("/v1"))
        yield fake
        for client in fake.clients:
            await client.close()
