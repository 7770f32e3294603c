"""What libraries of providers raise, as errors of ours. The texts are those of litellm 1.110."""

import pytest

from i2a.errors import AccessDenied, ContextOverflow, ModelError, Unreachable
from i2a.models.reply import library_error

TRACEBACK = 'Traceback (most recent call last):\n  File "main.py", line 944, in acompletion'


class APIConnectionError(Exception):
    status_code = 500


class InternalServerError(Exception):
    status_code = 500


class BadRequestError(Exception):
    status_code = 400


class RateLimitError(Exception):
    status_code = 429


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (APIConnectionError(f"Missing Gemini API key. Set the GEMINI_API_KEY. {TRACEBACK}"), AccessDenied),
        (InternalServerError("OpenAIException - Missing credentials. Please pass an `api_key`"), AccessDenied),
        (APIConnectionError(f"No module named 'google.auth' {TRACEBACK}"), AccessDenied),
        (APIConnectionError("BedrockException - Unable to locate credentials"), AccessDenied),
        (APIConnectionError("Server disconnected without sending a response."), Unreachable),
    ],
)
def test_what_is_not_set_up_is_no_server_that_is_away(error: Exception, expected: type[ModelError]) -> None:
    found = library_error(error)
    assert type(found) is expected
    assert "Traceback" not in str(found)


def test_a_long_refusal_is_read_to_its_end_and_shown_in_short() -> None:
    text = f"{'litellm.BadRequestError: ' * 9}maximum context length is 4096 tokens, your messages have 5000 tokens"
    found = library_error(BadRequestError(text))
    assert isinstance(found, ContextOverflow)
    assert (found.context, found.needed) == (4096, 5000)
    assert len(str(found)) < 250
    assert type(library_error(RateLimitError(f"{'x' * 300} insufficient_quota"))) is AccessDenied


def test_a_bug_is_none_and_a_secret_is_left_out() -> None:
    assert library_error(KeyError("choices")) is None
    assert "sk-secret" not in str(library_error(InternalServerError("no sk-secret"), ["sk-secret"]))
