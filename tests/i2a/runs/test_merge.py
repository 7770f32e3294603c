"""A run is shared out and put together again: the same bytes, and nothing that does not belong together."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluation.benchmark import evaluate
from evaluation.settings import Evaluation
from i2a.errors import BadRequest, UsageError
from i2a.runs.merge import merge
from i2a.runs.run_folder import RunFolder
from i2a.testing import Request
from scenarios.settings import Simulation
from scenarios.simulation import simulate
from tests.fakes import ScriptedClient

OFFLINE: dict[str, Any] = {"conversations": 7, "turns": 1, "quiet": True}


def simulated(out: Path, **settings: Any) -> RunFolder:
    assert simulate(Simulation(out=out, **OFFLINE | settings)).left == 0
    return RunFolder(out)


def shards(out: Path, count: int, **settings: Any) -> list[Path]:
    return [simulated(out / str(k), shard=f"{k}/{count}", **settings).path for k in range(1, count + 1)]


def spent(folder: RunFolder) -> Sequence[tuple[object, ...]]:
    with folder.journal() as journal:
        return sorted(journal.spent())


def refusal(runs: Sequence[Path], out: Path) -> str:
    with pytest.raises(UsageError) as caught:
        merge(runs, out)
    assert not out.exists()
    assert not any(file.name.endswith(".part") for file in out.parent.iterdir())
    return str(caught.value)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_all_shards_together_are_the_run_in_one_piece(tmp_path: Path, count: int) -> None:
    whole = simulated(tmp_path / "whole")
    merged = merge(shards(tmp_path, count)[::-1], tmp_path / "merged")
    assert merged.trees_file.read_bytes() == whole.trees_file.read_bytes()
    assert merged.manifest() == whole.manifest()
    assert spent(merged) == spent(whole)


def test_shards_are_extended_and_so_is_what_was_merged(tmp_path: Path) -> None:
    shards(tmp_path, 2)
    merged = merge(shards(tmp_path, 2, conversations=9, resume=True), tmp_path / "merged")
    whole = simulated(tmp_path / "whole", conversations=9)
    assert merged.trees_file.read_bytes() == whole.trees_file.read_bytes()
    simulated(merged.path, conversations=11, resume=True)
    simulated(whole.path, conversations=11, resume=True)
    assert merged.trees_file.read_bytes() == whole.trees_file.read_bytes()
    assert merged.manifest() == whole.manifest()


def test_what_failed_leaves_a_gap_in_the_order_and_is_redone_in_the_merged_run(tmp_path: Path) -> None:
    failing = {1, 4, 5}
    whole = simulated(tmp_path / "whole")
    lines = whole.trees_file.read_bytes().splitlines(keepends=True)
    runs = shards(tmp_path, 2)
    for run in runs:  # as if these had failed
        folder = RunFolder(run)
        kept = folder.trees_file.read_bytes().splitlines(keepends=True)
        first = 0 if run.name == "1" else 1
        folder.trees_file.write_bytes(b"".join(kept[i] for i in range(len(kept)) if first + 2 * i not in failing))
        for i, line in enumerate(kept):
            if first + 2 * i in failing:
                folder.append_failure({"id": json.loads(line)["id"], "place": i, "reason": "too long"})
    merged = merge(runs, tmp_path / "merged")
    assert merged.trees_file.read_bytes() == b"".join(line for i, line in enumerate(lines) if i not in failing)
    assert {past[-1]["place"] for past in merged.failures().values()} == failing
    simulated(merged.path, retry_failed=True)
    assert merged.trees_file.read_bytes() == whole.trees_file.read_bytes()


def test_a_failure_says_which_of_the_conversations_it_was(tmp_path: Path) -> None:
    def refuse(request: Request) -> str:
        raise BadRequest("too long")

    client = ScriptedClient(refuse)
    simulate(Simulation(out=tmp_path / "a", shard="2/3", **OFFLINE), clients={"user": client})
    assert [past[-1]["place"] for past in RunFolder(tmp_path / "a").failures().values()] == [0, 1]


def test_shards_that_do_not_make_one_run_are_refused(tmp_path: Path) -> None:
    one, two, three = shards(tmp_path, 3)
    out = tmp_path / "merged"
    assert "shard 2/3 is missing" in refusal([one, three], out)
    assert "are both shard 2" in refusal([one, two, two, three], out)
    whole = simulated(tmp_path / "whole").path
    assert "is no shard of a run" in refusal([whole, one], out)
    other = simulated(tmp_path / "other", shard="3/3", seed=1).path
    assert "are of two runs: seed is 0 and 1" in refusal([one, two, other], out)
    half = simulated(tmp_path / "half", shard="2/2").path
    assert "one of 3 shards" in refusal([one, half, three], out)
    simulated(three, shard="3/3", conversations=12, resume=True)
    assert "extend the shards to the same --conversations" in refusal([one, two, three], out)
    with pytest.raises(UsageError, match="is not empty"):
        merge(shards(tmp_path / "more", 1), whole)


def test_a_shard_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    one, two = shards(tmp_path, 2)
    lines = RunFolder(two).trees_file.read_bytes().splitlines(keepends=True)
    RunFolder(two).trees_file.write_bytes(b"".join(lines[:-1]))
    assert f"{two} is not complete, 1 of 3 are left" in refusal([one, two], tmp_path / "merged")


def test_there_are_not_more_shards_than_conversations(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shard 8/9 of 7 conversations is empty"):
        simulated(tmp_path / "a", shard="8/9")
    with pytest.raises(ValueError, match="there is no part 4 of 3"):
        Simulation(out=tmp_path, shard="4/3")
    with pytest.raises(ValueError, match="shard"):
        Simulation(out=tmp_path, shard="3")


def test_the_shards_of_an_evaluation_give_its_numbers(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"candidates": ["offline", "offline:parrot"], "cases": 3, "turns": 2, "quiet": True}
    whole = evaluate(Evaluation(out=tmp_path / "whole", **settings))
    runs = []
    for k in (1, 2, 3, 4):
        shard = evaluate(Evaluation(out=tmp_path / str(k), shard=f"{k}/4", **settings))
        assert shard.summary is None
        runs.append(shard.run.folder)
    merged = merge(runs, tmp_path / "merged")
    result = evaluate(Evaluation(out=merged.path, resume=True, **settings))
    for name in ("trees.jsonl", "scores.jsonl", "summary.json"):
        assert (merged.path / name).read_bytes() == (whole.run.folder / name).read_bytes()
    assert result.run.usage.session_calls == 0
