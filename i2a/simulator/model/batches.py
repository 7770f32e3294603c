"""Documents as tokens, tokens as batches, and which words of an answer go with which words of a message.

It knows no curriculum and no model.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch

from i2a.simulator.model.documents import Document

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FIRST = 3
# On a CPU a matrix product in bf16 of a new shape costs as much as ten of a known one: its kernel is made first.
LENGTHS, PLACES = 64, 128  # multiples that rows of tokens, and the places to write at, are filled up to
NOTHING = -100  # what cross-entropy leaves out


@dataclass(frozen=True, slots=True)
class Example:
    """The tokens of a document. `scored` are the places, from 1 on, of those that the model learns to write, and
    `recalled` those spans among them that can be right or wrong."""

    ids: list[int]
    scored: list[int]
    recalled: list[range] = field(default_factory=list)


@dataclass(frozen=True)
class TokenBatch:
    """`ids`: (rows, length), padded on the right. Token `ids[row, at + 1]` is to be written at each (row, at).

    `wanted` holds these tokens, and `NOTHING` at the places that only fill up; `first` says which of them are the first
    few of what is recalled: they decide what the rest is about.
    """

    ids: torch.Tensor
    row: torch.Tensor
    at: torch.Tensor
    wanted: torch.Tensor
    first: torch.Tensor


def encode(tokenizer: "PreTrainedTokenizerBase", documents: Sequence[Document]) -> list[Example]:
    """Part by part, so that what is scored begins where a prompt of the chat template ends."""
    parts = tokenizer([part.text for document in documents for part in document], add_special_tokens=False).input_ids
    examples, spans = [], iter(parts)
    for document in documents:
        ids, scored, recalled = list[int](), list[int](), list[range]()
        for part in document:
            span = next(spans)
            places = range(len(ids), len(ids) + len(span))
            if part.kind != "context":
                scored += places
            if part.kind == "recall":
                recalled.append(places)
            ids += span
        examples.append(Example(ids, scored, recalled))
    return examples


def collate(examples: Sequence[Example], pad: int) -> TokenBatch:
    """Padding comes last, where a causal model cannot see it; so no mask is needed."""
    length = _full(max(len(example.ids) for example in examples), LENGTHS)
    ids = torch.tensor([example.ids + [pad] * (length - len(example.ids)) for example in examples])
    places = [(row, at - 1) for row, example in enumerate(examples) for at in example.scored]
    early = {(row, at - 1) for row, example in enumerate(examples) for span in example.recalled for at in span[:FIRST]}
    filling = _full(len(places), PLACES) - len(places)
    row, at = torch.tensor([*places, *[(0, 0)] * filling]).T
    wanted = ids[row, at + 1]
    wanted[len(places) :] = NOTHING
    first = torch.tensor([*(place in early for place in places), *[False] * filling])
    return TokenBatch(ids, row, at, wanted, first)


def _full(count: int, multiple: int) -> int:
    return count + -count % multiple


def batched(examples: Sequence[Example], tokens: int, pad: int, chance: random.Random) -> Iterator[TokenBatch]:
    """Batches of at most `tokens` tokens, padding counted, each of examples of about one length, in random order."""
    groups: list[list[Example]] = [[]]
    for example in sorted(examples, key=lambda example: len(example.ids)):
        if groups[-1] and _full(len(example.ids), LENGTHS) * (len(groups[-1]) + 1) > tokens:
            groups.append([])
        groups[-1].append(example)
    chance.shuffle(groups)
    for group in groups:
        yield collate(group, pad)


# Associations: latent semantic analysis as in Levy & Goldberg 2014, but between the two sides of an exchange: `fur`
# asks for `gecko`, not for itself.

SHIFT = 0.3  # what a pair must have beyond chance, in nats
RARE = 4.0  # a pair seen so often counts half


class Associations(NamedTuple):
    """Two vectors of each token, (vocabulary, dimensions): as a cue in a message, and in the answer to one.
    Their product is large where the one leads to the other. All zero for a token that says nothing."""

    cue: torch.Tensor
    answer: torch.Tensor


def associations(
    examples: Sequence[Example], *, user: int, assistant: int, vocabulary: int, dimensions: int, seed: int
) -> Associations:
    """Learnt from what is recalled and the messages before it, between the tokens `user` and `assistant`."""
    together, cues, answers, count = Counter[tuple[int, int]](), Counter[int](), Counter[int](), 0
    met = torch.ones(vocabulary)
    for example in examples:
        met += torch.bincount(torch.tensor(example.ids), minlength=vocabulary)
        for span in example.recalled:
            began, ended = (
                max(place for place in range(span.start) if example.ids[place] == tag) for tag in (user, assistant)
            )
            message, answer = set(example.ids[began:ended]), {example.ids[place] for place in span}
            together.update((one, other) for one in message for other in answer)
            cues.update(message)
            answers.update(answer)
            count += 1
    asks, holds = (_counts(counter, vocabulary) for counter in (cues, answers))
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
