"""Insults, ill will and jokes about bad news are seen; ordinary talk, grumbling included, is not taken for them."""

import pytest

from i2a.simulator.language.text import load
from i2a.simulator.parts.unkind import insults, is_flippant, is_grave, wishes_ill

INSULTS = (
    "Shut up, will you?", "What a stupid thing to say.", "You are an idiot, frankly.", "Nobody likes you.",
    "You're so boring.", "You are a complete fool.", "Nobody asked you.", "You idiot.", "Get a life.",
    "I don't care about your garden.", "You always were a bit dim.", "You're not worth my time.", "You disgust me.",
    "Honestly, what a dull person you are.", "Go bother someone else.", "Your life is a joke.", "Get out of my sight.",
)  # fmt: skip
ILL_WILL = (
    "I hope it all goes wrong for you.", "You deserve every bit of it.", "I hope you choke on it.", "Serves you right.",
    "I hope your cat runs away and dies.", "I hope your knees never heal.", "I wish you nothing but trouble.",
    "I hope it rains on your wedding day.", "You'll regret it.", "May your week be miserable.", "Hope it hurts.",
    "May all your plans collapse.", "I hope your luck runs out.", "I wish you nothing good.", "We hope you come last.",
    "I'd be glad if your cake burnt.", "I'd love to see you suffer.", "I pray that you end up alone.",
    "Your son is a lifeguard, and may he drown.",
)  # fmt: skip
HARMLESS = (
    "That stupid bus again, I suppose.", "You must be tired.", "I'm not lazy, I'm resting.",
    "Nobody asked for that plot twist.",
    "You deserve a break.", "I hope you feel better soon.", "I hope it doesn't rain.", "Don't be so hard on yourself.",
    "What a nuisance.", "You are not boring at all.", "It's a silly little thing.",
    "I hope nothing goes wrong at the exam.",
    "I hope your knees don't hurt too much today.", "I hope you never lose that sense of humour.",
    "I hope it doesn't all go wrong again.", "I hope you feel better after being sick last week.",
    "I hope your mother isn't ill again.", "I hope you don't regret it.", "What a boring meeting that must have been.",
    "How ridiculous of them to cut your sick pay.", "I hope the fall colours are worth it.",
    "You deserve every bit of that praise.", "Who would want to miss that?",
    "I don't care what they say, you did well.",
    "I couldn't care less about football, but your team sounds fun.", "You'll regret it if you don't go.",
    "Your boss sounds like an idiot, sorry.", "I hope they leave you alone now.",
    "Who cares what the neighbours think?",
    "It's a waste of time to argue with them.", "Grow up with seven brothers and you learn to eat fast.",
    "You can be quiet here, no need to talk.", "What's wrong with your knee?", "Do you ever get lost in the woods?",
    "Did you go away for the weekend?", "May I ask how your back is?", "He is a bastard to leave you with that.",
)  # fmt: skip


@pytest.mark.parametrize("text", INSULTS)
def test_an_insult_is_seen(text: str) -> None:
    assert insults(text)


@pytest.mark.parametrize("text", ILL_WILL)
def test_ill_will_is_seen(text: str) -> None:
    assert wishes_ill(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_talk_is_neither(text: str) -> None:
    assert not insults(text)
    assert not wishes_ill(text)


def test_no_line_of_a_responder_hurts() -> None:
    lines = [line for entry in load("responder.toml").values() for part in entry.values() for line in part]
    assert not [line for line in lines if insults(line) or wishes_ill(line)]


def test_jokes_and_grave_news_are_told_from_others() -> None:
    assert is_flippant("Plot twist: never a dull moment at home.")
    assert is_flippant("Haha, go on.")
    assert not is_flippant("I'm sorry to hear that.")
    assert is_grave("One of our two sons is in Perth and the other in prison.")
    assert not is_grave("The bus was late again.")
