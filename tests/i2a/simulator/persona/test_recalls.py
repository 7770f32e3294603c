"""What a reply says of a person is read as a proposition: its words, their order, whose it is, and whether it holds."""

import pytest

from i2a.simulator.persona.facts import facts
from i2a.simulator.persona.recalls import Recall, recalls

FACTS = facts(
    "She crosses the lagoon by ferry at five in the morning. Her wife keeps the books and does not eat meat. "
    "She plays the cello in a small orchestra. She never eats breakfast. She has two cats named Pixel and Scribble. "
    "She makes tamales on Saturdays. She is a librarian."
)


def recalled(reply: str, word: str) -> Recall:
    """The recall of the fact that has this word."""
    return next(one for one in recalls(FACTS, reply) if word in one.fact.text)


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        ("Does it remind you of the lagoon by ferry?", "lagoon"),
        ("How does that go for you with how you make tamales on Saturdays?", "tamales"),
        ("I can't help thinking of how your wife keeps the books, you know.", "wife"),
        ("Do you still play the cello in a small orchestra?", "cello"),
        ("You know I haven't forgotten about how you play the cello.", "cello"),
        ("Didn't you once mention how you never eat breakfast?", "breakfast"),
        ("I take it you're still a librarian?", "librarian"),
    ],
)
def test_a_clause_that_says_it_as_it_is_is_sound(reply: str, word: str) -> None:
    found = recalled(reply, word)
    assert (found.soundness, found.fault, found.to_you) == (1.0, "", True)


@pytest.mark.parametrize("reply", ["I'd blame Pixel before Scribble.", "Did Pixel look guilty when you came home?"])
def test_whoever_is_called_by_name_is_recalled(reply: str) -> None:
    found = recalled(reply, "Pixel")
    assert found.soundness >= 0.8
    assert not found.fault


@pytest.mark.parametrize(
    ("reply", "word", "fault"),
    [
        ("I remember how you never play the cello in a small orchestra.", "cello", "denies"),
        ("You don't make tamales on Saturdays, do you?", "tamales", "denies"),
        ("So your wife never keeps the books?", "wife", "denies"),
        ("You hardly play the cello in a small orchestra.", "cello", "denies"),
        ("So you no longer play the cello?", "cello", "denies"),
        ("I heard you gave up making tamales on Saturdays.", "tamales", "denies"),
        ("It's not that you make tamales on Saturdays.", "tamales", "denies"),
        ("You used to make tamales on Saturdays.", "tamales", "denies"),
        ("You never told me that you make tamales on Saturdays.", "tamales", "denies"),
        ("How are your five cats, Pixel and Scribble?", "Pixel", "alters"),
        ("How does it go with how you eat breakfast?", "breakfast", "denies"),
        ("You made me think of how I make tamales on Saturdays.", "tamales", "reverses"),
        ("Would you say my wife keeps the books?", "wife", "reverses"),
        ("You play the trumpet in a small orchestra, I recall.", "cello", "alters"),
        ("Is it to do with how your wife keeps the books and makes tamales?", "wife", "splices"),
    ],
)
def test_what_is_wrong_is_told(reply: str, word: str, fault: str) -> None:
    assert recalled(reply, word).fault == fault


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        ("Who knew about the rain when your tamales Saturdays came along?", "tamales"),
        ("You did say the lagoon was for the ferry, so where is the rain?", "lagoon"),
        ("Is the rain to do with how you cello the orchestra?", "cello"),
        ("How much rain is there in your librarian?", "librarian"),
    ],
)
def test_borrowed_words_without_their_clause_are_hardly_a_recall(reply: str, word: str) -> None:
    assert all(one.soundness <= 0.3 for one in recalls(FACTS, reply) if word in one.fact.text)


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        ("The orchestra called, and you still had your cello in the car?", "cello"),
        ("Do you make a big pot of tamales every Saturday?", "tamales"),
    ],
)
def test_two_of_its_words_in_a_plain_sentence_are_a_recall(reply: str, word: str) -> None:
    found = recalled(reply, word)
    assert found.soundness >= 0.3
    assert not found.fault


def test_other_words_for_it_are_worth_something() -> None:
    assert 0.3 < recalled("Are those your Saturday tamales?", "tamales").soundness < 1
    assert 0.3 < recalled("I'd love to hear the cello you play.", "cello").soundness <= 1
