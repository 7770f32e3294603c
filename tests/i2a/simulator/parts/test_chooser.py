"""The engine chooses the reply that is most like its own."""

import json

import pytest

from i2a.models.model import Message
from i2a.simulator.engine import answer, named

REQUEST = """<dialogue>
User: I keep bees on the roof, and I love it.
Assistant: How nice.
User: It is cold at home tonight.
</dialogue>

<reply_a>
{}
</reply_a>

<reply_b>
{}
</reply_b>

<reply_c>
{}
</reply_c>"""
SCHEMA = {"type": "object", "properties": {"letter": {"enum": ["A", "B", "C"]}}}


def letter(name: str, replies: tuple[str, str, str], system: str = "Which?") -> str:
    messages = [Message("system", system), Message("user", REQUEST.format(*replies))]
    return str(json.loads(named(name)(messages, seed=1, schema=SCHEMA))["letter"])


@pytest.mark.parametrize("place", range(3))
def test_a_control_chooses_what_it_would_say_wherever_it_stands(place: int) -> None:
    replies = ["I went to Peru once.", "Trains are late on Mondays."]
    replies.insert(place, "It is cold at home tonight.")
    assert letter("parrot", tuple(replies)) == "ABC"[place]  # type: ignore[arg-type]


def test_the_engine_takes_what_it_knows_of_the_person_into_account() -> None:
    known = "<known>\nProfile:\n- keeps bees on the roof\n</known>"
    bland = "Home life can be busy. I hope it's a nice kind of busy."
    replies = (bland, "You know, I keep thinking about the bees on the roof.", "Trains are late.")
    messages = [Message("system", known), Message("user", REQUEST.format(*replies))]
    picked = {json.loads(answer(messages, seed=seed, schema=SCHEMA))["letter"] for seed in range(5)}
    assert picked == {"B"}
    assert letter("generic", replies) == "A"


def test_between_equals_the_seed_decides() -> None:
    messages = [Message("user", REQUEST.format("Same.", "Same.", "Same."))]
    picked = {json.loads(answer(messages, seed=seed, schema=SCHEMA))["letter"] for seed in range(6)}
    assert picked == {"A", "B", "C"}
