"""A model behind any server that speaks the OpenAI chat-completions protocol (OpenAI, vLLM, Ollama, llama.cpp, ...).

One `complete()` is one HTTP request; retries, rate limits, prices and the journal belong to the wrapper above it.
Protocol: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Self
from urllib.request import getproxies, proxy_bypass

import aiohttp
from pydantic import ValidationError
from yarl import URL

from i2a.errors import (
    AccessDenied,
    BadRequest,
    MalformedResponse,
    ModelError,
    RateLimited,
    ServerError,
    Unreachable,
    UsageError,
)
from i2a.jsonl import JsonMapping
from i2a.models import prompt_logprobs
from i2a.models.model import REPLIES, Completion, Message, Model, Price
from i2a.models.openai_protocol import (
    ABOUT_FORMAT,
    FINISH,
    ChatCompletion,
    ChatUsage,
    HttpReply,
    ModelList,
    error_text,
    retry_after,
    split_thought,
)
from i2a.text import one_line

DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_KEY = "OPENAI_API_KEY"

_PATIENCE = 2.0  # seconds to wait for a server's list of models
_QUOTE = 200  # characters of the server's own text in an error message
_RESERVED = {"model", "messages", "stream", "n", "tools", "api_key"}
_NUMBERS = {"temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty"}
_NUMBERS |= {"max_tokens", "max_completion_tokens", "seed", "timeout"}

LOGPROBS = "prompt_logprobs"

Param = str | int | float | bool


class OpenAIModel(Model):
    """For one event loop; `close()` it before that loop ends.

    `timeout`: seconds for the whole call. `params`: sent with every request. `key_env`: where the key came from, for
    error messages. If a server refuses `response_format`, the same `complete()` asks again without it, and later
    calls leave it out.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str = DEFAULT_URL,
        api_key: str | None = None,
        timeout: float = 120.0,
        params: Mapping[str, Param] = {},
        key_env: str = DEFAULT_KEY,
    ) -> None:
        url = _checked(base_url)
        if not timeout > 0:
            raise UsageError(f"openai:{name}: timeout must be above 0 seconds, not {timeout:g}")
        if reserved := _RESERVED & params.keys():
            raise UsageError(f"openai:{name}: {', '.join(sorted(reserved))} cannot be set as a parameter")
        self._name, self._base_url, self._timeout, self._key_env = name, base_url.rstrip("/"), timeout, key_env
        self._key = (api_key or "").strip()
        if self._key and not re.fullmatch("[!-~]+", self._key):
            raise UsageError(f"the key in {key_env} contains a blank or a character that no key has; export it again")
        self._params = dict(params)
        self._url = URL(f"{self._base_url}/chat/completions")
        self._where = f"{name} at {url.host}" + (f":{url.explicit_port}" if url.explicit_port else "")
        self._session: aiohttp.ClientSession | None = None
        self._proxy: str | None = None
        self._plain = False  # the server has refused `response_format`

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        """The model that `openai:NAME[@URL][?param=value&...]` names; the key comes from the environment.

        Three parameters are ours: `timeout` (seconds), `key_env` (the environment variable of the key) and
        `prompt_logprobs` (true: the server gives them, see `likelihoods`). The rest is sent with every request. Raises
        UsageError.
        """
        values = {key: _value(key, text) for key, text in params.items() if key not in ("key_env", LOGPROBS)}
        key_env = params.get("key_env", DEFAULT_KEY)
        seconds = values.pop("timeout", 120.0)
        base_url = url or DEFAULT_URL
        key = os.environ.get(key_env)
        if not key and _checked(base_url).host == URL(DEFAULT_URL).host:
            raise UsageError(f"openai:{name} needs a key: export {key_env}=... (or add @URL for a server of your own)")
        return cls(name, base_url=base_url, api_key=key, timeout=float(seconds), params=values, key_env=key_env)

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        """The list price at OpenAI's own address, as far as the library genai-prices knows it."""
        if url is not None:
            return None
        from genai_prices import Usage as PricedUsage
        from genai_prices import calc_price

        try:
            prompt = calc_price(PricedUsage(input_tokens=1000), name, provider_id="openai")
            completion = calc_price(PricedUsage(output_tokens=1000), name, provider_id="openai")
        except LookupError:
            return None
        return Price(float(prompt.total_price) * 1000, float(completion.total_price) * 1000)

    def price(self) -> Price | None:
        return self.list_price(self._name, None if self._base_url == DEFAULT_URL else self._base_url, {})

    def __repr__(self) -> str:
        return f"OpenAIModel({self._name!r}, base_url={self._base_url!r})"

    async def prepare(self) -> None:
        """Ask a server other than OpenAI's whether it is a simulator. Without a clear answer, it is none."""
        if self._base_url == DEFAULT_URL:
            return
        url = URL(f"{self._base_url}/models")
        try:
            session = self._session or self._open()
            async with (
                asyncio.timeout(min(_PATIENCE, self._timeout)),
                session.get(url, proxy=self._proxy, allow_redirects=False) as response,
            ):
                self.simulated = ModelList.model_validate_json(await response.read()).simulates(self._name)
        except (aiohttp.ClientError, OSError, TimeoutError, ValidationError):
            self.simulated = False

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """Raises the ModelErrors of `i2a.errors`, MalformedAnswer excepted."""
        chat = [{"role": role, "content": content} for role, content in messages]
        if REPLIES in parameters:
            return await self._score(chat, parameters[REPLIES])
        return await self._call({"model": self._name, "messages": chat, **self._params, **parameters})

    @classmethod
    def scores_replies(cls, params: Mapping[str, str]) -> bool:
        return params.get(LOGPROBS) == "true"

    async def _score(self, chat: Sequence[Mapping[str, str]], replies: Sequence[str]) -> Completion:
        """The likelihoods of `replies`, by one request more than there are replies."""
        requests = prompt_logprobs.requests(chat, replies)
        bodies = [await self._answered({"model": self._name, **request}) for request in requests]
        try:
            return prompt_logprobs.completion(bodies)
        except (BadRequest, MalformedResponse) as error:
            raise type(error)(f"{self._where}: {error}") from None

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def _call(self, body: dict[str, object]) -> Completion:
        return self._result(await self._answered(body))

    async def _answered(self, body: dict[str, object]) -> bytes:
        if self._plain:
            body.pop("response_format", None)
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._post(body)
                if reply.status in (400, 422) and "response_format" in body and ABOUT_FORMAT.search(reply.body):
                    del body["response_format"]
                    reply = await self._post(body)
                    self._plain = self._plain or reply.status == 200
        except TimeoutError as error:
            raise Unreachable(f"{self._where}: no answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{self._where}: {self._quote(str(error)) or type(error).__name__}") from error
        if reply.status != 200:
            raise self._refusal(reply)
        return reply.body

    async def _post(self, body: dict[str, object]) -> HttpReply:
        session = self._session or self._open()
        data = json.dumps(body).encode()
        async with session.post(self._url, data=data, proxy=self._proxy, allow_redirects=False) as response:
            return HttpReply(response.status, response.headers, await response.read())

    def _open(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json", "User-Agent": "i2a"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._proxy = _proxy(self._url)
        self._session = aiohttp.ClientSession(
            # The wrapper above limits concurrency. Uvicorn (vLLM) drops idle connections after 5 s: be the first.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers=headers,
        )
        return self._session

    def _result(self, raw: bytes) -> Completion:
        try:
            completion = ChatCompletion.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            problem = self._quote(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}")
            message = f"{self._where}: HTTP 200, but not a chat completion ({problem}): {self._quote(error_text(raw))}"
            raise MalformedResponse(message) from None
        usage = completion.usage or ChatUsage()
        choice = completion.choices[0]
        finish = FINISH.get(choice.finish_reason, "unknown")
        content = split_thought(choice.message)[1]
        if not content.strip() and choice.message.refusal:
            content, finish = choice.message.refusal, "content_filter"
        if not content.strip():
            advice = "; raise max_tokens" if finish == "length" else ""
            reason = self._quote(str(choice.finish_reason))
            raise MalformedResponse(f"{self._where}: an empty reply (finish_reason {reason}){advice}")
        content = content.encode("utf-8", "replace").decode()  # half a surrogate pair fits into no file
        return Completion(content, finish, usage.prompt_tokens or 0, usage.completion_tokens or 0)

    def _refusal(self, reply: HttpReply) -> ModelError:
        """The error for a status other than 200."""
        status = reply.status
        message = f"{self._where}: HTTP {status}: {self._quote(error_text(reply.body)) or 'no reason given'}"
        if status == 402 or (status == 429 and b"insufficient_quota" in reply.body):
            return AccessDenied(f"{message} - the quota is used up: check plan and billing")
        if status == 429:
            return RateLimited(message, retry_after=retry_after(reply.headers))
        if status in (408, 409) or status >= 500:
            return ServerError(message, retry_after=retry_after(reply.headers))
        if status in (400, 413, 422):
            return BadRequest(message)
        if status in (401, 403):
            return AccessDenied(
                f"{message} - check the key in {self._key_env}{'' if self._key else ' (it is not set)'}"
            )
        return AccessDenied(f"{message} - check the model name and the URL {self._base_url} (most end in /v1)")

    def _quote(self, text: str) -> str:
        """Text from outside for an error message: without the key, in one line, printable, short."""
        if self._key:
            text = text.replace(self._key, "***")
        text = one_line(text)
        return text if len(text) <= _QUOTE else text[: _QUOTE - 1] + "…"


def _value(name: str, text: str) -> Param:
    """A parameter of a model spec: a number or a truth value where it reads as one."""
    for kind in (int, float):
        try:
            number = kind(text)
            if math.isfinite(number):
                return number
        except (ValueError, OverflowError):
            continue
    if name in _NUMBERS:
        raise UsageError(f"model parameter {name}={text}: not a number")
    return {"true": True, "false": False}.get(text, text)


def _checked(base_url: str) -> URL:
    try:
        url = URL(base_url)
        usable = url.scheme in ("http", "https") and bool(url.host)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"not a server URL: {base_url!r}; write it like http://127.0.0.1:8000/v1")
    if url.user or url.password or url.query_string:
        raise UsageError(f"the URL of {url.host} must have no user, password or query; put the key into {DEFAULT_KEY}")
    return url


def _proxy(url: URL) -> str | None:
    """The proxy that the environment names for `url`, by curl's rules; never one for loopback. Raises `UsageError`."""
    host = url.host or ""
    if host in ("localhost", "::1") or host.startswith("127.") or proxy_bypass(host):
        return None
    proxy = getproxies().get(url.scheme)
    if proxy and not proxy.startswith(("http://", "https://")):
        raise UsageError(f"{url.scheme}_proxy must begin with http:// (or name {host} in no_proxy to go without)")
    return proxy
