"""Batches as Anthropic has them: the requests are handed in by the call that starts the batch.

Protocol: https://docs.claude.com/en/api/creating-message-batches. The requests are Anthropic's own: no seed, and no
schema of an answer, for which the prompt asks in words. Retries and waiting belong to `i2a.models.batching`.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from i2a.errors import MalformedResponse, Unreachable
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.addresses import checked, proxy_for
from i2a.models.batch import BatchService, BatchState
from i2a.models.model import DEFAULT_MAX_TOKENS, Completion, Message
from i2a.models.openai_protocol import HttpReply, error_text, failure, parse
from i2a.models.reply import quote, read_completion

URL, KEY, VERSION = "https://api.anthropic.com", "ANTHROPIC_API_KEY", "2023-06-01"
BATCHES = "/v1/messages/batches"
LATEST = 100  # batches that are looked through for one of ours
TRANSFER = 600.0  # seconds for a batch on its way
MOST_TOKENS = 4096  # of an answer, for want of another limit: the protocol wants one
TAKEN = {"temperature", "top_p", "top_k"}
EARLIER = timedelta(minutes=2)  # by which clocks may differ
OPENING = "."  # a chat must begin with the user


class AnthropicBatches(BatchService):
    """The batches of one model. `params`: of its model string, sent with every request."""

    def __init__(self, name: str, *, api_key: str | None, base_url: str | None, params: Mapping[str, object]) -> None:
        self._name, self._key, self._params = name, api_key or "", params
        self._url = checked((base_url or URL).rstrip("/").removesuffix("/v1"), KEY)
        self._where = f"{name} at {self._url.host}"
        self._proxy = proxy_for(self._url)
        self._files: dict[str, bytes] = {}
        self._session: aiohttp.ClientSession | None = None

    def body(self, messages: Sequence[Message], parameters: JsonMapping) -> JsonObject:
        given = {**self._params, **parameters}
        limits = (given.get(name) for name in ("max_tokens", "max_completion_tokens", DEFAULT_MAX_TOKENS))
        system = "\n\n".join(message.content for message in messages if message.role == "system")
        chat = [{"role": role, "content": content} for role, content in messages if role != "system"]
        if not chat or chat[0]["role"] != "user":
            chat.insert(0, {"role": "user", "content": OPENING})
        return {
            "model": self._name,
            "max_tokens": next(filter(None, limits), MOST_TOKENS),
            **({"system": system} if system else {}),
            "messages": chat,
            **{name: given[name] for name in sorted(TAKEN & given.keys())},
        }

    def line(self, key: str, body: JsonMapping) -> bytes:
        return json.dumps({"custom_id": key, "params": body}).encode()

    def read(self, body: JsonMapping, reply: HttpReply) -> Completion:
        said = quote(error_text(reply.body), [self._key])
        if reply.status != 200:
            raise failure(reply, f"{self._where}: {said or f'HTTP {reply.status}'}")
        return read_completion(as_chat(parse(reply.body)), self._where, lambda text: quote(text, [self._key]))

    async def upload(self, lines: bytes) -> str:
        """No request: a name for the file, by which its batch can be known again."""
        count = len(lines.splitlines())
        name = f"{datetime.now(UTC).isoformat()}/{count}"
        self._files[name] = lines
        return name

    async def start(self, file: str) -> str | None:
        if (lines := self._files.get(file)) is None:
            return None
        data = b'{"requests": [' + b", ".join(lines.splitlines()) + b"]}"
        batch = str((await self._ask("POST", BATCHES, data)).get("id"))
        del self._files[file]
        return batch

    async def find(self, file: str) -> str | None:
        """The first one of so many requests after the file was named."""
        time, _, count = file.rpartition("/")
        start = datetime.fromisoformat(time) - EARLIER
        found = []
        for each in (await self._ask("GET", f"{BATCHES}?limit={LATEST}")).get("data") or ():
            created = datetime.fromisoformat(str(each.get("created_at")))
            if created >= start and sum((each.get("request_counts") or {}).values()) == int(count):
                found.append((created, str(each["id"])))
        return min(found)[1] if found else None

    async def look(self, batch: str) -> BatchState:
        found = await self._ask("GET", f"{BATCHES}/{batch}")
        return BatchState(found.get("processing_status") == "ended", [batch])

    async def answers(self, state: BatchState) -> Mapping[str, HttpReply]:
        found: dict[str, HttpReply] = {}
        for batch in state.files:
            reply = await self._send("GET", f"{BATCHES}/{batch}/results")
            for line in reply.body.splitlines():
                entry = parse(line)
                result = entry.get("result") if isinstance(entry, Mapping) else None
                if isinstance(result, Mapping) and result.get("type") in ("succeeded", "errored"):
                    found[str(entry.get("custom_id"))] = reply_of(result)
        return found

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, path: str, data: bytes | None = None) -> JsonMapping:
        found = parse((await self._send(method, path, data)).body)
        if not isinstance(found, Mapping):
            raise MalformedResponse(f"{self._where}{path}: not what a batch interface answers")
        return found

    async def _send(self, method: str, path: str, data: bytes | None = None) -> HttpReply:
        headers = {"x-api-key": self._key, "anthropic-version": VERSION, "content-type": "application/json"}
        self._session = self._session or aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        path, _, query = path.partition("?")
        url = self._url.with_path(self._url.path.rstrip("/") + path).with_query(query)
        try:
            async with (
                asyncio.timeout(TRANSFER),
                self._session.request(method, url, data=data, headers=headers, proxy=self._proxy) as response,
            ):
                reply = HttpReply(response.status, response.headers, await response.read())
        except TimeoutError as error:
            raise Unreachable(f"{self._where}: no answer within {TRANSFER:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            down = isinstance(error, aiohttp.ClientConnectorError)
            raise Unreachable(f"{self._where}: {quote(str(error), [self._key])}", down=down) from error
        if reply.status != 200:
            why = quote(error_text(reply.body), [self._key])
            raise failure(reply, f"{self._where}: HTTP {reply.status}: {why} - check the key in {KEY}")
        return reply


def reply_of(result: JsonMapping) -> HttpReply:
    """A result as if it had been the reply to a call."""
    if result["type"] == "succeeded":
        return HttpReply(200, {}, json.dumps(result.get("message")).encode())
    error = result.get("error") or {}
    inner = error.get("error") or error
    status = 400 if inner.get("type") == "invalid_request_error" else 500
    return HttpReply(status, {}, json.dumps({"error": inner}).encode())


def as_chat(message: Any) -> bytes:
    """A message of Anthropic's as a chat completion of OpenAI's; what is in a cache is a part of the prompt there."""
    if not isinstance(message, Mapping):
        return b""
    usage: Mapping[str, Any] = message.get("usage") or {}
    cached, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    prompt = (usage.get("input_tokens") or 0) + cached + written
    counted = {"prompt_tokens": prompt, "completion_tokens": usage.get("output_tokens") or 0}
    counted |= {"prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written}}
    choice = {"message": {"content": message.get("content")}, "finish_reason": message.get("stop_reason")}
    return json.dumps({"choices": [choice], "usage": counted}).encode()
