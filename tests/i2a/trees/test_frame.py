"""Trees, usage and scores as tables for pandas."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from i2a import choose, evaluate, read_trees, simulate, to_dataframe
from i2a.errors import UsageError
from i2a.runs.outcome import RunResult
from i2a.trees.frame import to_dataframe as table_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return simulate(out=tmp_path_factory.mktemp("frame") / "run", conversations=2, turns=2)


def test_a_table_of_trees_has_a_row_for_each_utterance(run: RunResult) -> None:
    table, trees = to_dataframe(run.folder), list(read_trees(run.folder))
    assert table.content.tolist() == [node.content for tree in trees for node in tree]
    assert table.tree.unique().tolist() == ["aloe-0-000000", "aloe-0-000001"]
    pd.testing.assert_frame_equal(table, to_dataframe(trees))
    pd.testing.assert_frame_equal(table, run.to_dataframe())
    pd.testing.assert_frame_equal(table[table.tree == "aloe-0-000000"], to_dataframe(trees[0]))
    pd.testing.assert_frame_equal(table[table.tree == "aloe-0-000000"], trees[0].to_dataframe())


def test_the_structure_of_a_tree_can_be_read_off_its_table(run: RunResult) -> None:
    (tree, *_) = read_trees(run.folder)
    table, nodes = tree.to_dataframe().set_index("node"), list(tree)
    assert str(table.parent.dtype) == "Int64"
    for number, node in enumerate(nodes):
        row = table.loc[number]
        assert row.depth == len(node.path) - 1
        assert pd.isna(row.parent) if node.parent is None else nodes[row.parent] is node.parent
        assert (row.speaker, row.continued) == (node.speaker, node.continued)
        assert row.label == node.label if node.label else pd.isna(row.label)


def test_usage_is_a_table_of_roles_and_models(run: RunResult) -> None:
    table = run.usage.to_dataframe().set_index("role")
    assert table.calls.to_dict() == {role: used.calls for role, used in run.usage.by_role().items()}
    assert table.cost.sum() == run.usage.cost()
    assert set(table.model) == {"offline"}


async def test_what_an_evaluation_and_a_choice_found_are_tables_also_in_a_notebook(tmp_path: Path) -> None:
    result = evaluate(out=tmp_path / "eval", candidates=["offline:generic"], cases=2, turns=2)
    table = result.to_dataframe()
    assert len(table) == 4
    assert result.summary is not None
    assert table.score.mean() == pytest.approx(result.written["candidates"]["offline:generic"]["avg"])
    chosen = choose(out=tmp_path / "choice", candidates=["offline"], cases=2).to_dataframe()
    assert {"candidate", "case", "turn", "share_fits", "share_generic"} <= set(chosen.columns)


def test_numbers_stay_whole_where_some_are_missing() -> None:
    table = table_of([{"a": 1, "b": 0.0}, {"a": None, "b": 1.0}])
    assert [str(dtype) for dtype in table.dtypes] == ["Int64", "float64"]
    assert table_of([]).empty


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        UsageError, match=r"^a table needs the package pandas: pip install 'interact-to-align\[evaluate\]'$"
    ):
        table_of([])
