"""The OpenAI chat-completions protocol as many kinds of servers return it, without I/O.

Tolerant where the text of an answer is there, bounded everywhere: a server's words never crash a run.
"""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, model_validator

from i2a.errors import AccessDenied, BadRequest, ModelError, RateLimited, ServerError

# Why an answer ended, in the words of servers of many makes; any other is "unknown".
REASONS: Mapping[str, str] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "completed": "stop",
    "length": "length",
    "max_length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "token_limit": "length",
    "context_length_exceeded": "length",
    "model_context_window_exceeded": "length",
    "incomplete": "length",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "blocked": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "sensitive": "content_filter",
    "moderation": "content_filter",
    "guardrail_intervened": "content_filter",
    "tool_calls": "function_calls",
    "tool_use": "function_calls",
    "function_call": "function_calls",
    "error": "error",
    "failed": "error",
    "failure": "error",
    "abort": "error",
    "aborted": "error",
    "cancelled": "error",
    "canceled": "error",
    "interrupted": "error",
    "timeout": "error",
    "network_error": "error",
    "server_error": "error",
    "insufficient_system_resource": "error",
    "malformed_function_call": "error",
    "malformed_response": "error",
    "other": "error",
}

PASSING = {408, 409, 421, 423, 424, 425, 444, 449, 498, 499}  # and 5xx: the same request may succeed later
# From a server that is being started, the proxy before one that is not there (521-523, 530: Cloudflare's), or one that
# takes nobody's requests for now (529: Anthropic's).
DOWN = (502, 503, 521, 522, 523, 529, 530)

ABOUT_FORMAT = re.compile(rb"response_format|schema|guided|structured|grammar|json_object", re.IGNORECASE)
_ABOUT_SYSTEM = re.compile(
    r"(system|developer)\W*(role|message|instruction|prompt)|roles?\W.{0,40}\b(system|developer)\b"
    r"|role.{0,80}(alternate|user.{0,20}(assistant|model))",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"support|unknown|unrecogni[sz]ed|permitted|allowed|forbid|extra|unexpected|invalid|not.{0,12}(valid|available|exist)"
    r"|cannot|can't|deprecated|remove|no longer|refus|reject|disabled|not enabled|must be (1|unset|empty|omitted)",
    re.IGNORECASE,
)
_ABOUT_LENGTH = re.compile(r"context|too (long|many|large)|reduce the length|token limit", re.IGNORECASE)
_ABOUT_RANGE = re.compile(
    r"above|below|between|greater|less than|at (most|least)|[<>]=?\s*-?\d|maximum|minimum|range", re.IGNORECASE
)
_MOST_SAID, _MOST_TOKENS = 4000, 10**9


class HttpReply(NamedTuple):
    status: int
    headers: Mapping[str, str]  # case-insensitive
    body: bytes


def with_its_status(reply: HttpReply) -> HttpReply:
    """`reply` under the status that its body names: routers answer 200 with `{"error": {"code": 429, ...}}`."""
    if reply.status != 200 or b'"error"' not in reply.body or b'"choices"' in reply.body:
        return reply
    body = parse(reply.body)
    error = body.get("error") if isinstance(body, Mapping) else None
    code = str(error.get("code")) if isinstance(error, Mapping) else ""
    return reply._replace(status=int(code)) if re.fullmatch("[45][0-9][0-9]", code) else reply


def parse(raw: bytes) -> Any:
    """The JSON that `raw` begins with, whatever its encoding; None if there is none that can be read."""
    try:
        text = raw.decode(json.detect_encoding(raw), "replace").strip().removeprefix("\ufeff")
        return _DECODER.raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)


_DECODER = json.JSONDecoder(parse_int=_integer)


class ChatMessage(BaseModel):
    """A reply: what it says, what it was thought before, and why it was refused."""

    content: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls_tools: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_any_make(cls, found: Any) -> dict[str, Any]:
        if not isinstance(found, Mapping):
            return {}
        parts = found.get("content")
        parts = parts if isinstance(parts, list) else [parts]
        thoughts = (found.get(name) for name in ("reasoning_content", "reasoning", "thinking"))
        refusals = [part.get("refusal") for part in parts if isinstance(part, Mapping)]
        return {
            "content": "".join(map(_text, parts)),
            "reasoning": next((thought for thought in thoughts if isinstance(thought, str) and thought), ""),
            "refusal": next((text for text in (found.get("refusal"), *refusals) if isinstance(text, str) and text), ""),
            "calls_tools": bool(found.get("tool_calls") or found.get("function_call")),
        }


def _text(part: Any) -> str:
    """The text of a part of a reply; none of a thought, an image or whatever else it may be."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type", "text") not in ("text", "output_text", None):
        return ""
    text = part.get("text")
    return text if isinstance(text, str) else ""


_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")


class ChatUsage(NamedTuple):
    """Tokens as the server counted them; 0 where it did not."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0  # of the prompt, read from a cache
    written_tokens: int = 0  # of the prompt, written into one

    @classmethod
    def of(cls, found: Any) -> Self:
        """From what OpenAI, DeepSeek (hits), Moonshot (at the top) and OpenRouter (writes) call them."""
        if isinstance(found, list):
            found = next((part for part in found if isinstance(part, Mapping)), None)
        if not isinstance(found, Mapping):
            return cls()
        prompt = _count(found.get("prompt_tokens")) or _count(found.get("input_tokens"))
        completion = _count(found.get("completion_tokens")) or _count(found.get("output_tokens"))
        total = _count(found.get("total_tokens"))
        if total and not (prompt and completion):
            prompt, completion = (
                (prompt, max(0, total - prompt)) if prompt else (max(0, total - completion), completion)
            )
        details = found.get("prompt_tokens_details") or found.get("input_tokens_details")
        details = details if isinstance(details, Mapping) else {}
        cached = next(filter(None, map(_count, (details.get("cached_tokens"), *map(found.get, _CACHED)))), 0)
        written = next(filter(None, map(_count, (*map(details.get, _WRITTEN), *map(found.get, _WRITTEN)))), 0)
        cached = min(cached, prompt)
        # Some count thoughts in the total alone.
        return cls(prompt, max(completion, total - prompt), cached, min(written, prompt - cached))


def _count(value: Any) -> int:
    try:
        number = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return int(number) if 0 < number < _MOST_TOKENS else 0


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a body of status 200 holds. `said`: its finish reason in the server's own words. `fault`: why it is no
    answer, in words, if it is none."""

    message: ChatMessage
    finish_reason: str
    said: str
    usage: ChatUsage
    fault: str = ""

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """The first choice of a completion, or of the chunks of a streamed one."""
        body = parse(raw)
        if body is None and raw.lstrip().startswith((b"data:", b"event:", b":")):
            body = _joined(raw)
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        if not isinstance(body, Mapping):
            return cls(ChatMessage(), "error", "", ChatUsage(), "not a chat completion")
        usage = ChatUsage.of(body.get("usage"))
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, Mapping):
            return cls(ChatMessage(), "error", "", usage, "not a chat completion (no choices)")
        message = ChatMessage.model_validate(first.get("message") or first.get("delta"))
        said = str(first.get("finish_reason")) if first.get("finish_reason") else ""
        reason = finish_reason(said)
        if body.get("error") or first.get("error"):
            return cls(message, "error", said, usage, "an error in the place of an answer")
        if message.refusal and not message.content.strip():
            reason = "content_filter"
        if reason == "function_calls" and not message.calls_tools:
            reason = "unknown"
        return cls(message, reason, said, usage)


def finish_reason(said: str) -> str:
    """One of the values of `REASONS`, or "unknown"."""
    plain = said.strip().casefold().replace("-", "_").replace(" ", "_").rpartition(".")[2]
    return REASONS.get(plain.removeprefix("finish_reason_"), "unknown")


def _joined(raw: bytes) -> Any:
    """The completion that the chunks of a stream make together."""
    content, thought = "", ""
    last = {"finish_reason": None if b"[DONE]" in raw[-100:] else "error"}  # without its end it is half of one
    found: dict[str, Any] = {}
    for chunk in _chunks(raw):
        found |= {name: chunk[name] for name in ("usage", "error") if chunk.get(name)}
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            continue
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, Mapping):
            message = ChatMessage.model_validate(delta)
            content, thought = content + message.content, thought + message.reasoning
        if choice.get("finish_reason"):
            last["finish_reason"] = choice["finish_reason"]
    return {"choices": [{"message": {"content": content, "reasoning": thought}, **last}], **found}


def _chunks(raw: bytes) -> Iterator[Mapping[str, Any]]:
    for line in raw.splitlines():
        if line.startswith(b"data:") and isinstance(chunk := parse(line.removeprefix(b"data:")), Mapping):
            yield chunk


# What else a server says.


_CONTEXT = ("max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens")


class ListedModel(BaseModel):
    id: str = ""
    simulated: bool = False  # only `i2a serve` reports this
    context: int | None = None
    make: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_any_make(cls, found: Any) -> Any:
        """The room of a slot (llama.cpp), or the context of the model (vLLM and SGLang, OpenRouter, Groq, Mistral)."""
        if not isinstance(found, Mapping):
            return found
        meta = found.get("meta")
        slot = meta.get("n_ctx") if isinstance(meta, Mapping) else None
        context = next(filter(None, map(_count, (slot, *map(found.get, _CONTEXT)))), None)
        about = {"context": context, "make": str(found.get("owned_by"))}
        return {"id": found.get("id"), "simulated": found.get("simulated") is True, **about}


class ModelList(BaseModel):
    data: list[ListedModel]

    def simulates(self, name: str) -> bool:
        """Whether the server reports the model of this name, or all of its models, as simulated."""
        asked = self._asked(name)
        return bool(asked) and all(model.simulated for model in asked)

    def context(self, name: str) -> int | None:
        """The context of the model of this name, or of the only one. None if the server does not say."""
        asked = self._asked(name)
        return asked[0].context if len(asked) == 1 else None

    @property
    def make(self) -> str:
        """Who serves the models, in the server's words: "llamacpp"; "library" for Ollama."""
        return self.data[0].make if self.data else ""

    def _asked(self, name: str) -> list[ListedModel]:
        return [model for model in self.data if model.id == name] or self.data


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or as an HTTP date (RFC 9110)."""
    text = headers.get("Retry-After", "")
    for value, unit in ((headers.get("retry-after-ms", ""), 0.001), (text, 1.0)):
        try:
            seconds = float(value) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None


def error_text(raw: bytes) -> str:
    """The message in a server's error body: OpenAI's, vLLM's, Ollama's and FastAPI's forms, or the text of a page."""
    body = _error(parse(raw))
    return body if body else re.sub(r"<[^<>]{0,200}>", " ", raw[:_MOST_SAID].decode("utf-8", "replace"))


def _error(body: Any) -> str:
    for _ in range(4):  # an error in an error
        if isinstance(body, list) and body:
            body = body[0]
        if isinstance(body, Mapping):
            body = next((body[key] for key in ("error", "message", "detail", "msg") if body.get(key)), None)
    return body[:_MOST_SAID] if isinstance(body, str) else ""


def failed_generation(reply: HttpReply) -> str | None:
    """What the model wrote where a server (Groq) refuses its own model's answer; "" if it does not say, else None."""
    error = parse(reply.body)
    error = error.get("error") if isinstance(error, Mapping) else None
    if reply.status not in (400, 422) or not isinstance(error, Mapping):
        return None
    code, written = str(error.get("code")), error.get("failed_generation")
    if not re.search("(validate|parse|generation)_failed|tool_use_failed", code) and "failed_generation" not in error:
        return None
    return written if isinstance(written, str) else "" if written is None else json.dumps(written)


def refused(reply: HttpReply, body: Mapping[str, Any]) -> str | None:
    """What of a request a server does not take: the name of a parameter, "system" for its role, or None."""
    if reply.status not in (400, 404, 415, 422, 500, 501):
        return None
    parsed = parse(reply.body)
    error = parsed.get("error") if isinstance(parsed, Mapping) else None
    param = error.get("param") if isinstance(error, Mapping) else None
    text = reply.body[:_MOST_SAID].decode("utf-8", "replace")
    if reply.status < 500 and _ABOUT_LENGTH.search(error_text(reply.body)):
        return None
    if any(message["role"] == "system" for message in body["messages"]) and _ABOUT_SYSTEM.search(text):
        return "system"
    if reply.status not in (400, 422):
        return None
    if "response_format" in body and ABOUT_FORMAT.search(reply.body):
        return "response_format"
    optional = [name for name in body if name not in ("model", "messages")]
    if isinstance(param, str) and param:
        optional = [name for name in optional if name == param.partition(".")[0]]
    named = [name for name in optional if re.search(rf"(?<![A-Za-z_]){re.escape(name)}(?![A-Za-z_])", text)]
    if not named or _ABOUT_RANGE.search(error_text(reply.body)) or not _REFUSES.search(text):
        return None
    return min(named, key=text.find)


def failure(reply: HttpReply, message: str) -> ModelError:
    """What a status other than 200 means; `message` says where and what.

    Fatal for the run: 401 and an exhausted quota; 403 and 404 until the server has answered a call. Worth a retry:
    `PASSING`, 2xx without an answer, 429, 5xx, and a 404 later on. Anything else fails the call.
    """
    status, wait = reply.status, retry_after(reply.headers)
    if status == 429 and b"insufficient_quota" in reply.body:
        return AccessDenied(f"{message} - the quota is used up: check plan and billing")
    if status in (403, 404):
        return AccessDenied(message, always=False, may_pass=status == 404)
    if status == 401:
        return AccessDenied(message)
    if status in (420, 429):
        return RateLimited(message, retry_after=wait)
    if status in PASSING or status >= 500 or status < 300:
        return ServerError(message, retry_after=wait, down=status in DOWN)
    if status < 400:
        return BadRequest(
            f"{message} - it is elsewhere: {reply.headers.get('Location', 'it does not say where')!r:.200}"
        )
    return BadRequest(f"{message} - check plan and billing" if status == 402 else message)
