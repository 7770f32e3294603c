"""Which of some replies a partner would send: the one that is most like what it says itself."""

import json
import re
from collections import Counter
from collections.abc import Callable

from i2a.simulator.language.text import words
from i2a.simulator.parts.prompt_parser import Dialogue, PromptTask

DRAFTS = 8  # replies of its own that the others are held against
_REPLY = re.compile(r"reply_([a-z])")

Partner = Callable[[Dialogue, str, int], str]  # to a dialogue, with what it knows of the person, by a seed


def pick(task: PromptTask, partner: Partner, *, seed: int) -> str:
    """The JSON answer: the letter of the reply that shares most words with the partner's own, on the average.

    Between equals the seed decides.
    """
    own = [words(partner(task.dialogue, task.system.get("known", ""), seed + draft)) for draft in range(DRAFTS)]
    replies = {found[1]: words(text) for tag, text in task.request.items() if (found := _REPLY.fullmatch(tag))}
    likeness = {letter: sum(_alike(reply, draft) for draft in own) for letter, reply in replies.items()}
    best = [letter for letter, value in likeness.items() if value == max(likeness.values())]
    return json.dumps({"letter": best[seed % len(best)].upper()})


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """The share of words in common, counted as often as they stand in both (Dice)."""
    common = (Counter(one) & Counter(other)).total()
    return 2 * common / (len(one) + len(other)) if one or other else 0.0
