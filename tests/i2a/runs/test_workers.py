"""A run in several processes gives the bytes of a run in one, and its failures, bugs and budget are the same."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.benchmark import evaluate
from evaluation.settings import Evaluation
from i2a.errors import BadRequest, BudgetSpent, ServerError, UsageError
from i2a.runs.outcome import RunResult
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute
from i2a.runs.sync import run_sync
from i2a.testing import Request
from scenarios.settings import Simulation
from scenarios.simulation import plan_simulation, simulate
from tests.fakes import ScriptedClient, plausible


def simulated(out: Path, client: ScriptedClient | None = None, **given: Any) -> RunResult:
    settings = {"conversations": 6, "turns": 2, "quiet": True, **given}
    return simulate(Simulation(out=out, **settings), clients={} if client is None else {"*": client})


def spent(folder: Path) -> Sequence[tuple[object, ...]]:
    with RunFolder(folder).journal() as journal:
        return sorted(journal.spent())


def test_the_offline_engine_answers_in_the_workers_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    runs = [simulated(tmp_path / str(count), workers=count) for count in (1, 3)]
    one, three = (run.folder for run in runs)
    assert (one / "trees.jsonl").read_bytes() == (three / "trees.jsonl").read_bytes()
    assert RunFolder(one).manifest() == RunFolder(three).manifest()
    assert spent(one) == spent(three)
    assert runs[0].summary == runs[1].summary
    assert runs[0].usage.as_json() == runs[1].usage.as_json()


def test_clients_of_the_callers_own_are_called_here_and_failures_are_the_same(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        if request.role == "user" and request.text.count("says") > 1 and request.seed and request.seed % 3 == 0:
            raise BadRequest("too long")
        if request.role == "judge" and request.seed and request.seed % 5 == 0 and request.seed not in busy:
            busy.add(request.seed)
            raise ServerError("busy", retry_after=0.001)
        return plausible(request)

    busy = set[int]()
    made = []
    for workers in (1, 2):
        client = ScriptedClient(answer)
        made.append((simulated(tmp_path / str(workers), client, workers=workers, turns=3), client))
    (one, asked), (two, asked_too) = made
    assert 0 < one.failed < 6
    said = [{id: (why["reason"], why["place"]) for id, why in run.failures.items()} for run in (one, two)]
    assert said[0] == said[1]
    assert (one.folder / "trees.jsonl").read_bytes() == (two.folder / "trees.jsonl").read_bytes()
    assert asked_too.calls["user"] == asked.calls["user"]
    retried = simulated(two.folder, ScriptedClient(), workers=2, turns=3, retry_failed=True)
    assert retried.complete
    assert retried.failed == 0


def test_a_policy_and_its_rewards_and_an_evaluation_are_the_same(tmp_path: Path) -> None:
    given: dict[str, Any] = {"scenario": "siblings", "reward": {"judge": 1, "length": -0.1}, "conversations": 2}
    one, two = (simulated(tmp_path / f"s{count}", workers=count, **given).folder for count in (1, 2))
    assert (one / "trees.jsonl").read_bytes() == (two / "trees.jsonl").read_bytes()
    settings: dict[str, Any] = {"candidates": ["offline", "shuffled:offline"], "cases": 2, "turns": 2, "quiet": True}
    for count in (1, 2):
        evaluate(Evaluation(out=tmp_path / str(count), workers=count, **settings))
    for name in ("trees.jsonl", "summary.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_the_budget_is_one(tmp_path: Path) -> None:
    client = ScriptedClient(tokens=10)
    result = simulated(tmp_path / "a", client, workers=2, max_tokens=600, concurrency=2)
    assert isinstance(result.stopped, BudgetSpent)
    in_flight = 2 * 4
    assert 600 <= sum(used.tokens for used in result.usage.by_role().values()) <= 600 + in_flight * 20
    assert simulated(tmp_path / "a", client, workers=2, resume=True).complete
    assert (tmp_path / "a/trees.jsonl").read_bytes() == (
        simulated(tmp_path / "b", ScriptedClient(tokens=10)).folder / "trees.jsonl"
    ).read_bytes()


def test_a_bug_in_a_script_is_raised_as_in_one_process(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(
        "from agents.user import User\n"
        "from i2a.trees.tree import Tree\n"
        "from scenarios.script import scenario\n\n\n"
        "@scenario\n"
        "async def broken(tree: Tree, user: User) -> None:\n"
        '    """Divides by zero."""\n'
        '    print("printed")\n'
        "    tree.add(None, await user(None))\n"
        "    1 / 0\n",
        "utf-8",
    )
    with pytest.raises(ExceptionGroup) as caught:
        simulate(Simulation(out=tmp_path / "a", scenario=str(script), conversations=3, workers=2, quiet=True))
    assert caught.group_contains(ZeroDivisionError)


def test_a_run_whose_plan_cannot_be_had_again_needs_one_process(tmp_path: Path) -> None:
    config = Simulation(out=tmp_path / "a", conversations=2, workers=2, quiet=True)
    with pytest.raises(UsageError, match="leave out --workers"):
        run_sync(execute(replace(plan_simulation(config), replan=None), config))
