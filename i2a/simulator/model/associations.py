"""Which words of an answer go with which words of a message: latent semantic analysis across the two.

As in Levy & Goldberg 2014, but between the two sides of an exchange: `fur` asks for `gecko`, not for itself.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch

from i2a.simulator.model.batches import Example

SHIFT = 0.3  # what a pair must have beyond chance, in nats
RARE = 4.0  # a pair seen so often counts half


class Associations(NamedTuple):
    """Two vectors of each token, (vocabulary, dimensions): what it asks for in a message, what it holds in an answer.
    Their product is large where the one leads to the other. All zero for a token that says nothing."""

    ask: torch.Tensor
    held: torch.Tensor


def associations(
    examples: Sequence[Example], *, user: int, assistant: int, vocabulary: int, dimensions: int, seed: int
) -> Associations:
    """Learnt from what is recalled and the messages before it, between the tokens `user` and `assistant`."""
    together, asked, held, count = Counter[tuple[int, int]](), Counter[int](), Counter[int](), 0
    met = torch.ones(vocabulary)
    for example in examples:
        met += torch.bincount(torch.tensor(example.ids), minlength=vocabulary)
        for span in example.recalled:
            began, ended = (
                max(place for place in range(span.start) if example.ids[place] == tag) for tag in (user, assistant)
            )
            message, answer = set(example.ids[began:ended]), {example.ids[place] for place in span}
            together.update((one, other) for one in message for other in answer)
            asked.update(message)
            held.update(answer)
            count += 1
    asks, holds = (_counts(counter, vocabulary) for counter in (asked, held))
    pairs = torch.tensor(list(together)).T
    seen = torch.tensor(list(together.values()), dtype=torch.float32)
    chance = asks[pairs[0]] * holds[pairs[1]] / count
    beyond = ((seen / chance).log() - SHIFT).clamp(min=0.0) * seen / (seen + RARE)
    matrix = torch.sparse_coo_tensor(pairs, beyond, (vocabulary, vocabulary), check_invariants=True)
    torch.manual_seed(seed)
    left, strength, right = torch.svd_lowrank(matrix, q=dimensions + 16, niter=4)
    root = strength[:dimensions].sqrt()
    # A word of the grammar is met everywhere and recalled now and then; it must not be what is found.
    worth = (4.0 * holds / met).clamp(max=1.0)[:, None]
    tells = (0.04 / (asks / count).clamp(min=1e-6)).clamp(max=1.0)[:, None]
    return Associations(left[:, :dimensions] * root * tells, right[:, :dimensions] * root * worth)


def _counts(counter: Counter[int], vocabulary: int) -> torch.Tensor:
    counts = torch.zeros(vocabulary)
    counts[list(counter)] = torch.tensor([float(number) for number in counter.values()])
    return counts
