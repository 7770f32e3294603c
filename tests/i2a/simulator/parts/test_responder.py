"""Bad news is met without jests or cheer, whatever the manner, by who knows the person and by who does not."""

import re
from typing import Literal

import pytest

from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.parts.responder import generic, informed
from i2a.simulator.persona.fact_kinds import is_grave, tone
from i2a.simulator.persona.style import STYLES

GRAVE = [
    "One of our two sons is in Perth and the other in prison.",
    "My husband died in March.",
    "I lost my job last week.",
    "I'm divorced for the second time.",
    "I stay in a hostel for homeless men in Manchester.",
    "My wife Rosine has dementia and lives in a nursing home.",
    "I was diagnosed with cancer in June.",
    "My engagement was broken off.",
    "I have had multiple sclerosis for six years.",
    "We were evicted on Friday.",
    "The doctors say it's terminal.",
    "My dog was run over this morning.",
]
BAD = [
    "My mother fell in the bath last week.",
    "My knees hurt in the rainy season.",
    "My brother has begun to forget to turn off the stove.",
    "The overtime of two months has not been paid.",
]
FLIPPANT = re.compile(
    r"\b(?:ha|haha|plot twist|sitcom|oh joy|riveting|breaking news|glamorous|drama|classic|brilliant|yay|woohoo|wow"
    r"|amazing|love it|go for it|dull moment|good news|bright side|silver lining|champion|challenge|alert the press"
    r"|living the dream|magic|possibly go wrong|sensible|fun|great|joy|that's nice|interesting|poem|normal day"
    r"|hundred questions|a stranger)\b",
    re.I,
)


def chat(news: str) -> Dialogue:
    said: list[tuple[Literal["user", "assistant"], str]] = [
        ("user", "Ha, I collect stamps."),
        ("assistant", "I see."),
        ("user", "Oh joy, I play the tuba in a brass band."),
        ("assistant", "I see."),
        ("user", news),
    ]
    return Dialogue(tuple(said))


@pytest.mark.parametrize("news", GRAVE)
def test_grave_news_is_met_without_jests_and_without_cheer(news: str) -> None:
    for seed, style in enumerate(STYLES):
        manner = STYLES[style]["traits"][0]
        known = f"Profile:\n- collects stamps\n- plays the tuba in a brass band\nPersonality:\n- {manner}"
        for told in (known, known.replace("- collects", f"- {news.rstrip('.')}\n- collects")):
            assert not FLIPPANT.search(text := informed(told, chat(news), seed=seed)), text
        assert not FLIPPANT.search(text := generic(chat(news), seed=seed)), text
        assert "sorry" in text


@pytest.mark.parametrize("news", BAD)
def test_bad_news_is_no_matter_for_jests_either(news: str) -> None:
    for seed in range(20):
        known = "Profile:\n- collects stamps\nPersonality:\n- sarcastic\n- funny"
        for text in (informed(known, chat(news), seed=seed), generic(chat(news), seed=seed)):
            assert not re.search(r"\b(?:ha|haha|plot twist|oh joy|riveting|that's nice|interesting)\b", text, re.I), (
                text
            )


def test_a_joker_still_jests_at_good_news() -> None:
    known = "Profile:\n- collects stamps\nPersonality:\n- funny"
    said = [informed(known, chat("I won the cup, and I love it."), seed=seed) for seed in range(40)]
    assert sum(bool(FLIPPANT.search(text)) for text in said) > 10


@pytest.mark.parametrize(
    "text",
    [
        "I'm a nurse on a cancer ward.",
        "I volunteer at a homeless shelter.",
        "I play in a death metal band.",
        "We lost the match.",
        "My prison novel is done.",
        "I'm on a suicide hotline on Mondays.",
    ],
)
def test_work_with_grave_things_and_small_losses_are_not_grave(text: str) -> None:
    assert not is_grave(text)


@pytest.mark.parametrize("text", GRAVE)
def test_grave_news_is_known_as_such(text: str) -> None:
    assert tone(text) == "grave"
