"""Who listens picks up the small words of the other; who does not, does not."""

import random

import pytest

from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.parts.voice import SIGNS, reply, say
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
    assert share(replies("Ugh, rain.", "Oh.", "Strictly speaking, it was hail."), "Strictly speaking, plants") > 0.8
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
