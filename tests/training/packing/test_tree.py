"""Packed trees hold their rows and nothing else, each shared prefix once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.packing.cases import grown
from training.packing.tree import Row, pack, pack_rows

# Rows over three tokens share prefixes often, are prefixes of each other and come twice.
ROWS = st.lists(
    st.lists(st.integers(0, 2), min_size=2, max_size=12).flatmap(
        lambda ids: st.tuples(st.just(ids), st.integers(1, len(ids) - 1))
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS)
@settings(deadline=None)
def test_the_paths_of_the_tree_are_the_rows(rows: list[Row]) -> None:
    assert pack_rows(rows).rows() == rows


@given(ROWS)
@settings(deadline=None)
def test_every_shared_prefix_stands_once(rows: list[Row]) -> None:
    prefixes = {tuple(ids[: end + 1]) for ids, _ in rows for end in range(len(ids))}
    assert pack_rows(rows).tokens == len(prefixes)


@given(ROWS)
@settings(deadline=None)
def test_a_node_sees_itself_and_its_ancestors_and_nothing_else(rows: list[Row]) -> None:
    tree = pack_rows(rows)
    for query in range(tree.tokens):
        ancestors, node = [], query
        while node >= 0:
            ancestors.append(node)
            node = tree.parents[node]
        assert [key for key in range(query + 1) if query < tree.ends[key]] == ancestors[::-1]
        assert tree.depths[query] == len(ancestors) - 1


def test_a_conversation_of_ten_turns_costs_a_fraction_of_its_rows() -> None:
    [tree] = pack(grown(10))
    assert tree.rows_tokens > 6 * tree.tokens


def test_a_tree_that_is_too_large_is_cut_between_pairs() -> None:
    pairs = grown(4, bushy=True)
    trees = pack(pairs, max_tokens=90)
    assert len(trees) > 2
    assert all(tree.tokens <= 90 for tree in trees)
    assert sorted(row for tree in trees for row in tree.rows()) == sorted(row for pair in pairs for row in pair)
    assert all(tree.rows()[0][0][: tree.rows()[0][1]] == tree.rows()[1][0][: tree.rows()[1][1]] for tree in trees)


@pytest.mark.parametrize("start", [0, 3])
def test_a_row_without_a_loss_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match="row 1: the loss starts at token"):
        pack_rows([([1, 2, 3], 1), ([1, 2, 4], start)])
