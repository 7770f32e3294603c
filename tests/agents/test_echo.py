"""The prompt's own words are found in an answer, and an answer that brings up what it was told about is none."""

import json
from typing import Any

import pytest

from agents import echo
from agents.answers import Answer, Inference, Preference
from agents.echo import fault_of, is_placeholder, reads_aloud, utterance_echoes
from agents.inducer import Inducer, grounded
from agents.judge import Judge
from agents.prompt import Prompt
from agents.responders import PreferredResponder, RejectedResponder, describe
from agents.user import User
from evaluation.judge import AloeRater, PassFail, Rating, StrictRater
from i2a.words import words
from scenarios.tutor import Diagnosis, Examiner

OWN = Inducer.prompt.own_texts
HINT = describe(
    Inference(
        reason="",
        profile=["bakes bread in a small shop in Lyon", "has a three-legged dog called Biscuit", "is 41"],
        personality=["blunt", "jokes when she is tired"],
    )
)


# Answers with structure.


@pytest.mark.parametrize(
    "answer",
    [
        # SmolLM2-135M-Instruct, asked with the prompts as they were.
        {"reason": "...", "profile": ["...", "..."], "personality": ["..."]},
        {"reason": "Bread came up.", "profile": ["...", "..."], "personality": []},
        {"reason": "one or two sentences, written before the answer", "profile": [], "personality": []},
        # Others of their kinds.
        {"reason": "…", "profile": [], "personality": []},
        {"reason": "", "profile": ["<part of the profile>"], "personality": []},
        {"reason": "", "profile": ["[...]"], "personality": []},
        {"reason": "", "profile": [], "personality": ["string"]},
        {"reason": "reason", "profile": [], "personality": []},
        {"reason": "", "profile": ["profile"], "personality": []},
        {"reason": "One or two sentences that point at the User's words", "profile": [], "personality": []},
        {"reason": "", "profile": ["a list of texts"], "personality": []},
        {"reason": "", "profile": ["Parts of the profile that the user's messages have revealed"], "personality": []},
        {"reason": "A part counts only if the User's own words say it.", "profile": [], "personality": []},
    ],
    ids=lambda answer: json.dumps(answer)[:60],
)
def test_a_placeholder_or_an_instruction_is_no_inference(answer: dict[str, object]) -> None:
    assert fault_of(Inference.model_validate(answer), OWN)


@pytest.mark.parametrize(
    "answer",
    [
        {"reason": "", "profile": [], "personality": []},
        {"reason": "Nothing is revealed yet.", "profile": [], "personality": []},
        {"reason": "The way the User writes shows 'blunt'.", "profile": ["a dog"], "personality": ["blunt"]},
        {"reason": "The User says that they bake.", "profile": ["bakes", "41"], "personality": ["😀"]},
        {"reason": "Brot!", "profile": ["面包师", "pečie chlieb"], "personality": []},
    ],
)
def test_an_inference_of_few_words_is_one(answer: dict[str, object]) -> None:
    assert fault_of(Inference.model_validate(answer), OWN) == ""


FORMS: list[tuple[Any, type[Answer], object]] = [
    (Judge, Preference, {"winner": "1"}),
    (AloeRater, Rating, {"score": 4}),
    (StrictRater, PassFail, {"passes": True}),
]


@pytest.mark.parametrize(("role", "form", "rest"), FORMS)
def test_the_reason_of_a_judge_may_be_short_but_not_the_prompts(
    role: type[Judge], form: type[Answer], rest: dict[str, object]
) -> None:
    own = role.prompt.own_texts
    whole = next(line for line in role.prompt.text.splitlines() if line.startswith("1. Style:"))
    for reason in ("one or two sentences", "...", whole, whole.partition(" - ")[0], "the reason", "a text", "<reason>"):
        expected = reason not in ("the reason", "a text")
        assert bool(fault_of(form.model_validate({"reason": reason, **rest}), own)) is expected, reason
    for reason in ("", "Warmer.", "It answers the question about her dog in her own blunt tone, and stays brief."):
        assert fault_of(form.model_validate({"reason": reason, **rest}), own) == "", reason


def test_a_closed_choice_is_the_prompts_and_a_text_is_not() -> None:
    own = Examiner.prompt.own_texts
    assert fault_of(Diagnosis(reason="so", misconception="none", found="no"), own) == ""
    told = "says in a few words what the chat shows of it"
    assert "misconception" in fault_of(Diagnosis(reason="so", misconception=told, found="no"), own)


@pytest.mark.parametrize("text", ["...", "…", " - ", "<name>", "[reason]", "{fact}", "String", "placeholder", "?"])
def test_what_stands_for_something_else_is_a_placeholder(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["", "  ", "a", "3", "😀", "猫", "[sic] it is a dog", "no <b>way</b>", "a string quartet"]
)
def test_what_says_something_is_none(text: str) -> None:
    assert not is_placeholder(text)


def test_no_shipped_prompt_holds_a_form_that_could_be_returned_as_an_answer() -> None:
    """What stands in braces as an example is found when it comes back, whatever the role."""
    for role in (Inducer, Judge, AloeRater, StrictRater, Examiner):
        assert "..." not in role.prompt.text
        assert '"one or two' not in role.prompt.text


# Grounds.

PERSONA = ["She is 41 and bakes bread in Lyon. She has a dog called Biscuit.", "Blunt."]


@pytest.mark.parametrize("items", [["baker"], ["Biscuit"], ["41"], ["nothing at all", "dogs"], ["面包"], ["Lyonnaise"]])
def test_items_of_the_persona_or_the_dialogue_are_grounded(items: list[str]) -> None:
    assert grounded(items, [*PERSONA, "User: 我做面包"])


@pytest.mark.parametrize(
    "items", [["Dashler", "28", "Joe"], ["the user"], ["is not the person"], ["飞机"], ["she has"]]
)
def test_items_of_nobody_are_not(items: list[str]) -> None:
    assert not grounded(items, [*PERSONA, "User: 我做面包\nAssistant: Really?"])


# Utterances.


def echoed(text: str, *roles: type[User | PreferredResponder | RejectedResponder]) -> bool:
    own = tuple(text for role in roles or (User, PreferredResponder) for text in role.prompt.own_texts)
    return utterance_echoes(text, own, User.prompt.tags | PreferredResponder.prompt.tags)


@pytest.mark.parametrize(
    "text",
    [
        "This is what the chat has shown you about the person so far: you bake.",  # SmolLM2-135M-Instruct
        "Hello! Answer what the person just wrote, in words of your own, and keep the conversation alive.",
        "I'm a likeable, attentive human being.",
        "Never say that you are an AI or an assistant, and never offer help.",
        "You chat with somebody you have just met and who might become a friend.",
        "One to three sentences of plain text. No name in front, no quotation marks around.",
        "<known>\nYou bake.\n</known>",
        "Nice.</profile>",
        "Bread!\nUser: I bake.\nAssistant: Really?",
    ],
)
def test_an_utterance_of_instructions_is_found(text: str) -> None:
    assert echoed(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        "What made you think of that just now?",
        "I have just met somebody who might become a friend, I think.",
        "So you bake? My aunt had a bakery, and the smell is what I remember first.",
        "You never told me what your dog is called. At most three guesses?",
        "I like plain text more than emoji, to be honest. <3",
    ],
)
def test_what_people_say_is_not(text: str) -> None:
    assert not echoed(text)


def test_instructions_are_found_in_any_script() -> None:
    """Chinese has no spaces; German has long words."""
    own = Prompt("你是一个在聊天中的人。 用一到三句话回答 不要使用列表 也不要在前面写名字。").own_texts
    assert utterance_echoes("好的。用一到三句话回答 不要使用列表 也不要在前面写名字。", own, frozenset())
    assert not utterance_echoes("好的。我今天在家做面包 你呢", own, frozenset())
    own = Prompt("Antworte mit ein bis drei Sätzen, ohne Listen und ohne einen Namen am Anfang.").own_texts
    assert utterance_echoes("Gut: Antworte mit ein bis drei Sätzen, ohne Listen!", own, frozenset())
    assert not utterance_echoes("Ich backe mit drei Freunden, ohne Listen.", own, frozenset())


# A private hint.


@pytest.mark.parametrize(
    "text",
    [
        "Profile:\n- bakes bread in a small shop in Lyon",
        "So you are somebody who bakes bread in a small shop in Lyon, has a three-legged dog called Biscuit, and jokes "
        "when she is tired?",
        "I know: personality: blunt\nPersonality:\n- jokes when she is tired",
    ],
)
def test_a_hint_read_aloud_is_found(text: str) -> None:
    assert reads_aloud(text, HINT)


@pytest.mark.parametrize(
    "text",
    [
        "How is Biscuit? Still stealing the bread on three legs?",
        "A small shop in Lyon, then. Do you bake bread at night?",
        "Blunt is fine with me. And at 41 one may be tired.",
        "You must miss that three-legged dog called Biscuit when you are in the shop.",
    ],
)
def test_a_fact_that_a_reply_remembers_is_what_the_hint_is_for(text: str) -> None:
    assert not reads_aloud(text, HINT)


def test_one_long_fact_may_be_brought_up_word_for_word_and_a_whole_paragraph_may_not() -> None:
    fact = "keep three goats on a smallholding at the edge of a village in the Tatras, Poland, with a turf roof"
    rest = "which was put up by a grandfather who never once in his long life asked anybody for help with it"
    assert not reads_aloud(f"So you {fact}?", f"Profile:\n- {fact}")
    assert reads_aloud(f"So you {fact}, {rest}?", f"Profile:\n- {fact}, {rest}")


def test_runs_are_counted_in_words() -> None:
    known = echo.index(("one two three four five six",))
    assert echo.runs(words("zero one two three four five seven"), known) == [5]
    assert echo.runs(words("one two three four zero three four five six"), known) == [4, 4]
    assert echo.runs(words("one two three"), known) == []
