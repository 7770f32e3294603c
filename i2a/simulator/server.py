"""The offline engine as an OpenAI-compatible server on loopback, with latency, slots and faults on request.

For trying out and testing clients without a key, a network or a bill. Of the sampling parameters only `seed` counts.
Run it with `i2a serve`; `GET /stats` returns its counts.
"""

import asyncio
import contextlib
import errno
import hashlib
import ipaddress
import itertools
import json
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from i2a.errors import UsageError
from i2a.models.model import Message, estimate_tokens
from i2a.simulator.engine import MODELS, AnswerFunction, named
from i2a.simulator.settings import FAULTS, Fault, ServeOptions


def make_app(options: ServeOptions, answer: AnswerFunction | None = None) -> web.Application:
    """The server as an aiohttp application, without a port; `answer` replaces the engine.

    Run it with `handler_cancellation=True`, so that a client that hangs up frees its slot.
    """
    server = _Server(options, answer)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_get("/v1/models", server.models)
    app.router.add_get("/stats", server.stats)
    return app


async def serve(options: ServeOptions, port: int, on_ready: Callable[[str], None], *, host: str = "127.0.0.1") -> None:
    """Serve until SIGINT, SIGTERM or cancellation; `on_ready` gets the base URL. Port 0 picks a free one.

    Raises UsageError for a host that is not loopback and for a port that is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(f"{host} is not a loopback address; this server has no protection: use 127.0.0.1")
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    runner = web.AppRunner(make_app(options), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, port, backlog=1024)
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            raise UsageError(_why_not(port, error)) from error
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        bound = runner.addresses[0][1]
        on_ready(f"http://{f'[{address}]' if ':' in address else address}:{bound}/v1")
        await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        await runner.cleanup()


def _why_not(port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: choose another with --port, or 0 for a free one"
    return f"cannot listen on port {port}: {error}"


# What comes in.


class _TextPart(BaseModel):
    type: Literal["text"]
    text: str


class _ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_TextPart]

    def read(self) -> Message:
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        return Message("system" if self.role == "developer" else self.role, text)


class _JsonSchema(BaseModel):
    schema_: dict[str, object] = Field(alias="schema")


class _Format(BaseModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _Request(BaseModel):
    model: str
    messages: list[_ChatMessage] = Field(min_length=1)
    seed: int | None = None
    response_format: _Format | None = None
    stream: Literal[False] | None = None
    n: Literal[1] | None = None


class _Server:
    """The handlers and what they share: the dice, the slots and the counts."""

    def __init__(self, options: ServeOptions, answer: AnswerFunction | None) -> None:
        self.options, self.answer = options, answer
        self.dice = random.Random(options.fault_seed)
        self.chances = options.chances()
        self.slots = asyncio.Semaphore(options.slots) if options.slots else contextlib.nullcontext()
        self.statuses, self.breakages = itertools.cycle((500, 502, 503, 529)), itertools.cycle(BREAKAGES)
        self.counts = dict.fromkeys(("requests", "answered", "refused", "abandoned"), 0)
        self.faults = dict.fromkeys(FAULTS, 0)
        self.bodies: dict[bytes, int] = {}  # hash of a request body: how often it was answered
        self.serving = self.peak = 0

    async def models(self, _: web.Request) -> web.Response:
        """The behaviours that a request can name. `simulated` marks them as rule-based."""
        about = {"object": "model", "created": 0, "owned_by": "i2a", "simulated": True}
        return _json({"object": "list", "data": [{"id": name} | about for name in MODELS]})

    async def stats(self, _: web.Request) -> web.Response:
        """`answered`: whole, well-formed completions. `repeated`: bodies that got more than one of those.
        `abandoned`: the client was gone before its answer was ready. `peak`: most requests served at once."""
        repeated = sum(times > 1 for times in self.bodies.values())
        bodies = {"bodies": len(self.bodies), "repeated": repeated}
        return _json(self.counts | {"faults": self.faults} | bodies | {"serving": self.serving, "peak": self.peak})

    async def complete(self, http: web.Request) -> web.Response:
        raw = await http.read()
        self.counts["requests"] += 1
        key = self.options.require_key
        if key is not None and http.headers.get("Authorization") != f"Bearer {key}":
            self.counts["refused"] += 1
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        try:
            request = _Request.model_validate_json(raw)
        except ValidationError as error:
            self.counts["refused"] += 1
            first = error.errors(include_url=False)[0]
            return _error(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "invalid_request_error")
        body = hashlib.blake2b(raw, digest_size=16).digest()
        self.bodies.setdefault(body, 0)

        fault = self._draw()
        if fault and fault != "malformed":  # that one counts only where there is something to break
            self.faults[fault] += 1
        match fault:
            case "rate_limit":
                wait = {"Retry-After": f"{self.options.retry_after:g}"}
                return _error(429, "Rate limit reached", "rate_limit_exceeded", headers=wait)
            case "server_error":
                return _error(next(self.statuses), "The server had an error", "server_error")
            case "html":
                return web.Response(text=_PAGE, content_type="text/html")
            case "drop":
                if http.transport:
                    http.transport.close()
                return web.Response()  # goes nowhere
        try:
            async with self.slots:
                self.serving += 1
                self.peak = max(self.peak, self.serving)
                try:
                    # The engine's own work is part of the latency, as it is of a model's.
                    clock = asyncio.get_running_loop().time
                    ready = clock() + self.options.latency + (self.options.slow_seconds if fault == "slow" else 0)
                    text, values = self._reply(request)
                    await asyncio.sleep(ready - clock())
                finally:
                    self.serving -= 1
        except asyncio.CancelledError:
            self.counts["abandoned"] += 1
            raise
        if fault == "empty":
            return self._completion(request, [])
        if fault == "malformed" and values:
            self.faults["malformed"] += 1
            return self._completion(request, [next(self.breakages)(text, values)])
        self.counts["answered"] += 1
        self.bodies[body] += 1
        return self._completion(request, [(text, "stop")])

    def _reply(self, request: "_Request") -> tuple[str, dict[str, object]]:
        """The text of the answer, and the values of the JSON object that it is, if it is one."""
        messages = [message.read() for message in request.messages]
        seed = _seed(messages) if request.seed is None else request.seed
        form = request.response_format
        schema = form.json_schema.schema_ if form and form.json_schema else None
        text = (self.answer or _model(request.model))(messages, seed=seed, schema=schema)
        return text, _json_object(text)

    def _completion(self, request: "_Request", replies: Sequence[tuple[str, str]]) -> web.Response:
        prompt = sum(estimate_tokens(message.read().content) for message in request.messages)
        reply = sum(estimate_tokens(text) for text, _ in replies)
        return _json(
            {
                "id": f"chatcmpl-{self.counts['requests']}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": request.model,
                "choices": [
                    {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
                    for i, (text, finish) in enumerate(replies)
                ],
                "usage": {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply},
            }
        )

    def _draw(self) -> Fault | None:
        """One throw per request, so that a seed gives one sequence of faults."""
        throw = self.dice.random()
        for fault, chance in self.chances.items():
            throw -= chance
            if throw < 0:
                return fault
        return None


# What goes out.


_PAGE = "<!doctype html><html><head><title>Welcome</title></head><body><h1>Please sign in</h1></body></html>"


def _json(body: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    data = json.dumps(body).encode()
    return web.Response(body=data, status=status, headers=headers, content_type="application/json")


def _error(status: int, message: str, code: str, *, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"error": {"message": message, "type": code, "param": None, "code": code}}
    return _json(body, status=status, headers=headers)


def _seed(messages: Sequence[Message]) -> int:
    """The seed of a request that names none."""
    return int.from_bytes(hashlib.blake2b(json.dumps(messages).encode(), digest_size=4).digest())


def _model(name: str) -> AnswerFunction:
    """The behaviour that a request's model names, as `offline:generic` or `generic`; the engine for any other."""
    known = name if name in MODELS else f"offline:{name}"
    return named(known.partition(":")[2] if known in MODELS else "")


def _json_object(text: str) -> dict[str, object]:
    """The object that `text` is, or an empty one if it is something else."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


# How models break JSON: (text, its values) -> (broken text, finish_reason).


def _prose(text: str, values: Mapping[str, object]) -> tuple[str, str]:
    return "Both have their merits, and I would not want to decide between them.", "stop"


def _truncated(text: str, values: Mapping[str, object]) -> tuple[str, str]:
    return text[: len(text) * 2 // 3], "length"


def _wrong_value(text: str, values: Mapping[str, object]) -> tuple[str, str]:
    """The last value, in our schemas the answer after the reason, is none of the choices or of the wrong type."""
    key, value = list(values.items())[-1]
    return json.dumps({**values, key: "neither" if isinstance(value, str) else None}), "stop"


def _wrong_keys(text: str, values: Mapping[str, object]) -> tuple[str, str]:
    renamed = {f"the_{key}": value for key, value in values.items()}
    return f"```json\n{json.dumps(renamed, indent=2)}\n```", "stop"


def _bare(text: str, values: Mapping[str, object]) -> tuple[str, str]:
    return "{}", "stop"


BREAKAGES = (_prose, _truncated, _wrong_value, _wrong_keys, _bare)
