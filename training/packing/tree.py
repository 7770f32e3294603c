"""Rows of token ids -> one sequence in which every shared prefix stands once: a trie in depth-first order.

Every row is a root-to-node path by construction, so no chat template and no tokenizer can make the packing wrong; one
that renders the past differently each turn merely shares less. Knows neither text nor models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain, pairwise
from typing import Any

Feature = dict[str, Any]  # a tree as the dataset of a trainer holds it: its fields by name, and columns added to them
Row = tuple[Sequence[int], int]  # token ids, and where the loss starts (>= 1): `Tokens` of a chat template is one


@dataclass(frozen=True)
class PackedTree:
    """Nodes in depth-first order, n of them; node k is visible to node q if and only if k <= q < ends[k].

    Flat lists of numbers only, so that `feature()` goes through a `datasets.Dataset` as it is.
    """

    ids: list[int]  # (n) token of each node
    parents: list[int]  # (n) the node that predicts it; -1 for a first token
    depths: list[int]  # (n) its position in every row that runs through it
    ends: list[int]  # (n) one past its last descendant
    scored: list[int]  # the nodes that carry loss, row after row; a row's last one is where the row ends
    lengths: list[int]  # (rows) how many of `scored` belong to each row
    rows_tokens: int  # tokens of the rows, had they not been packed

    @property
    def tokens(self) -> int:
        return len(self.ids)

    def feature(self) -> Feature:
        """What a trainer's dataset holds of it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_feature(cls, feature: Feature) -> "PackedTree":
        return cls(**{field.name: feature[field.name] for field in fields(cls)})

    def rows(self) -> list[Row]:
        """The rows again, in the order in which they were given."""
        unpacked: list[Row] = []
        at = 0
        for length in self.lengths:
            at += length
            path = []
            node = self.scored[at - 1]
            while node >= 0:
                path.append(self.ids[node])
                node = self.parents[node]
            unpacked.append((path[::-1], len(path) - length))
        return unpacked


def pack_rows(rows: Sequence[Row]) -> PackedTree:
    """The rows as a tree. ValueError for a row whose loss starts at its first token or past its last."""
    ids: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    ends: list[int] = []
    scored: list[list[int]] = [[] for _ in rows]
    path: list[int] = []  # the nodes of the row before
    before: Sequence[int] = ()
    # Sorted rows are in depth-first order: each shares with its predecessor the most it shares with any before it.
    for number in sorted(range(len(rows)), key=lambda number: list(rows[number][0])):
        row, start = rows[number]
        if not 1 <= start < len(row):
            raise ValueError(f"row {number}: the loss starts at token {start} of {len(row)}")
        shared = _common_prefix(before, row)
        for node in path[shared:]:
            ends[node] = len(ids)
        del path[shared:]
        for depth in range(shared, len(row)):
            parents.append(path[-1] if path else -1)
            path.append(len(ids))
            ids.append(row[depth])
            depths.append(depth)
            ends.append(-1)
        scored[number] = path[start:]
        before = row
    for node in path:
        ends[node] = len(ids)
    lengths = [len(nodes) for nodes in scored]
    tokens = sum(len(row) for row, _ in rows)
    return PackedTree(ids, parents, depths, ends, list(chain.from_iterable(scored)), lengths, tokens)


def pack(groups: Sequence[Sequence[Row]], *, max_tokens: int | None = None) -> list[PackedTree]:
    """One conversation as trees of at most `max_tokens` nodes: one, unless it is larger, as bushy trees can be.

    A group is what must stay together: (chosen, rejected) for DPO, one reply for SFT. A single group may exceed the
    limit. Parts repeat the prefix that they share, and are cut where they share least of it.
    """
    parts = [range(len(groups))] if max_tokens is None else split_groups(groups, max_tokens)
    return [pack_rows([row for member in part for row in groups[member]]) for part in parts]


def split_groups(groups: Sequence[Sequence[Row]], max_tokens: int) -> list[list[int]]:
    """Which groups each of the trees of `pack` holds, by number."""

    def split(part: list[int]) -> list[list[int]]:
        if len(part) == 1 or _nodes([row for member in part for row in groups[member]]) <= max_tokens:
            return [part]
        half = len(part) // 2
        return split(part[:half]) + split(part[half:])

    in_order = sorted(range(len(groups)), key=lambda member: list(groups[member][0][0]))
    return [sorted(part) for part in split(in_order)]


def _nodes(rows: Sequence[Row]) -> int:
    """How many tokens `pack_rows` would make of them."""
    ordered = sorted(list(ids) for ids, _ in rows)
    shared = sum(_common_prefix(one, other) for one, other in pairwise(ordered))
    return sum(map(len, ordered)) - shared


def _common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))
