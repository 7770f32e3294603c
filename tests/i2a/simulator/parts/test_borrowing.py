"""A word that is used as the person never used it gives away that nobody has read it."""

import pytest

from i2a.simulator.parts.borrowing import misused

SAID = (
    "I make tamales on Saturdays. It clears my head.",
    "I dive for old bottles in a flooded quarry.",
    "My friend moved to Norway, and the kitchen looks like a battlefield.",
)


@pytest.mark.parametrize(
    "reply",
    [
        "Does the make sit between your tamales and the rain?",
        "Isn't your tamales the reason?",
        "Is it to do with how you tamales the kitchen?",
        "Isn't that the flooded of every day?",
        "Would that make it a norway?",
        "Would you put the know down to it?",
        "I can't help seeing the rained under it.",
        "What would your looks say?",
        "Do you you make make tamales?",
        "You making tamales on Saturdays.",
        "You makes tamales on Saturdays.",
        "And you does that on Saturdays?",
        "Did you went to the quarry?",
        "Does the quarry make your quarry a quarry?",
    ],
)
def test_a_word_in_the_wrong_place_counts(reply: str) -> None:
    assert misused(reply, SAID) >= 1


@pytest.mark.parametrize(
    "reply",
    [
        "Do you still make your tamales on Saturdays?",
        "What do you find in the quarry? Old bottles, I hope.",
        "One of your friends has moved to Norway?",
        "That keeps your legs busy. How did that come about?",
        "A comfortable home is important. It takes some work, though.",
        "The kitchen looks fine to me.",
        "I knew that that would happen, and it had had to.",
        "The thought of you making tamales makes me hungry.",
        "It's really, really good that you go there.",
        "I was there, and so were you.",
        "It was a lovely, warm afternoon and a quick and easy meal.",
        "Is it the oldest? Old bottles are the best, I hope.",
    ],
)
def test_plain_sentences_have_none(reply: str) -> None:
    assert misused(reply, SAID) == 0
