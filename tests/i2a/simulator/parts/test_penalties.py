"""A reply that is cut off or long is told from word salad; an insult in front costs whoever it answers."""

from i2a.simulator.parts.penalties import PENALTIES, breaks_off, has_odd_length, is_word_salad
from i2a.simulator.parts.prompt_parser import Dialogue

DIALOGUE = Dialogue((("user", "Somebody left fur all over my good jumper again."),))
LONG = (
    "Oh dear, it sounds as if somebody has claimed your jumper as a bed. A damp rubber glove works "
    "wonders on fur, and it might be worth giving them an old blanket of their own, so that they leave "
    "your good clothes alone. I have seen cats change their minds overnight once the blanket was warm "
    "enough. If it goes on, a closed wardrobe is the only thing that helps, at least until they learn how "
    "to open it."
)


def product(reply: str) -> float:
    value = 1.0
    for _, penalty in PENALTIES:
        value *= penalty(reply, DIALOGUE)
    return value


def test_a_reply_that_breaks_off_is_no_salad() -> None:
    for end in range(60, len(LONG), 37):
        cut = LONG[:end].rsplit(" ", 1)[0].rstrip(".,")
        assert is_word_salad(cut, DIALOGUE) >= 0.6, cut
        assert 0.5 <= product(cut) < 1
    assert breaks_off("I think I know who did it. My bet is on the", DIALOGUE) < 1
    assert breaks_off("I think I know who did it. \N{GRINNING FACE}", DIALOGUE) == 1


def test_an_ordinary_length_costs_little() -> None:
    assert 60 <= len(LONG.split()) <= 120
    assert has_odd_length(LONG, DIALOGUE) >= 0.85
    assert has_odd_length(LONG + " " + LONG.replace("fur", "hair"), DIALOGUE) >= 0.6
    assert has_odd_length(LONG * 8, DIALOGUE) <= 0.1


def test_salad_stays_salad() -> None:
    assert is_word_salad("fur cats jumper garden vegetable animals pets paw vet hug bright side", DIALOGUE) <= 0.2


def test_insults_ill_will_and_jokes_cost_whoever_the_person_is() -> None:
    good = "A damp glove works wonders on fur, I hear."
    assert product(good) == 1
    assert product(f"Shut up, will you? {good}") <= 0.1
    assert product(f"I hope it all goes wrong for you. {good}") <= 0.1
    sad = Dialogue((("user", "My brother died in May."),))
    value = 1.0
    for _, penalty in PENALTIES:
        value *= penalty("Haha, never a dull moment with brothers.", sad)
    assert value <= 0.4
