"""A model behind any server that speaks the OpenAI chat-completions protocol (OpenAI, vLLM, Ollama, llama.cpp, ...).

One `complete()` is one HTTP request, and another one only for what the server does not take of it. Retries, pacing,
prices and the journal belong to the wrapper above it. Protocol: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import aiohttp
from pydantic import ValidationError
from yarl import URL

from i2a.errors import (
    BadRequest,
    ContextOverflow,
    MalformedResponse,
    ModelError,
    ServerError,
    TimedOut,
    Unreachable,
    UsageError,
)
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models import prompt_logprobs
from i2a.models.addresses import COMPLETIONS, chat_url, checked, models_url, proxy_for
from i2a.models.batch import BatchService
from i2a.models.model import DEFAULT_MAX_TOKENS, REPLIES, Completion, Message, Model, Price
from i2a.models.openai_batch import OpenAIBatches
from i2a.models.openai_protocol import (
    DOWN,
    ChatReply,
    ChatUsage,
    HttpReply,
    ModelList,
    error_text,
    failed_generation,
    failure,
    parse,
    refused,
    with_its_status,
)
from i2a.models.prices import listed_price
from i2a.models.reply import quote, read_completion, with_wasted
from i2a.models.request import merged_params, param_value, without
from i2a.models.room import LIMITS, cuts_thoughts, of_props, of_running, of_show, overflow

DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_KEY = "OPENAI_API_KEY"
BASE_URL = "OPENAI_BASE_URL"  # as the openai package has it

_TRANSFER = 600.0  # seconds for a file
_PATIENCE = 2.0  # seconds to wait for a server's list of models
_LARGEST = 32 * 2**20  # bytes of an answer
_OURS = {"timeout", "key_env", "key_header", "prompt_logprobs"}
_RESERVED = {"model", "messages", "stream", "n", "tools", "api_key"}

LOGPROBS = "prompt_logprobs"
ADVICE = "?max_tokens="
THINKS = f"thinks before it answers: its answers have no limit of tokens but that in {ADVICE}"


class OpenAIModel(Model):
    """For one event loop; `close()` it before that loop ends.

    `timeout`: seconds for the whole call. `params`: sent with every request. `key_env`: where the key came from, for
    error messages. `key_header`: the header that holds the bare key, instead of `Authorization`. What a server refuses
    of a request (`response_format`, a parameter, the system role) is left out in the same `complete()`, and it is not
    bothered with it afterwards; `notes` say so.
    """

    limits_answers = True

    def __init__(
        self,
        name: str,
        *,
        base_url: str = DEFAULT_URL,
        api_key: str | None = None,
        timeout: float = 120.0,
        params: Mapping[str, object] = {},
        key_env: str = DEFAULT_KEY,
        key_header: str | None = None,
    ) -> None:
        url = checked(base_url, DEFAULT_KEY)
        if not timeout > 0:
            raise UsageError(f"openai:{name}: timeout must be above 0 seconds, not {timeout:g}")
        if reserved := _RESERVED & params.keys():
            raise UsageError(f"openai:{name}: {', '.join(sorted(reserved))} cannot be set as a parameter")
        self._name, self._base_url, self._timeout, self._key_env = name, base_url.rstrip("/"), timeout, key_env
        self._key = (api_key or "").strip()
        if self._key and not re.fullmatch("[!-~]+", self._key):
            raise UsageError(f"the key in {key_env} contains a blank or a character that no key has; export it again")
        azure = (url.host or "").endswith(".azure.com")
        self._key_header = key_header or ("api-key" if azure else None)
        self._params = dict(params)
        self._url = chat_url(url)
        self.host = (url.host or "") + (f":{url.explicit_port}" if url.explicit_port else "")
        self._where = f"{name} at {self.host}"
        self.notes: list[str] = []
        self._answered = self._url_from_environment = False
        self._session: aiohttp.ClientSession | None = None
        self._proxy: str | None = None
        self._refused: set[str] = set()
        self._context: int | None = None
        self._thinks = False

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        """The model that `openai:NAME[@URL][?param=value&...]` names; the key comes from the environment.

        Four parameters are ours: `timeout` (seconds), `key_env` (the variable that holds the key), `key_header` and
        `prompt_logprobs` (true: the server gives them, see `likelihoods`).
        `api-version` and `query.NAME` go into the URL. The rest goes into every request: numbers, texts and any JSON,
        `a.b=1` as `{"a": {"b": 1}}`, and the fields of `extra_body` as if each was one. Without a URL it is that in
        OPENAI_BASE_URL, or OpenAI's own. Raises UsageError.
        """
        base_url = _base_url(url)
        queries = {key.removeprefix("query."): text for key, text in params.items() if _in_url(key)}
        if queries:
            base_url = str(checked(base_url, DEFAULT_KEY).update_query(queries))
        sent = {key: param_value(key, text) for key, text in params.items() if key not in _OURS and not _in_url(key)}
        key_env = params.get("key_env", DEFAULT_KEY)
        seconds = param_value("timeout", params.get("timeout", "120"))
        key = os.environ.get(key_env)
        if not key and checked(base_url, DEFAULT_KEY).host == URL(DEFAULT_URL).host:
            raise UsageError(f"openai:{name} needs a key: export {key_env}=... (or add @URL for a server of your own)")
        model = cls(
            name,
            base_url=base_url,
            api_key=key,
            timeout=float(seconds),
            params=merged_params(sent),
            key_env=key_env,
            key_header=params.get("key_header"),
        )
        if url is None and base_url != DEFAULT_URL:
            model._url_from_environment = True
            model.notes.append(f"openai:{name} is called at {base_url}, from {BASE_URL}")
        return model

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        """The list price at the address of OpenAI or another provider that the library genai-prices knows.

        On Azure the name is that of a deployment, which says nothing for certain, and the price is unknown.
        """
        address = checked(_base_url(url), DEFAULT_KEY)
        return None if (address.host or "").endswith(".azure.com") else listed_price(name, address=str(address))

    def price(self) -> Price | None:
        return self.list_price(self._name, self._base_url, {})

    def describe(self) -> JsonMapping:
        return {"url": self._base_url} if self._url_from_environment else {}

    def __repr__(self) -> str:
        return f"OpenAIModel({self._name!r}, base_url={self._base_url!r})"

    @property
    def context(self) -> int | None:
        return self._context

    async def probe(self) -> None:
        """Ask a server whether it simulates (`i2a serve` says so, any other answer means no), and for its context.

        Raises `Unreachable` if there is no server yet.
        """
        if self._base_url == DEFAULT_URL:
            return
        self.simulated = False
        try:
            session = self._session or self._open()
            async with (
                asyncio.timeout(min(_PATIENCE, self._timeout)),
                session.get(models_url(self._url), proxy=self._proxy, allow_redirects=False) as response,
            ):
                if response.status in DOWN:
                    raise Unreachable(f"{self._where}: HTTP {response.status}", down=True)
                listed = ModelList.model_validate_json(await _read(response))
                self.simulated, self._context = listed.simulates(self._name), listed.context(self._name)
                self._context = self._context or await self._asked_room(session, listed.make)
        except aiohttp.ClientConnectorError as error:
            raise self._unreachable(error) from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValidationError, MalformedResponse):
            return

    async def _asked_room(self, session: aiohttp.ClientSession, make: str) -> int | None:
        """The context as servers say it elsewhere than in their list of models."""

        async def body(path: str, asked: JsonObject | None = None) -> Any:
            url = self._url.with_path(self._url.path.removesuffix(COMPLETIONS).removesuffix("/v1") + path)
            method = "GET" if asked is None else "POST"
            async with session.request(method, url, json=asked, proxy=self._proxy, allow_redirects=False) as response:
                return parse(await _read(response)) if response.status == 200 else None

        if make == "llamacpp":
            return of_props(await body("/props"))
        if make == "library":  # Ollama
            loaded = of_running(await body("/api/ps"), self._name)
            return loaded or of_show(await body("/api/show", {"model": self._name}))
        return None

    async def prepare(self) -> None:
        """As `probe`; a server that is not there simulates nothing."""
        try:
            await self.probe()
        except Unreachable:
            self.simulated = False

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """Raises the ModelErrors of `i2a.errors`; those about an answer are left to the role."""
        chat = [{"role": role, "content": content} for role, content in messages]
        if REPLIES in parameters:
            return await self._score(chat, parameters[REPLIES])
        return await self._call(*self._request(chat, parameters))

    def _request(self, chat: Sequence[JsonMapping], parameters: JsonMapping) -> tuple[JsonObject, int | None]:
        """The whole body, and the limit of tokens that it has for want of another."""
        own = {
            name: value for name, value in self._params.items() if "max_tokens" not in parameters or name not in LIMITS
        }
        limit = parameters.get(DEFAULT_MAX_TOKENS)
        body = {"model": self._name, "messages": chat, **own, **parameters}
        body.pop(DEFAULT_MAX_TOKENS, None)
        return body, None if self._thinks or LIMITS & body.keys() else limit

    @classmethod
    def scores_replies(cls, params: Mapping[str, str]) -> bool:
        return params.get(LOGPROBS) == "true"

    async def _score(self, chat: Sequence[Mapping[str, str]], replies: Sequence[str]) -> Completion:
        """The likelihoods of `replies`, by one request more than there are replies."""
        requests = prompt_logprobs.requests(chat, replies)
        replies_to = [await self._reply({"model": self._name, **request}) for request in requests]
        bodies = [self._accepted(reply, left_out) for reply, _, left_out in replies_to]
        try:
            return prompt_logprobs.completion(bodies)
        except (BadRequest, MalformedResponse) as error:
            raise type(error)(f"{self._where}: {error}") from None

    def batches(self) -> BatchService | None:
        azure = (self._url.host or "").endswith(".azure.com")  # has deployments of its own for batches
        return None if azure else OpenAIBatches(self)

    def body(self, messages: Sequence[Message], parameters: JsonMapping) -> JsonObject:
        """A request, less what the server is known not to take."""
        chat = [{"role": role, "content": content} for role, content in messages]
        body, limit = self._request(chat, parameters)
        return without({**body, "max_tokens": limit} if limit else body, self._refused)

    def read(self, body: JsonMapping, reply: HttpReply) -> Completion:
        """The answer to such a request, wherever it was carried out. Raises its `ModelError`.

        `ServerError` too where the server does not take a part of it, which is left out from then on.
        """
        reply = with_its_status(reply)
        if (name := refused(reply, body)) and failed_generation(reply) is None:
            self._remember({name})
            raise ServerError(f"{self._where}: {NOTES.get(name, f'takes no {name}')}")
        if not self._thinks and cuts_thoughts(reply):
            self._found_to_think()
            raise ServerError(f"{self._where}: cut while it was thinking")
        return self._written(reply, body, set())

    async def send(
        self, method: str, path: str, data: bytes | None = None, kind: str = "application/json"
    ) -> HttpReply:
        """A request to another place of the same server, such as `/files`. Raises the `ModelError` of its status."""
        session = self._session or self._open()
        path, _, query = path.partition("?")
        url = self._url.with_path(self._url.path.removesuffix(COMPLETIONS) + path, keep_query=True).extend_query(query)
        headers = {"Content-Type": kind}
        try:
            async with (
                asyncio.timeout(max(self._timeout, _TRANSFER)),
                session.request(method, url, data=data, headers=headers, proxy=self._proxy) as response,
            ):
                reply = HttpReply(response.status, response.headers, await response.read())
        except TimeoutError as error:
            raise Unreachable(f"{self._where}: no answer within {max(self._timeout, _TRANSFER):g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error
        if reply.status not in (200, 201):
            raise self._failure(reply)
        return reply

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def _call(self, whole: JsonMapping, limit: int | None) -> Completion:
        """`limit`: of the answer's tokens, unless it is in the way of thoughts, or of a prompt that just fits."""
        reply, body, left_out = await self._reply({**whole, "max_tokens": limit} if limit else whole)
        wasted = ChatUsage()
        if limit and (cuts_thoughts(reply) or overflow(reply)):
            if cuts_thoughts(reply):
                wasted = ChatReply.read(reply.body).usage
                self._found_to_think()
            reply, body, left_out = await self._reply(whole)
        return with_wasted(self._written(reply, body, left_out), wasted)

    def _found_to_think(self) -> None:
        self._thinks = True
        self._note(THINKS)

    def _written(self, reply: HttpReply, body: JsonMapping, left_out: set[str]) -> Completion:
        """What a reply holds. Raises the `ModelError` of one that is no answer."""
        if (written := failed_generation(reply)) is not None and "response_format" in body and written.strip():
            return Completion(written, "stop", 0, 0)  # for the role to repair
        if written is not None:
            raise MalformedResponse(f"{self._where}: {self._quote(error_text(reply.body))}", billed=(0, 0))
        return read_completion(self._accepted(reply, left_out), self._where, self._quote)

    async def _reply(self, whole: JsonMapping) -> tuple[HttpReply, JsonObject, set[str]]:
        """The reply, the body that was sent in the end, and the parameters that were left out of it."""
        body, left_out = without(whole, self._refused), set(self._refused)
        try:
            async with asyncio.timeout(self._timeout):
                reply = with_its_status(await self._post(body))
                while (name := refused(reply, body)) and name not in left_out and failed_generation(reply) is None:
                    left_out.add(name)
                    body = without(whole, left_out)
                    reply = with_its_status(await self._post(body))
        except TimeoutError as error:
            why = f"no answer within {self._timeout:g} s; more time: ?timeout=, an answer without end: {ADVICE}"
            raise TimedOut(f"{self._where}: {why}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error
        return reply, body, left_out

    def _accepted(self, reply: HttpReply, left_out: set[str]) -> bytes:
        """The body of a reply that is an answer. Raises the `ModelError` of any other."""
        if reply.status not in (200, 201):
            raise self._failure(reply)
        self._answered = True
        self._remember(left_out)
        return reply.body

    async def _post(self, body: JsonObject) -> HttpReply:
        session = self._session or self._open()
        data = json.dumps(body).encode()
        async with session.post(self._url, data=data, proxy=self._proxy, allow_redirects=False) as response:
            return HttpReply(response.status, response.headers, await _read(response))

    def _open(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json", "User-Agent": "i2a"}
        if self._key and self._key_header:
            headers[self._key_header] = self._key
        elif self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._proxy = proxy_for(self._url)
        self._session = aiohttp.ClientSession(
            # The wrapper above limits concurrency. Uvicorn (vLLM) drops idle connections after 5 s: be the first.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers=headers,
        )
        return self._session

    def _remember(self, left_out: set[str]) -> None:
        for name in sorted(left_out - self._refused):
            self._refused.add(name)
            self._note(NOTES.get(name, f"takes no {name}: it is left out"))

    def _note(self, what: str) -> None:
        if (note := f"{self._where}: {what}") not in self.notes:
            self.notes.append(note)

    def _unreachable(self, error: Exception) -> Unreachable:
        trusted = not isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError)
        down = isinstance(error, aiohttp.ClientConnectorError) and trusted
        why = self._quote(str(error).replace(" ssl:default", ""))
        return Unreachable(f"{self._where}: {why or type(error).__name__}", down=down)

    def _failure(self, reply: HttpReply) -> ModelError:
        """The error for a status other than 200."""
        status, advice = reply.status, ""
        if status == 401 or (status == 403 and not self._answered):
            advice = f" - check the key in {self._key_env}{'' if self._key else ' (it is not set)'}"
        elif status in (404, 405) or 300 <= status < 400:
            advice = f" - check the model name and the URL {self._base_url} (most end in /v1)"
        message = f"{self._where}: HTTP {status}: {self._quote(error_text(reply.body)) or 'no reason given'}{advice}"
        if (found := overflow(reply)) is not None:
            self._context = self._context or found.context
            return ContextOverflow(
                f"{message} - serve it with a larger context", context=found.context, needed=found.needed
            )
        return failure(reply, message)

    def _quote(self, text: str) -> str:
        return quote(text, [self._key])


NOTES = {
    "system": "takes no system message: it is merged into the first user message",
    "seed": "takes no seed: it is left out, and the same seed will not give the same answers",
    "max_tokens": "takes no max_tokens: max_completion_tokens is sent in its place",
    "max_completion_tokens": "takes no max_completion_tokens: max_tokens is sent in its place",
}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises `MalformedResponse` for one that no answer can have."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST:
            raise MalformedResponse(f"{response.url.host}: an answer of more than {_LARGEST:,} bytes")
    with suppress(UnicodeDecodeError, LookupError):
        if response.charset and not _is_utf8(body):
            return body.decode(response.charset).encode()
    return bytes(body)


def _is_utf8(body: bytes | bytearray) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _in_url(name: str) -> bool:
    return name == "api-version" or name.startswith("query.")


def _base_url(url: str | None) -> str:
    return url or os.environ.get(BASE_URL, "").strip() or DEFAULT_URL
