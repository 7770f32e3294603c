"""What is read when: copying first, then dialogue. Pure: a round's documents follow from its number and the seed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from i2a.simulator.model.documents import Document, dense_recall, long_recall

HELD_OUT = 10**9  # documents from this number on are only measured on
LATER = 10**6

Writer = Callable[[int, int], Document]
KINDS: dict[str, Writer] = {"copying": dense_recall, "dialogue": long_recall}


class Stage(NamedTuple):
    """`until`: the share of all tokens after which it ends; `round`: documents between two checkpoints; `batch`: tokens
    of a step, padding counted: few while it learns to copy, which takes many steps; `embeddings`: their rate, as a
    share of the matrices'."""

    name: str
    write: Writer
    until: float
    round: int
    batch: int
    embeddings: float


def talk(seed: int, number: int) -> Document:
    """Two dialogues, then one document as before: what was learnt first would fade otherwise."""
    return long_recall(seed, number) if number % 3 else dense_recall(seed, LATER + number)


# Adam's steps are as large as its rate whatever the gradient, so at the matrices' rate the random embeddings, by which
# the copying heads tell tokens apart, would be washed out before anything is learnt.
STAGES = (
    Stage("copying", dense_recall, 0.4, 256, 1536, 0.6),
    Stage("dialogue", talk, 1.0, 96, 4096, 1.0),
)


def stage_at(share: float) -> Stage:
    """The stage at which a training is that has read this share of its tokens."""
    return next((stage for stage in STAGES if share < stage.until), STAGES[-1])


def documents(stage: Stage, seed: int, number: int) -> list[Document]:
    """The documents of round `number`."""
    return [stage.write(seed, number * stage.round + place) for place in range(stage.round)]


def held_out(seed: int, count: int) -> dict[str, Sequence[Document]]:
    """Documents of each kind about people whom the training never meets."""
    return {name: [write(seed, HELD_OUT + place) for place in range(count)] for name, write in KINDS.items()}
