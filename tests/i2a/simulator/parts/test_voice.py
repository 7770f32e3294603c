"""Who listens picks up the small words of the other; who does not, does not."""

import random
import re

import pytest

from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.parts.voice import SIGNS, phrases, reply, say
from i2a.simulator.persona.style import STYLES, shown

CALM, GRUMPY = ("calm",), ("grumpy",)


def replies(*lines: str, styles: tuple[str, ...] = (), mirrors: bool = True) -> list[str]:
    """Two hundred replies to a chat in which the person speaks first."""
    speakers = ("user", "assistant")
    dialogue = Dialogue(tuple((speakers[number % 2], line) for number, line in enumerate(lines)))  # type: ignore[misc]
    return [
        reply(["Plants forgive more than people think."], styles, dialogue, random.Random(seed), mirrors=mirrors)
        for seed in range(200)
    ]


def share(texts: list[str], beginning: str) -> float:
    return sum(text.startswith(beginning) for text in texts) / len(texts)


def test_a_reply_begins_as_the_person_does() -> None:
    said = replies("Ugh, the slugs ate my beans.")

    assert share(said, "Ugh, plants forgive") > 0.8
    assert all("grumpy" in shown(text) for text in said if text.startswith("Ugh"))


def test_what_was_heard_last_counts_most_and_is_not_forgotten() -> None:
    assert share(replies("Ugh, rain.", "Oh.", "Slowly now: it was hail."), "Slowly now: plants") > 0.8
    assert share(replies("Ugh, rain.", "Oh.", "It was hail."), "Ugh, plants") > 0.8


def test_no_two_replies_in_a_row_begin_alike() -> None:
    assert share(replies("Ugh, rain.", "Ugh, fair enough.", "It was hail."), "Ugh") == 0.0


def test_a_word_inside_a_word_is_not_heard() -> None:
    assert share(replies("I drank that chai, haha-less."), "Ha,") == 0.0


def test_who_does_not_mirror_keeps_to_the_style_asked_for() -> None:
    said = replies("Ugh, the slugs ate my beans.", styles=CALM, mirrors=False)

    assert share(said, "Ugh") == 0.0
    assert sum("calm" in shown(text) for text in said) > 100


@pytest.mark.parametrize("style", STYLES)
def test_every_lead_gives_its_style_away_and_no_other(style: str) -> None:
    for lead in STYLES[style]["lead"]:
        assert set(shown(f"{lead.lstrip('+-~')} I saw the sea today and thought of you then.")) == {style}, lead


def test_a_person_has_leads_of_their_own_and_does_not_wear_them_out() -> None:
    leads = [lead.lstrip(SIGNS) for lead in STYLES["grumpy"]["lead"]]
    said = [say(["My beans are gone."], GRUMPY, "", random.Random(seed)) for seed in range(200)]
    again = [say(["My beans are gone."], GRUMPY, " ".join(leads).lower(), random.Random(seed)) for seed in range(200)]

    assert sum(any(lead in text for lead in leads) for text in said) > 80
    assert not any(lead in text for text in again for lead in leads)


@pytest.mark.parametrize(
    ("sentence", "fits"),
    [
        ("I sew nine hundred collars a day.", True),
        ("I think the sea is rising.", True),
        ("My beans are gone.", False),
        ("I drive a night bus. There's more to it than people think.", False),
    ],
)
def test_only_what_is_a_matter_of_number_or_doubt_is_said_strictly_speaking(sentence: str, fits: bool) -> None:
    said = [say([sentence], ("analytical",), "", random.Random(seed)) for seed in range(200)]
    assert any(re.match("Statistically,|Strictly speaking,|To be precise,", text) for text in said) is fits


@pytest.mark.parametrize(
    ("style", "news", "barred"),
    [
        ("grumpy", "I love the sea.", "Ugh,"),
        ("optimistic", "My bike was stolen.", "On the bright side,"),
        ("anxious", "My bike was stolen.", "Nothing to worry about:"),
        ("humorous", "My wife died in March.", "Ha"),
        ("modest", "My wife died in March.", "Nothing special:"),
    ],
)
def test_a_marker_fits_the_news(style: str, news: str, barred: str) -> None:
    assert not [text for seed in range(200) if barred in (text := say([news], (style,), "", random.Random(seed)))]


@pytest.mark.parametrize("style", STYLES)
def test_a_phrase_is_not_said_again_in_full_forms(style: str) -> None:
    for phrase in (one.lstrip(SIGNS) for one in STYLES[style]["say_close"]):
        used = say([phrase], ("formal",), "", random.Random(0)).lower()
        assert phrase not in phrases(style, "say_close", "plain", used)
