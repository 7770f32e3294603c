"""A chat completion's body as our completion, and what a library or server says as an error of ours. Without I/O."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from i2a.errors import AccessDenied, ContextOverflow, MalformedResponse, ModelError, Unreachable
from i2a.markup import spoken
from i2a.models.model import Completion, Message
from i2a.models.openai_protocol import ChatReply, ChatUsage, HttpReply, error_text, failure, refused
from i2a.models.room import overflow
from i2a.text import is_blank, shortened

QUOTED = 200  # characters of foreign text in an error message

# By the names of their classes: several libraries have errors of these names, beside Python's own.
_LOST = {"APIConnectionError", "ConnectionError", "TimeoutError", "APITimeoutError", "ConnectError", "ReadError"}
_DOWN = {"ConnectionRefusedError", "ConnectError", "ClientConnectorError", "gaierror"}
# Found before anything is sent, and reported as a lost connection or a server's fault; no later call will succeed.
_NOT_SET_UP = re.compile(
    r"missing (?:\w+ )?(?:api[ _]?key|credentials)|unable to locate credentials|no module named"
    r"|credentials were not found",
    re.IGNORECASE,
)


def read_completion(raw: bytes, where: str, quote: Callable[[str], str]) -> Completion:
    """The completion in a body of status 200. `where`: who answered, for errors. Raises `MalformedResponse`."""
    reply = ChatReply.read(raw)
    usage, finish = reply.usage, reply.finish_reason
    billed = usage.prompt_tokens, usage.completion_tokens  # an answer that has tokens or words was
    if reply.fault:
        paid = billed if usage.prompt_tokens or reply.message.content else None
        raise MalformedResponse(f"{where}: HTTP 200, but {reply.fault}: {quote(error_text(raw))}", billed=paid)
    if finish in ("error", "function_calls"):
        raise MalformedResponse(f"{where}: the answer ended with finish_reason {quote(reply.said)}", billed=billed)
    content, _, went_on = spoken(reply.message.content)
    if not content.strip() and finish == "content_filter":
        content = reply.message.refusal or content
    content = content.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")  # half a pair fits into no file
    if is_blank(content):
        advice = "; raise max_tokens: ?max_tokens=" if finish == "length" else ""
        reason = quote(reply.said) or "None"
        raise MalformedResponse(f"{where}: an empty reply (finish_reason {reason}){advice}", billed=billed)
    return Completion(
        content,
        "stop_string" if went_on else finish,
        usage.prompt_tokens,
        usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        written_tokens=usage.written_tokens,
    )


def with_wasted(answer: Completion, wasted: ChatUsage) -> Completion:
    """`answer`, with what a call before it cost that brought no answer."""
    return answer._replace(
        prompt_tokens=answer.prompt_tokens + wasted.prompt_tokens,
        completion_tokens=answer.completion_tokens + wasted.completion_tokens,
        cached_tokens=answer.cached_tokens + wasted.cached_tokens,
        written_tokens=answer.written_tokens + wasted.written_tokens,
    )


def library_error(error: Exception, secrets: Collection[str] = ()) -> ModelError | None:
    """What an error of a client's library means: those of OpenAI, Azure, Anthropic, Ollama and litellm carry a status.

    None if it is a bug. `secrets` are left out of the message.
    """
    text = str(error).partition("Traceback (most recent call last)")[0]
    message = f"{type(error).__name__}: {quote(text, secrets)}"
    if _NOT_SET_UP.search(text):
        return AccessDenied(message)
    names = {kind.__name__ for each in _causes(error) for kind in type(each).__mro__}
    if "Connection error" in message or names & _LOST:
        return Unreachable(message, down=bool(names & _DOWN))
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        theirs = getattr(error, "litellm_response_headers", None)
        headers = theirs or getattr(getattr(error, "response", None), "headers", None) or {}
        reply = HttpReply(status, headers, text.encode("utf-8", "replace"))
        if (found := overflow(reply)) is not None:
            return ContextOverflow(message, context=found.context, needed=found.needed)
        return failure(reply, message)
    return None


def refused_by_library(error: Exception, messages: Sequence[Message], parameters: Mapping[str, object]) -> str | None:
    """Which of `parameters` a server does not take, as a library reports its refusal; None: that is not why."""
    body = getattr(error, "body", None)
    body = body if isinstance(body, dict) else {"message": str(error)}
    reply = HttpReply(getattr(error, "status_code", 0), {}, json.dumps({"error": body}, default=str).encode())
    chat = [{"role": message.role, "content": message.content} for message in messages]
    name = refused(reply, {"messages": chat, **parameters})
    return name if name in parameters else None


def quote(text: str, secrets: Collection[str] = ()) -> str:
    """Text from outside for an error message: without secrets, in one line, printable, short."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return shortened(text, QUOTED)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
