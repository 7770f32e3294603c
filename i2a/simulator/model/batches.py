"""Documents as tokens, and tokens as batches. It knows no curriculum and no model."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from i2a.simulator.model.documents import Document

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
class Batch:
    """`ids`: (rows, length), padded on the right. Token `ids[row, at + 1]` is to be written at each (row, at).

    `wanted` holds these tokens, and `NOTHING` at the places that only fill up; `first` says which of them are the first
    few of what is recalled: they decide what the rest is about.
    """

    ids: torch.Tensor
    row: torch.Tensor
    at: torch.Tensor
    wanted: torch.Tensor
    first: torch.Tensor


def encode(tokenizer: Any, documents: Sequence[Document]) -> list[Example]:
    """Part by part, so that what is scored begins where a prompt of the chat template ends."""
    parts = tokenizer([part.text for document in documents for part in document], add_special_tokens=False).input_ids
    examples, spans = [], iter(parts)
    for document in documents:
        ids, scored, recalled = list[int](), list[int](), list[range]()
        for part in document:
            span = next(spans)
            places = range(len(ids), len(ids) + len(span))
            if part.kind != "given":
                scored += places
            if part.kind == "recall":
                recalled.append(places)
            ids += span
        examples.append(Example(ids, scored, recalled))
    return examples


def collate(examples: Sequence[Example], pad: int) -> Batch:
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
    return Batch(ids, row, at, wanted, first)


def _full(count: int, multiple: int) -> int:
    return count + -count % multiple


def batched(examples: Sequence[Example], tokens: int, pad: int, chance: random.Random) -> Iterator[Batch]:
    """Batches of at most `tokens` tokens, padding counted, each of examples of about one length, in random order."""
    groups: list[list[Example]] = [[]]
    for example in sorted(examples, key=lambda example: len(example.ids)):
        if groups[-1] and _full(len(example.ids), LENGTHS) * (len(groups[-1]) + 1) > tokens:
            groups.append([])
        groups[-1].append(example)
    chance.shuffle(groups)
    for group in groups:
        yield collate(group, pad)
