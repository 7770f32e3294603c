"""How much room a server gives a prompt and its answer: what it says of itself, and what its refusals say.

Its words are those of llama.cpp, vLLM, SGLang, Ollama, LM Studio, TGI, OpenAI, Anthropic, Gemini, Mistral and Groq.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from i2a.markup import spoken
from i2a.models.openai_protocol import ChatReply, HttpReply, error_text, parse
from i2a.text import is_blank

LIMITS = {"max_tokens", "max_completion_tokens", "n_predict", "num_predict", "options", "max_output_tokens"}
LEAST, MOST = 32, 10**8  # tokens of a context

_OVERFLOW = re.compile(
    r"context[ _](?:length|size|window)|maximum context|context_length_exceeded|exceed_context_size"
    r"|(?:prompt|input|request)s?\b.{0,40}\b(?:too long|too large|too many tokens|longer than)"
    r"|input token count.{0,40}exceeds|`?inputs`? tokens|reduce the length of the (?:messages|prompt|input)"
    r"|context the overflows|n_keep\b.{0,20}n_ctx",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = r"(\d[\d,_]*\d)(?!\s*characters)"
_CONTEXT = re.compile(
    rf"(?:context (?:length|size|window)|maximum(?: number of tokens)?|must be <=?|>|n_ctx)[^0-9]{{0,40}}{_NUMBER}"
    rf"|{_NUMBER}[^0-9.]{{0,12}}(?:maximum|context)",
    re.IGNORECASE,
)


class Overflow(NamedTuple):
    """A refused request: the room that there is, and what it would have needed, in tokens; None if it does not say."""

    context: int | None
    needed: int | None


def overflow(reply: HttpReply) -> Overflow | None:
    """What a server says that refuses a request for its length; None if that is not why, or if it did not."""
    if reply.status not in (400, 413, 422, 500):
        return None
    text = error_text(reply.body)
    error = parse(reply.body)
    error = error.get("error", error) if isinstance(error, Mapping) else None
    error = error if isinstance(error, Mapping) else {}
    words = f"{text} {error.get('code')} {error.get('type')}"
    if not _OVERFLOW.search(words):
        return None
    context, needed = _number(error.get("n_ctx")), _number(error.get("n_prompt_tokens"))
    if context is None and (match := _CONTEXT.search(text)):
        context = _number(match[1] or match[2])
    if context is not None and needed is None:
        others = [number for number in map(_number, re.findall(_NUMBER, text)) if number and number > context]
        needed = max(others, default=None)
    return Overflow(context, needed)


def _number(found: Any) -> int | None:
    digits = re.sub(r"[,_]", "", str(found))
    return int(digits) if digits.isdecimal() and LEAST <= int(digits) <= MOST else None


def cuts_thoughts(reply: HttpReply) -> bool:
    """Whether an answer was cut at its limit of tokens while, or because, the model thought first."""
    if reply.status not in (200, 201):
        return False
    read = ChatReply.read(reply.body)
    if read.fault or read.finish_reason != "length":
        return False
    said = spoken(read.message.content)
    return bool(read.message.reasoning or said.thought or is_blank(said.content) or _thoughts(parse(reply.body)))


def _thoughts(body: Any) -> bool:
    usage = body.get("usage") if isinstance(body, Mapping) else None
    details = usage.get("completion_tokens_details") if isinstance(usage, Mapping) else None
    return isinstance(details, Mapping) and bool(details.get("reasoning_tokens"))


def of_props(body: Any) -> int | None:
    """The room of a slot, from llama.cpp's `/props`."""
    settings = body.get("default_generation_settings") if isinstance(body, Mapping) else None
    return _number(settings.get("n_ctx")) if isinstance(settings, Mapping) else None


def of_show(body: Any) -> int | None:
    """The context that an Ollama model is configured for, from `/api/show`; None where the server's default holds."""
    parameters = body.get("parameters") if isinstance(body, Mapping) else None
    match = re.search(r"^num_ctx\s+(\d+)", str(parameters), re.MULTILINE)
    return _number(match[1]) if match else None


def of_running(body: Any, name: str) -> int | None:
    """The context of a model that Ollama has loaded, from `/api/ps`."""
    models = body.get("models") if isinstance(body, Mapping) else None
    for model in models if isinstance(models, list) else ():
        if isinstance(model, Mapping) and any(model.get(key) in (name, f"{name}:latest") for key in ("name", "model")):
            return _number(model.get("context_length"))
    return None
