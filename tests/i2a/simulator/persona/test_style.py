"""A personality shows in how somebody writes, and can be read from it."""

from typing import Any

import pytest

from i2a.simulator.language.text import rng
from i2a.simulator.parts import writer
from i2a.simulator.persona.style import STYLES, shown, styles, traits


@pytest.mark.parametrize(
    ("personality", "style"),
    [
        ("She is very shy.", "shy"), ("blunt", "blunt"), ("He has a dry wit and is sarcastic.", "sarcastic"),
        ("- anxious", "anxious"), ("meticulous, always precise", "analytical"), ("He is a pessimist.", "grumpy"),
        ("compassionate and kind", "warm"), ("I am formal.", "formal"), ("bubbly", "energetic"), ("easy-going", "calm"),
    ],
)  # fmt: skip
def test_a_trait_asks_for_its_style(personality: str, style: str) -> None:
    assert styles(personality)[0] == style


@pytest.mark.parametrize(
    "personality", ["not very patient", "She is rarely warm.", "He is never sarcastic.", "far from shy"]
)
def test_a_denied_trait_does_not_count(personality: str) -> None:
    assert not {"calm", "warm", "sarcastic", "shy"} & {name for trait in traits(personality) for name in trait.shown_by}


def test_an_unknown_personality_still_has_a_style_always_the_same() -> None:
    assert styles("collects moods like stamps") == styles("collects moods like stamps") != ()
    assert styles("") == ()


def test_every_style_shows_in_its_own_markers() -> None:
    for name, entry in STYLES.items():
        for key in ("say_open", "say_close", "reply_open", "reply_close"):
            for phrase in entry[key]:
                if len(phrase.split()) > 1:
                    assert name in shown(f"{phrase} I saw the sea today and thought of you then."), phrase


def test_personalities_write_differently(chats: Any) -> None:
    def text(name: str) -> list[str]:
        return [turn.message for chat in chats.turns[name] for turn in chat]

    def length(name: str) -> float:
        return sum(len(message.split()) for message in text(name)) / len(text(name))

    def share(name: str, mark: str) -> float:
        return sum(mark in message for message in text(name)) / len(text(name))

    assert length("bubbly") > length("blunt")
    assert share("bubbly", "!") > 0.6 > 0.05 > share("blunt", "!")
    assert share("shy", "..") > 0.2 > share("formal", "..")
    assert share("formal", "I'm") == 0.0


def test_a_style_can_be_told_from_the_messages(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    for name, wanted in (("blunt", "blunt"), ("shy", "shy"), ("sarcastic", "sarcastic"), ("bubbly", "energetic")):
        seen = [style for chat in chats.turns[name] for turn in chat for style in shown(turn.message)]
        assert seen.count(wanted) >= 0.2 * len(chats.turns[name]) * 10, name


def test_every_published_personality_is_understood(published: dict[str, list[str]]) -> None:
    for personality in published["personality"]:
        assert len(styles(personality)) >= 3, personality
        assert sum(bool(trait.shown_by or trait.leans) for trait in traits(personality)) >= 2, personality


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("He presses the lift button nine times.", "grumpy"),
        ("They say sorry to lampposts, and one bowl is enough.", "shy"),
        ("Contractions never pass her lips.", "formal"),
        ("She interrupts a ghost story to question the moon phase.", "analytical"),
    ],
)
def test_conduct_shows_a_trait_that_no_word_names(text: str, style: str) -> None:
    assert traits(text)[0].shown_by == (style,)


def test_a_sentence_that_shares_a_few_words_with_an_example_shows_nothing() -> None:
    assert not any(trait.shown_by for trait in traits("He takes the lift to the third floor. She owns one bowl."))


@pytest.mark.parametrize("text", ["Loud jokes make her leave.", "Earnest advice bores them.", "She is humourless."])
def test_what_moves_or_lacks_in_somebody_is_not_theirs(text: str) -> None:
    shown_by = {name for trait in traits(text) for name in trait.shown_by}
    assert not shown_by & {"energetic", "humorous", "warm"}


def test_personalities_of_the_offline_writer_are_understood() -> None:
    for seed in range(60):
        written = writer.personality(rng("test", seed)).text
        assert len(styles(written)) >= 3, written
        assert sum(bool(trait.shown_by) for trait in traits(written)) >= 2, written
