"""The examples run, and a type checker finds the slips in a script like them."""

import os
import re
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from i2a.trees.json import read
from i2a.trees.summary import Summary
from scenarios import Simulation, simulate
from scenarios.template import write
from scenarios.trial import trial

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py") if "@scenario" in path.read_text("utf-8"))
MOMENTS = count(1_800_000_000)


def type_errors(script: Path, cache: Path) -> list[str]:
    """What mypy says about a script of a user, in a folder of their own."""
    os.utime(script, (next(MOMENTS),) * 2)  # mypy's cache takes a script of the same name, size and second for the same
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(cache), script.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=script.parent)
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_is_short_and_passes_its_check(name: str) -> None:
    assert "fine" in trial(EXAMPLES / name)
    assert 40 <= len((EXAMPLES / name).read_text("utf-8").splitlines()) <= 75


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_is_simulated(name: str, tmp_path: Path) -> None:
    result = simulate(Simulation(out=tmp_path / "run", scenario=str(EXAMPLES / name), conversations=2))
    assert (result.failed, result.left) == (0, 0)
    assert len(list(read(tmp_path / "run/trees.jsonl"))) == 2


def test_in_the_debate_the_best_of_three_goes_on_and_every_pair_is_counted(tmp_path: Path) -> None:
    options = {"motions": '["Tea is better than coffee."]', "turns": 2}
    simulate(Simulation(out=tmp_path / "run", scenario=str(EXAMPLES / "debate.py"), conversations=3, option=options))
    trees = list(read(tmp_path / "run/trees.jsonl"))
    for tree in trees:
        (end,) = tree.ends
        assert [node.speaker for node in end.path] == ["chair", "pro", "con", "pro", "con"]
        assert "Tea is better" in tree.roots[0].content
        for here in end.path[:-1]:
            assert len(here.children) == 3
            assert len(here.verdicts) == 6
            chosen = [draft for draft in here.children if draft.label == "preferred"]
            assert chosen in ([], [draft for draft in here.children if draft.continued])
    summary = Summary.of(trees)
    assert summary.labelled == sum(len(tree.pairs) for tree in trees) == sum(summary.wins.values())
    assert summary.pairs == summary.labelled + summary.flipped + summary.unjudged <= 3 * 4 * 3


def test_every_draft_of_a_question_is_scored_and_the_best_is_asked(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "run", scenario=str(EXAMPLES / "doctor.py"), conversations=2))
    for tree in read(tmp_path / "run/trees.jsonl"):
        assert tree.roots[0].metadata["illness"]
        for here in tree.ends[0].path[:-1:2]:
            scores = [draft.metadata["score"] for draft in here.children]
            asked = [draft.continued for draft in here.children]
            assert len(scores) == 3
            assert asked.index(True) == scores.index(max(scores))


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_has_the_types_that_a_strict_checker_wants(name: str, tmp_path: Path, cache: Path) -> None:
    script = tmp_path / name
    script.write_text((EXAMPLES / name).read_text("utf-8"))
    assert type_errors(script, cache) == []


def test_a_new_script_has_them_too(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert type_errors(tmp_path / write("interview"), cache) == []


DUEL = """
from agents.judge import Judge
from agents.user import User
from i2a.trees.tree import Tree
from scenarios import scenario

@scenario
async def duel(tree: Tree, user: User, judge: Judge) -> None:
    here = tree.add(None, await user(None))
    one, other = tree.add(here, await user(here)), tree.add(here, await user(here))
    verdict = await judge(here, one, other)
    here.metadata["winner"] = verdict.winner
"""


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("await user(None)", "await usr(None)", 'duel.py:9: error: Name "usr" is not defined'),
        ("verdict.winner", "verdict.winer", 'duel.py:12: error: "Preference" has no attribute "winer"'),
        ("await user(None)", "user(None)", "duel.py:9: error: Argument 2"),
        ("await user(None)", "await judge(None)", "duel.py:9: error: Argument 2"),
        ("(here, one, other)", "(here, 'one', 'other')", "duel.py:11: error: Argument 2"),
        ("@scenario", "@scenario(roles={})", "duel.py:7: error:"),
    ],
)
def test_a_slip_in_a_script_is_found_by_the_type_checker(
    tmp_path: Path, cache: Path, old: str, new: str, error: str
) -> None:
    script = tmp_path / "duel.py"
    script.write_text(DUEL.replace(old, new, 1) if "winner" not in old else DUEL.replace(f"= {old}", f"= {new}"))
    assert any(line.startswith(error) for line in type_errors(script, cache))


PROGRAM = """
from i2a import Node, Persona, PersonaPool, Prompt, Role, Tree, evaluate, read_trees, scenario, simulate, train_dpo
from i2a.testing import ScriptedModel


class Critic(Role):
    prompt = Prompt("Say what is wrong with it.")


@scenario
async def review(tree: Tree, critic: Critic, *, rounds: int = 2) -> None:
    here: Node | None = None
    for _ in range(rounds):
        here = tree.add(here, await critic(here))


pool = PersonaPool.read(None, None)
people: list[Persona] = list(pool.draw(3, seed=1))
result = simulate(out="run", conversations=3, clients={"judge": ScriptedModel()})
print(result.finished, [len(tree.pairs) for tree in read_trees("run")], people)
trained = train_dpo(runs=["run"], model="base", out="dpo")
measured = evaluate(out="eval", candidates=[f"hf:{trained['model']}"], cases=3).summary
print(measured.baseline if measured else "stopped")
"""


def test_a_program_that_uses_the_front_door_has_the_types_that_a_strict_checker_wants(
    tmp_path: Path, cache: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    assert type_errors(script, cache) == []
    slips = {"result.finished": "result.finishd", "len(tree.pairs)": "tree.pears", "import Node": "import Knot, Node"}
    text = PROGRAM
    for right, wrong in slips.items():
        text = text.replace(right, wrong)
    script.write_text(text)
    assert [re.sub(r".* error: |;.*|  \[.*", "", error) for error in type_errors(script, cache)] == [
        'Module "i2a" has no attribute "Knot"',
        '"RunResult" has no attribute "finishd"',
        '"Tree" has no attribute "pears"',
    ]
