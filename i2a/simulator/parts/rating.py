"""The rating of one reply: an integer of 1 to 5, or whether it passes the strict protocol; the reason comes first.

The marks are the judge's own; here they only become a grade. Knows no candidate and no turn.
"""

import json

from i2a.simulator.language.text import rng
from i2a.simulator.parts.judge import Person, Score, merits, score
from i2a.simulator.parts.prompt_parser import Dialogue

_PASS = 4  # the least grade that the strict protocol lets through
_WAVERING = 0.1  # standard deviation: near the line between two grades chance decides, as it does with people


def rate(reply: str, dialogue: Dialogue, person: Person, *, seed: int) -> str:
    """The JSON answer of the graded protocol: the reason, then the grade."""
    marks = score(reply, dialogue, person)
    return _answer(marks, "score", grade(marks, reply, seed=seed))


def passes(reply: str, dialogue: Dialogue, person: Person, *, seed: int) -> str:
    """The JSON answer of the strict protocol: a good reply passes if it suits both this person's manner and life."""
    marks = score(reply, dialogue, person)
    both = bool(marks.style_shown and marks.recalls)
    return _answer(marks, "passes", both and grade(marks, reply, seed=seed) >= _PASS)


def grade(marks: Score, reply: str, *, seed: int) -> int:
    """The total as a whole number of 1 to 5."""
    wavered = marks.total + rng("rating", seed, reply).gauss(0.0, _WAVERING)
    return min(5, max(1, round(wavered)))


def _answer(marks: Score, key: str, value: int | bool) -> str:
    return json.dumps({"reason": f"The reply {merits(marks)}.", key: value}, ensure_ascii=False)
