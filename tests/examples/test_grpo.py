"""The example of a reward of one's own trains."""

import importlib.util
from pathlib import Path

import pytest

from i2a import read_trees
from tests.tiny import checkpoint

EXAMPLE = Path(__file__).parents[2] / "examples/grpo.py"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_reward_of_ones_own_is_learnt_from(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("grpo_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    model = checkpoint(tmp_path / "base")
    found = example.train(str(model), str(tmp_path / "out"), iterations=1, turns=1, conversations=2, quiet=True)
    trees = list(read_trees(tmp_path / "out/rollouts/0000"))
    rewards = [node.metadata["reward"] for tree in trees for node in tree if "reward" in node.metadata]
    assert len(rewards) == 2 * 4
    assert found == pytest.approx(sum(rewards) / 8)
