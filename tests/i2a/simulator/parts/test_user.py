"""The simulated person reveals itself step by step, follows the chat, and sounds like a person."""

import re
from collections import Counter
from typing import Any

import pytest

from i2a.simulator.language.text import fold, load, sentences
from i2a.simulator.parts.voice import SIGNS, fixed_parts
from i2a.simulator.persona.evidence import revealed
from i2a.simulator.persona.facts import facts
from i2a.simulator.persona.style import STYLES

# People whom many a stock line would contradict, and what they cannot say.
HARD = {
    "deaf": ("She was born deaf. She restores furniture in Ghent. She signs with her sister every evening.",
             r"\b(?:hear\w*|nois\w+|sound\w*|radio|listen\w*|alarm|loud|hoover\w*|melody)\b"),
    "cleaner": ("She is a 41-year-old hotel cleaner. She sends money to her mother. She plays games on the bus.",
                r"\b(?:code|laptop|computer|meeting|lecture|desk|boss)\b"),
    "old": ("He is 88 years old and walks with a walking frame. He studies old maps. He is widowed.",
            r"\b(?:lecture|homework|exam|workout|match|class|boss|walk in the woods|wife)\b"),
    "hostel": ("He is 52 and sleeps in a homeless hostel in Leeds. He lost his job. He used to cook on ships.",
               r"\b(?:oven|kitchen|couch|fridge|recipe|kettle|laundry|boss|at work|the house)\b"),
    "blind": ("He has been blind since he was six. He tunes pianos in Lyon. He reads Braille novels.",
              r"\b(?:saw|watch\w*|screen|clouds|window|I looked)\b"),
    "wheelchair": ("She uses a wheelchair since a fall. She coaches a basketball team. She loves rivers and the sea.",
                   r"\b(?:legs|walk\w*|on my feet|ran|workout|stairs|boots)\b"),
    "prison": ("He is in prison in Turin. He works in the prison laundry. He writes letters to his daughter.",
               r"\b(?:flights|suitcase|oven|fridge|couch|party|my weekend|bus|keys|kettle)\b"),
    "monk": ("He is a monk in a silent order. He bakes bread for the monastery. He keeps bees.",
             r"\b(?:boss|bank|buy|party|beer|phone|popcorn|fur|paws|vet)\b"),
}  # fmt: skip

ASSISTANT_TALK = re.compile(
    r"\b(how (?:can|may) i (?:help|assist)|happy to help|let me know if|as an ai|language model|i can help|assist you|"
    r"feel free to|here are some|i recommend|you should consider)\b",
    re.I,
)
SLIPS = re.compile(
    r"\bI (?:works|has|is|lives|plays|enjoys|loves|goes|does)\b|\byou (?:works|has|is|lives"
    r"|plays|enjoys|loves)\b|\bmy my\b|"
    r"\b[Aa] (?:engineer|architect|hour|old|avid|accountant)\b|\ban (?:nurse|baker|plumber)\b"
    r"|  |\s[,.!?]|\{|\}|\bI are\b|"
    r"\byou am\b|\b(?:my|your) (?:a|an|the) |,,|\.,|!\.|\?\.",
)


def test_a_message_reveals_at_most_one_new_fact(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    for name, (profile, _) in personas.items():
        for chat in chats.turns[name]:
            told: set[Any] = set()
            for turn in chat:
                now = set(revealed(facts(profile), [turn.message]))
                assert len(now - told) <= 1, turn.message
                told |= now


def test_much_is_told_in_ten_turns_but_not_at_once(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    counts = []
    for name, (profile, _) in personas.items():
        for chat in chats.turns[name]:
            told = revealed(facts(profile), [turn.message for turn in chat])
            assert 2 <= len(told) < 10
            counts.append(len(told))
    assert sum(counts) / len(counts) >= 3.5


def test_the_person_comes_back_to_what_it_has_told(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    from i2a.simulator.persona.topics import topics

    returns = 0
    for name, (profile, _) in personas.items():
        for chat in chats.turns[name]:
            for at in range(3, len(chat)):
                told = revealed(facts(profile), [turn.message for turn in chat[: at - 1]])
                new = revealed(facts(profile), [chat[at].message])
                lead = topics(chat[at].message)[:1]
                returns += not new and any(set(lead) & set(fact.topics) for fact in told)
    assert returns >= 0.12 * 7 * 4 * len(personas)


def test_no_message_comes_twice(chats: Any) -> None:
    for persona_chats in chats.turns.values():
        for chat in persona_chats:
            messages = [turn.message for turn in chat]
            assert len(set(messages)) == len(messages)


def test_no_profile_sentence_is_copied(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    for name, (profile, _) in personas.items():
        own = {sentence for sentence in sentences(fold(profile)) if len(sentence.split()) > 3}
        for chat in chats.turns[name]:
            assert not any(own & set(sentences(turn.message)) for turn in chat)


def test_nobody_talks_like_an_assistant(chats: Any) -> None:
    assert not [text for text in chats.messages() if ASSISTANT_TALK.search(text)]


def test_english_is_in_order(chats: Any) -> None:
    texts = chats.messages() + chats.replies()
    assert not [text for text in texts if SLIPS.search(text)]
    assert not [text for text in texts if not text[:1].isupper()]


def test_messages_and_replies_are_short(chats: Any) -> None:
    assert max(len(text.split()) for text in chats.messages()) <= 50
    assert max(len(text.split()) for text in chats.replies()) <= 42


def test_the_next_message_depends_on_the_reply(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    profile, personality = personas["formal"]
    opening = [("User", chats.speak(profile, personality, []))]
    answers = {
        chats.speak(profile, personality, [*opening, ("Assistant", said)], seed=3)
        for said in ("How long have you done that?", "Where was that?", "Trees are green.", "That sounds nice.")
    }
    assert len(answers) >= 3


def test_the_opening_differs_by_seed(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    assert len({chats.speak(*personas["shy"], [], seed=seed) for seed in range(20)}) >= 12


def test_published_personas_speak_in_order(chats: Any, published: dict[str, list[str]]) -> None:
    for at, profile in enumerate(published["profile"][::8]):
        personality = published["personality"][at % len(published["personality"])]
        for turn in chats.converse(profile, personality, seed=at, turns=6):
            for text in (turn.message, turn.informed, turn.generic):
                assert not SLIPS.search(text), text
                assert not ASSISTANT_TALK.search(text), text


def stock(section: str) -> list[str]:
    return [line for lines in load("user.toml")[section].values() for line in lines]


@pytest.mark.parametrize("name", HARD)
def test_no_stock_line_contradicts_a_life(chats: Any, personas: dict[str, tuple[str, str]], name: str) -> None:
    profile, barred = HARD[name]
    for seed, (_, personality) in enumerate(personas.values()):
        for turn in chats.converse(profile, personality, seed=seed):
            found = re.search(barred, turn.message)
            assert not found or found[0] in profile, turn.message


def test_at_most_a_third_of_the_messages_open_with_a_stock_reaction(chats: Any) -> None:
    reactions = tuple(stock("react"))
    opened = [message.startswith(reactions) for message in chats.messages()]
    assert 0.05 < sum(opened) / len(opened) < 0.33


def test_no_tail_comes_twice_in_a_dialogue(chats: Any) -> None:
    closers = [phrase.lstrip(SIGNS) for entry in STYLES.values() for phrase in entry["say_close"]]
    frames = [line for line in stock("reveal") if line.startswith("{X}") and line != "{X}."]
    tails = {part for text in (*closers, *frames) for part in fixed_parts(text)}
    for persona_chats in chats.turns.values():
        for chat in persona_chats:
            ends = [turn.message.lower().rstrip(" .!?") for turn in chat]
            often = Counter(tail for end in ends for tail in tails if end.endswith(tail))
            assert not [tail for tail, times in often.items() if times > 1]


def test_who_is_told_what_they_never_said_does_not_agree(chats: Any) -> None:
    lines = [("User", "I keep bees on the roof."), ("Assistant", "Didn't you say that you have a boat?")]
    said = [chats.speak("He keeps bees on the roof. He is a monk.", "calm", lines, seed=seed) for seed in range(40)]
    assert not [text for text in said if text.startswith(tuple(load("user.toml")["react"]["said"]))]
    assert any(text.startswith(tuple(load("user.toml")["react"]["unsure"])) for text in said)
