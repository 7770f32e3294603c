"""The table of a training becomes trees, conversation by conversation, and loses no row on the way."""

from typing import Any

import datasets

from training.packing.dataset import PackedRows
from training.packing.tree import PackedTree

DPO = [
    {"tree": "a", "prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4, 5]},
    {"tree": "a", "prompt_ids": [1, 2, 3, 6], "chosen_ids": [7], "rejected_ids": [8]},
    {"tree": "b", "prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [9]},
]
SFT = [
    {"tree": "a", "input_ids": [1, 2, 3], "labels": [-100, -100, 3]},
    {"tree": "a", "input_ids": [1, 2, 3, 6, 7], "labels": [-100, -100, -100, -100, 7]},
    {"tree": "", "input_ids": [1, 2], "labels": [-100, 2]},
    {"tree": "", "input_ids": [1, 2], "labels": [-100, 2]},
]


def trees(rows: list[dict[str, Any]], **limits: int) -> list[PackedTree]:
    packed = PackedRows(datasets.Dataset.from_list(rows), **limits)
    return [PackedTree.from_feature(packed[at]) for at in range(len(packed))]


def test_the_pairs_of_a_conversation_are_one_tree() -> None:
    one, other = trees(DPO)
    assert one.rows() == [([1, 2, 3], 2), ([1, 2, 4, 5], 2), ([1, 2, 3, 6, 7], 4), ([1, 2, 3, 6, 8], 4)]
    assert other.rows() == [([1, 2, 3], 2), ([1, 2, 9], 2)]


def test_replies_of_a_conversation_are_one_sequence_and_rows_of_no_tree_stand_alone() -> None:
    made = trees(SFT)
    assert [tree.ids for tree in made] == [[1, 2, 3, 6, 7], [1, 2], [1, 2]]
    assert made[0].scored == [2, 4]


def test_a_large_conversation_makes_several() -> None:
    assert [tree.rows() for tree in trees(DPO, max_tokens=8)] == [tree.rows() for tree in trees(DPO)]
    cut = trees(DPO, max_tokens=7)
    assert len(cut) == 3
    assert sorted(row for tree in cut for row in tree.rows()) == sorted(
        row for tree in trees(DPO) for row in tree.rows()
    )


def test_a_column_goes_with_its_tree() -> None:
    packed = PackedRows(datasets.Dataset.from_list(DPO))
    referred = packed.add_column("reference", [[1.0] * 4, [2.0] * 2])
    assert referred[1] == packed[1] | {"reference": [2.0, 2.0]}


def test_a_step_of_trees_is_as_large_as_one_of_rows() -> None:
    packed = PackedRows(datasets.Dataset.from_list(DPO))
    assert [packed.per_step(rows) for rows in (1, 3, 6, 48)] == [1, 2, 4, 32]
