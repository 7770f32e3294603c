"""The OpenAI chat-completions protocol as many kinds of servers return it, without I/O."""

import json
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from pydantic import BaseModel, Field

FINISH: Mapping[str | None, str] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "function_calls",
    "function_call": "function_calls",
}
ABOUT_FORMAT = re.compile(rb"response_format|schema|guided|structured|grammar|json_object", re.IGNORECASE)


class HttpReply(NamedTuple):
    status: int
    headers: Mapping[str, str]  # case-insensitive
    body: bytes


class ContentPart(BaseModel):
    text: str = ""


class ChatMessage(BaseModel):
    content: str | list[ContentPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None  # DeepSeek, older vLLM
    reasoning: object = None  # newer vLLM, Ollama, OpenRouter


class ChatChoice(BaseModel):
    message: ChatMessage
    finish_reason: str | None = None


class ChatUsage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ChatCompletion(BaseModel):
    choices: list[ChatChoice] = Field(min_length=1)
    usage: ChatUsage | None = None


class ListedModel(BaseModel):
    id: str = ""
    simulated: bool = False  # only `i2a serve` reports this


class ModelList(BaseModel):
    data: list[ListedModel]

    def simulates(self, name: str) -> bool:
        """Whether the server reports the model of this name, or all of its models, as simulated."""
        asked = [model for model in self.data if model.id == name] or self.data
        return bool(asked) and all(model.simulated for model in asked)


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
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time())


def split_thought(message: ChatMessage) -> tuple[str, str]:
    """(thought, content). Servers without a reasoning parser leave the thought in the content, and chat templates
    that open the block themselves leave only `</think>` there."""
    content = message.content or ""
    if isinstance(content, list):
        content = "".join(part.text for part in content)
    thought = message.reasoning_content or (message.reasoning if isinstance(message.reasoning, str) else "")
    opened = content.lstrip().startswith("<think>")
    inside, end, rest = content.lstrip().removeprefix("<think>").partition("</think>")
    if opened or (end and "<think>" not in inside):
        return (thought + inside).strip(), rest.lstrip()
    return thought, content


def error_text(raw: bytes) -> str:
    """The message in a server's error body: OpenAI's, vLLM's, Ollama's and FastAPI's forms, or the text of a page."""
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        return re.sub(r"<[^>]*>", " ", text)
    for key in ("error", "message", "detail"):
        if isinstance(body, dict) and body.get(key):
            body = body[key]
    return str(body)
