"""What is left of a dialogue where a model's context has no room for all of it: its last turns."""

from collections.abc import Sequence
from itertools import accumulate

from i2a.errors import ContextOverflow
from i2a.trees.tree import Utterance

ANSWER = 512  # tokens that are kept free for the answer, but not more than a quarter of the context
STEP = 3  # where the sizes are unknown, a third of the turns is left out


def openings(dialogue: Sequence[Utterance]) -> list[int]:
    """Where the turns begin: a turn is what the first speaker says, and all up to their next message."""
    return [place for place, said in enumerate(dialogue) if said.speaker == dialogue[0].speaker]


def too_long(overflow: ContextOverflow, dialogue: Sequence[Utterance], characters: int) -> int:
    """How many of the oldest turns to leave out, so that a request of so many characters fits; 0 if it cannot fit.

    The last turn always stays.
    """
    starts = openings(dialogue)
    if len(starts) < 2:
        return 0
    if not (overflow.context and overflow.needed and overflow.needed > 0):
        return max(1, (len(starts) - 1) // STEP)
    room = overflow.context - min(ANSWER, overflow.context // 4)
    excess = (overflow.needed - room) / overflow.needed * characters
    sizes = [
        sum(len(said.content) for said in dialogue[start:end])
        for start, end in zip(starts, [*starts[1:], len(dialogue)], strict=True)
    ]
    enough = (turns for turns, size in enumerate(accumulate(sizes), 1) if size >= excess)
    return min(next(enough, len(starts)), len(starts) - 1)
