"""How much a model recalls of what was said, on documents about people it never met."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from i2a.simulator.model.batches import Example, collate
from i2a.simulator.model.writing import predicted

BATCH = 16


class Recall(NamedTuple):
    """Shares in 0..1: of what was to be recalled wholly right, and of its tokens."""

    whole: float
    tokens: float


def recall(model: Any, examples: Sequence[Example], pad: int) -> Recall:
    """Shown the dialogue and the start of the answer, would the likeliest token have been right at each place?

    Where all of them are, greedy decoding gives that very answer.
    """
    asked = [Example(one.ids, [at for span in one.recalled for at in span], one.recalled) for one in examples]
    asked = [example for example in asked if example.scored]
    right = wholly = tokens = answers = 0
    for start in range(0, len(asked), BATCH):
        some = asked[start : start + BATCH]
        batch = collate(some, pad)
        with torch.no_grad():
            good = iter((predicted(model, batch).argmax(-1) == batch.wanted).tolist())
        for span in (span for example in some for span in example.recalled):
            hits = [next(good) for _ in span]
            right, tokens = right + sum(hits), tokens + len(hits)
            wholly, answers = wholly + all(hits), answers + 1
    return Recall(wholly / answers, right / tokens)
