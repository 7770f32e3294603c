"""Rows of tokens -> the trees of their conversations, packed when a batch asks for them: only the index is in memory.

The rows are those of `training.data`: a column `tree`, whose rows stand together, and the columns that TRL's trainers
take. Knows no model.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING, Self

from torch.utils.data import Dataset

from i2a.jsonl import JsonMapping
from training.packing.tree import Feature, Row, pack_rows, split_groups

if TYPE_CHECKING:
    import datasets

Group = tuple[Row, ...]


class PackedRows(Dataset[Feature]):
    """The features of a `PackedTrainer`, one for each conversation, or several for one of over `max_tokens`.

    `rows` is a `datasets.Dataset` of rows for DPO or for SFT. A row that belongs to no tree ("") is a tree of its own.
    """

    def __init__(self, rows: "datasets.Dataset", *, max_tokens: int | None = None) -> None:
        self._rows = rows
        self._added: dict[str, Sequence[object]] = {}
        self._parts = list(_parts(rows, max_tokens))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, at: int) -> Feature:
        tree = pack_rows(list(chain.from_iterable(_groups(self._rows[self._parts[at]]))))
        return tree.feature() | {name: values[at] for name, values in self._added.items()}

    def add_column(self, name: str, values: Sequence[object]) -> Self:
        """The same with one more value in each feature."""
        other = type(self).__new__(type(self))
        other._rows, other._parts, other._added = self._rows, self._parts, self._added | {name: values}
        return other

    def per_step(self, rows: int) -> int:
        """How many trees have this many rows on average, so that an epoch has as many steps as one of rows."""
        return max(1, round(rows * len(self) / len(self._rows)))


def _parts(rows: "datasets.Dataset", max_tokens: int | None) -> Iterator[list[int]]:
    """The rows of each feature."""
    at = 0
    for tree, names in groupby(rows["tree"]):
        size = sum(1 for _ in names)
        indices = list(range(at, at + size))
        at += size
        if not tree:
            yield from ([index] for index in indices)
        elif max_tokens is None:
            yield indices
        else:
            parts = split_groups(_groups(rows[indices]), max_tokens)
            yield from ([indices[member] for member in part] for part in parts)


def _groups(columns: JsonMapping) -> list[Group]:
    """(chosen, rejected) of each row for DPO; (reply,) for SFT."""
    if "labels" in columns:
        return [((ids, _start(labels)),) for ids, labels in zip(columns["input_ids"], columns["labels"], strict=True)]
    pairs = zip(columns["prompt_ids"], columns["chosen_ids"], columns["rejected_ids"], strict=True)
    return [((prompt + chosen, len(prompt)), (prompt + rejected, len(prompt))) for prompt, chosen, rejected in pairs]


def _start(labels: Sequence[int]) -> int:
    return next(at for at, label in enumerate(labels) if label != -100)
