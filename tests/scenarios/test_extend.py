"""A simulation can be extended: what is there stays, and nothing depends on how many conversations there are."""

import json
from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.runs.run_folder import RunFolder, planned_trees
from i2a.trees.tree import Tree
from scenarios.settings import Simulation
from scenarios.simulation import plan_simulation, simulate


def grown(out: Path, conversations: int, *, resume: bool = False, seed: int = 1, scenario: str = "aloe") -> RunFolder:
    config = Simulation(
        out=out, conversations=conversations, turns=1, seed=seed, resume=resume, scenario=scenario, keep_prompts=True
    )
    assert simulate(config).complete
    return RunFolder(out)


@pytest.mark.parametrize("scenario", ["aloe", "drift", "tutor", "siblings"])
def test_an_extended_run_keeps_its_bytes_and_equals_one_made_in_one_go(tmp_path: Path, scenario: str) -> None:
    before = grown(tmp_path / "a", 8, scenario=scenario).trees_file.read_bytes()
    extended = grown(tmp_path / "a", 12, resume=True, scenario=scenario)
    whole = grown(tmp_path / "b", 12, scenario=scenario)
    assert extended.trees_file.read_bytes().startswith(before)
    assert extended.trees_file.read_bytes() == whole.trees_file.read_bytes()
    assert extended.manifest() == whole.manifest()


def test_an_extension_that_is_cut_off_goes_on(tmp_path: Path) -> None:
    folder = grown(tmp_path / "a", 4)
    before = folder.trees_file.read_bytes()
    with folder.journal() as journal:
        spent = sum(used.prompt_tokens + used.completion_tokens for used in journal.spent())
    config = Simulation(out=tmp_path / "a", conversations=9, turns=1, seed=1, keep_prompts=True, resume=True)
    stopped = simulate(config.model_copy(update={"max_tokens": spent + spent // 2, "concurrency": 2}))
    assert 4 < stopped.finished < 9
    assert planned_trees(folder.manifest()) == 9
    extended, whole = grown(tmp_path / "a", 9, resume=True), grown(tmp_path / "b", 9)
    assert extended.trees_file.read_bytes() == whole.trees_file.read_bytes()
    assert extended.trees_file.read_bytes().startswith(before)


def test_a_run_is_not_made_shorter(tmp_path: Path) -> None:
    before = grown(tmp_path, 3).trees_file.read_bytes()
    with pytest.raises(UsageError, match="was planned for 3 conversations, and 2 are fewer: ask for 3 or more"):
        grown(tmp_path, 2, resume=True)
    assert RunFolder(tmp_path).trees_file.read_bytes() == before


def test_runs_of_two_seeds_or_two_scenarios_share_no_id(tmp_path: Path) -> None:
    runs = [grown(tmp_path / "1", 3), grown(tmp_path / "2", 3, seed=2), grown(tmp_path / "3", 3, scenario="full_tree")]
    assert len(set.union(*(run.finished() for run in runs))) == 9


def test_a_run_of_version_0_1_goes_on_under_its_own_ids(tmp_path: Path) -> None:
    folder = grown(tmp_path, 3)
    manifest = folder.manifest()
    del manifest["planned"]
    manifest["identity"]["personas"]["conversations"] = 3
    folder.manifest_file.write_text(json.dumps(manifest), "utf-8")
    for file in (folder.trees_file, folder.journal_file):
        file.unlink()
    assert grown(tmp_path, 3, resume=True).finished() == {"aloe-0", "aloe-1", "aloe-2"}
    before = folder.trees_file.read_bytes()
    assert grown(tmp_path, 11, resume=True).finished() == {f"aloe-{i}" for i in range(11)}
    assert folder.trees_file.read_bytes().startswith(before)
    with pytest.raises(UsageError, match="was planned for 11 conversations"):
        grown(tmp_path, 5, resume=True)


def test_what_a_tree_draws_is_what_it_drew_in_the_runs_that_docs_results_reports() -> None:
    """These had up to 1,000 conversations, and chance came from an id of three digits."""
    tree = plan_simulation(Simulation(out=Path("never"), conversations=40, seed=20)).trees[17]
    assert tree.id == "aloe-20-000017"
    assert tree.random.random() == Tree("aloe-017", "aloe", tree.persona, tree.seed).random.random()
