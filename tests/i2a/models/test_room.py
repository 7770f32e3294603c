"""What servers of many makes say about the room they give: in their lists, and in refusals."""

import json
from typing import Any

import pytest

from i2a.models.openai_protocol import HttpReply
from i2a.models.room import Overflow, cuts_thoughts, of_props, of_running, of_show, overflow


def refusal(message: str, status: int = 400, **more: object) -> HttpReply:
    return HttpReply(status, {}, json.dumps({"error": {"message": message, **more}}).encode())


OVERFLOWS = [
    (
        "request (6031 tokens) exceeds the available context size (4096 tokens), try increasing it",
        {"n_prompt_tokens": 6031, "n_ctx": 4096, "type": "exceed_context_size_error"},
        Overflow(4096, 6031),
    ),
    (
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, "
        "1000 in the completion). Please reduce the length of the messages or completion.",
        {"code": "context_length_exceeded"},
        Overflow(8192, 9000),
    ),
    (
        "This model's maximum context length is 128,000 tokens. However, your messages resulted in 130,512 tokens.",
        {},
        Overflow(128000, 130512),
    ),
    (
        "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of "
        "9000 tokens.",
        {},
        Overflow(8192, 9000),
    ),
    ("The input (9000 tokens) is longer than the model's context length (8192 tokens).", {}, Overflow(8192, 9000)),
    ("prompt is too long: 210000 tokens > 200000 maximum", {}, Overflow(200000, 210000)),
    (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        {},
        Overflow(1048576, 1200000),
    ),
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        {},
        Overflow(32768, 40000),
    ),
    (
        "Trying to keep the first 6031 tokens when context the overflows. However, the model is loaded with context "
        "length of only 4096 tokens, which is not enough.",
        {},
        Overflow(4096, 6031),
    ),
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and "
        "512 `max_new_tokens`",
        {},
        Overflow(4096, 5000),
    ),
    (
        "Please reduce the length of the messages or completion.",
        {"code": "context_length_exceeded"},
        Overflow(None, None),
    ),
]


@pytest.mark.parametrize(("message", "more", "expected"), OVERFLOWS)
def test_a_refusal_says_how_much_room_there_is_and_what_was_needed(
    message: str, more: dict[str, Any], expected: Overflow
) -> None:
    assert overflow(refusal(message, **more)) == expected


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "temperature must be below 2",
        "content management policy",
        "Input should be a valid list",
        "",
    ],
)
def test_other_refusals_are_not_about_room(message: str) -> None:
    assert overflow(refusal(message)) is None


def test_an_answer_is_no_refusal() -> None:
    assert overflow(HttpReply(200, {}, b'{"choices": [{"message": {"content": "context length 4096"}}]}')) is None
    assert overflow(refusal("maximum context length is 8192 tokens", status=429)) is None


def answer(finish: str = "length", usage: object = None, **message: object) -> HttpReply:
    choice = {"finish_reason": finish, "message": message}
    return HttpReply(200, {}, json.dumps({"choices": [choice], "usage": usage}).encode())


@pytest.mark.parametrize(
    "reply",
    [
        answer(content="", reasoning_content="Well,"),
        answer(content=None, reasoning="Well,"),
        answer(content="<think>Well, the user"),
        answer(content=""),
        answer(content="The capital", usage={"completion_tokens_details": {"reasoning_tokens": 500}}),
    ],
)
def test_thoughts_can_use_up_the_room_of_an_answer(reply: HttpReply) -> None:
    assert cuts_thoughts(reply)


@pytest.mark.parametrize(
    "reply",
    [
        answer(content="I am happy, I am happy, I am"),
        answer("stop", content="Paris.", reasoning_content="Well,"),
        answer(content="So", usage={"completion_tokens_details": {"reasoning_tokens": 0}}),
        HttpReply(500, {}, b"{}"),
    ],
)
def test_an_answer_without_end_is_no_thought(reply: HttpReply) -> None:
    assert not cuts_thoughts(reply)


def test_servers_say_their_room_in_places_of_their_own() -> None:
    assert of_props({"default_generation_settings": {"n_ctx": 2048}}) == 2048
    assert of_props({"default_generation_settings": {}}) is of_props(None) is None
    assert (
        of_show({"parameters": "stop                           <|im_end|>\nnum_ctx                        8192"})
        == 8192
    )
    assert of_show({"model_info": {"llama.context_length": 131072}}) is None
    loaded = {"models": [{"name": "qwen3:latest", "context_length": 4096}, {"name": "other", "context_length": 1}]}
    assert of_running(loaded, "qwen3") == 4096
    assert of_running(loaded, "llama") is of_running({}, "qwen3") is None
    assert of_running({"models": [{"name": ["qwen3"]}, "qwen3", None]}, "qwen3") is None
