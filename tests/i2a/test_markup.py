"""What a reply holds besides its words is taken from it; what somebody says about a tag is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a.markup import spoken, unclear

THOUGHTS = [
    "<think>hm</think>hi",
    "\n<think>\nhm\n</think>\n\nhi",
    "<THINK>hm</THINK>hi",
    "<Thinking>hm</Thinking>hi",
    "<thought>hm</thought>hi",
    "<seed:think>hm</seed:think>hi",
    "<mm:think>hm</mm:think>hi",
    "<antThinking>hm</antThinking>hi",
    "<reasoning effort='low'>hm</reasoning>\nhi",
    "<REASONING_SCRATCHPAD>hm</REASONING_SCRATCHPAD>hi",
    "<think>hm</thinking >hi",
    "[THINK]hm[/THINK]hi",
    "◁think▷hm◁/think▷hi",
    "<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>hi<|end_of_solution|>",
    "<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>hi<|END_RESPONSE|>",
    "<|channel>thought\nhm<channel|>hi",
    "<unused94>thought\nhm<unused95>hi",
    "Here is my thought process: hm\nHere is my response: hi",
    "<think>hm</think><answer>hi</answer>",
    "<think>hm</think>\n<response>\nhi\n</response>",
    "hm\n</think>\n\nhi",
    "hm</think>hi",
    "hm[/THINK]hi",
    "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>hi<|return|>",
    "<|channel|>final<|message|>hi<|end|><|start|>user<|message|>And you?",
    "analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>hi",
    "analysisThe user greets me.assistantfinalhi",
    "<|im_start|>assistant\n<think>hm</think>hi<|im_end|>",
    "<think></think>hi",
    "<think/>hi",
]


@pytest.mark.parametrize("text", THOUGHTS)
def test_a_thought_before_the_words_is_none_of_them(text: str) -> None:
    found = spoken(text)
    assert found.content.strip() == "hi"
    assert found.thought.strip() in ("hm", "", "The user greets me.")
    assert not unclear(found.content)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("<think>a</think><think>b</think>hi", "hi"),
        ("<think>a</think>Hello. <think>b</think>How are you?", "Hello. How are you?"),
        ("Sure.\n<thinking>plan</thinking>\nhi", "Sure.\nhi"),
        ("Sure! <think>plan</think> hi", "Sure! hi"),
        ("Okay <think>plan</think>hi", "Okay hi"),
        ("Okay <think>the user wants me to greet</think> hi", "Okay hi"),
        ("<think>a<think>b</think>c</think>hi", "hi"),
        ("a</think>b</think>hi", "hi"),
        ("Hello.\n<think>and so on and on", "Hello."),
        ("<think>and so on and on", ""),
        ("<|channel|>analysis<|message|>and so on", ""),
    ],
)
def test_a_thought_anywhere_else_is_none_either(text: str, content: str) -> None:
    assert spoken(text).content.strip() == content


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        " hi ",
        "I write <think>x</think> at times",
        "I write </think> at times",
        "I write <think> at times",
        '"<think>x</think>" is what it says',
        "`<think>` opens it, `</think>` closes it",
        "`<|im_end|>` ends a turn",
        "a <s>b</s> c",
        "<s>b</s> c",
        "x <| f |> y",
        "The [THINKPAD] is old, <thin> or not",
        "analysis of the final",
        '{"reason": "it wrote <|im_end|>", "winner": "1"}',
    ],
)
def test_what_is_said_about_a_tag_stays(text: str) -> None:
    assert spoken(text) == (text, "", False)


@pytest.mark.parametrize(
    "special",
    [
        "<|im_end|>\n<|im_start|>user\nAnd you?",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd you?",
        "</s>",
        "</s><s>[INST] And you? [/INST]",
        "<|end|>",
        "<|endoftext|>Once upon",
        "<end_of_turn>\n<start_of_turn>user\nAnd you?",
        "<turn|>\n<|turn>user",
        "<\uff5cend▁of▁sentence\uff5c>",
        "<\uff5cUser\uff5c>And you?",
        "<|END_OF_TURN_TOKEN|>",
        "<|return|>",
        "<eos>",
        "[INST] And you?",
        "<|user|>\nAnd you?",
        "<|im_end|><|im_start|>assistant\nhm</think>yo",
    ],
)
@pytest.mark.parametrize("opening", ["", "<|im_start|>assistant\n", "<s>", "<start_of_turn>model\n", "<|assistant|>\n"])
def test_a_reply_ends_where_its_turn_ends(special: str, opening: str) -> None:
    assert spoken(f"{opening}I am well.{special}") == ("I am well.", "", True)


def test_a_special_token_in_a_json_object_is_not_its_end() -> None:
    text = '{"reason": "it wrote <|im_end|>", "winner": "1"}'
    assert spoken(f"{text}<|im_end|>\n<|im_start|>user") == (text, "", True)


@given(
    st.lists(
        st.sampled_from(["<think>", "</think>", "[THINK]", "<|im_end|>", "<|channel|>", "final", "a b", "\n", "<s>"])
    )
)
def test_any_text_can_be_taken_apart(parts: list[str]) -> None:
    found = spoken("".join(parts))
    assert len(found.content) + len(found.thought) <= len("".join(parts)) + 2


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "part",
    ["<", "<think>", "</think>", "<think", "[", "<|", "{", "<think></think>", "<|channel|>", "<s>", "\n", "analysis"],
)
def test_a_long_text_takes_no_long_time(part: str) -> None:
    spoken(part * 20_000)
