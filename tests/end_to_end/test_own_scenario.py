"""A scenario of a user, in a file of theirs, gets everything that the shipped ones have."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Server, i2a

SCRIPT = '''"""Two neighbours and a critic who picks the better answer."""
import asyncio
from typing import Literal
from agents.answers import Answer
from agents.prompt import Prompt
from agents.role import Role
from agents.user import User
from i2a.trees.tree import Node, Tree
from scenarios import scenario


class Neighbour(Role):
    """A neighbour over the fence."""

    prompt = Prompt("You talk to your neighbour over the fence. Answer in one sentence.")


class Choice(Answer):
    better: Literal["first", "second"]


class Critic(Role[Choice]):
    """Likes short answers."""

    prompt = Prompt("Which answer is better?\\n---\\n<dialogue>\\n$dialogue\\n</dialogue>")


@scenario
async def fence(tree: Tree, user: User, neighbour: Neighbour, critic: Critic, *, turns: int = 2) -> None:
    """A chat over the fence with two possible endings."""
    here: Node | None = None
    for _ in range(turns):
        here = tree.add(here, await user(here))
        ends = [tree.add(here, reply) for reply in await asyncio.gather(neighbour(here), neighbour(here))]
        choice = await critic(ends[0])
        here.metadata["critic"] = choice.model_dump()
        here = tree.keep(ends[choice.better == "second"])
'''


@pytest.fixture
def script(tmp_path: Path) -> Path:
    assert len(SCRIPT.splitlines()) <= 40
    path = tmp_path / "elsewhere" / "fence.py"
    path.parent.mkdir()
    path.write_text(SCRIPT)
    return path


def test_it_runs_by_path_with_journal_and_resume(tmp_path: Path, script: Path, serve: Callable[..., Server]) -> None:
    server = serve("--latency", "0.01")
    command = ("simulate", "--scenario", script, "--conversations", "6", "--model", server.model, "--quiet")
    i2a(*command, "--out", tmp_path / "run", "--max-tokens", "2500", check=4)
    i2a(*command, "--out", tmp_path / "run", "--resume")
    assert server.stats()["repeated"] == 0
    i2a("simulate", "--scenario", script, "--conversations", "6", "--quiet", "--out", tmp_path / "whole")
    assert (tmp_path / "run/trees.jsonl").read_bytes() == (tmp_path / "whole/trees.jsonl").read_bytes()
    tree = json.loads(i2a("show", tmp_path / "run", "0", "--json").stdout)
    assert {node["speaker"] for node in tree["nodes"]} == {"user", "neighbour"}
    assert tree["nodes"][0]["notes"]["critic"]["better"] in ("first", "second")


def test_check_says_that_it_is_fine(script: Path) -> None:
    assert "fine" in i2a("scenarios", "check", script).stdout


def test_a_new_one_is_written_and_passes_its_check(tmp_path: Path) -> None:
    i2a("scenarios", "new", "interview", cwd=tmp_path)
    assert "fine" in i2a("scenarios", "check", "interview.py", cwd=tmp_path).stdout
    assert "already exists" in i2a("scenarios", "new", "interview", cwd=tmp_path, check=2).stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("async def fence", "def fence", "fence.py:33: 'await' outside async function"),
        ("tree: Tree, user: User", "user: User, tree: Tree", "the script takes the tree first"),
        ("*, turns: int = 2", "turns: int", "'turns' needs a subclass of Role as its annotation, or a * before"),
        ("neighbour: Neighbour", "neighbour: Choice", "'neighbour' needs a subclass of Role"),
        ("await critic(", "await critc(", "fence.py:35: NameError: name 'critc' is not defined"),
        ("choice.better", "choice.beter", "fence.py:37: AttributeError"),
        (
            "$dialogue",
            "$dialog",
            "fence.py:35: critic has no value for $dialog of its prompt, only for $dialogue, $personality, $profile",
        ),
        ("    here: Node", "    nothing = 1 / 0\n    here: Node", "fence.py:31: ZeroDivisionError"),
        ("@scenario\n", "", "found 0 scenarios"),
        ("import asyncio", "import asynco", "fence.py:2: ModuleNotFoundError"),
        ("turns: int = 2) ->", "turns: int = 2)) ->", "fence.py:29: unmatched ')'"),
        ("@scenario\n", "@scenario(roles={})\n", "fence.py:28: @scenario takes no arguments, roles are parameters"),
        ("critic: Critic, *", "cast: object, *", "there is no cast any more, roles are parameters"),
        ("import scenario\n", "import Cast, scenario\n", "fence.py:9: ImportError: there is no Cast any more"),
        ("await user(here)", "user(here)", "fence.py:33: TypeError: tree.add got a call that was not awaited"),
        ("(neighbour(here),", "(critic(here),", "fence.py:34: TypeError: tree.add takes an Utterance, not a Choice"),
        (
            "await critic(ends[0])",
            "await critic(ends[0], mood='calm')",
            "fence.py:35: critic would not see mood='calm'",
        ),
        ("for _ in range(turns)", "while True", "the conversation does not end: it is still going after 1000 calls"),
        (
            "choice = await",
            "ends[0].label = 'good'\n        choice = await",
            "what neighbour says: label 'good'; write",
        ),
    ],
)
def test_a_broken_one_gets_one_line(script: Path, old: str, new: str, said: str) -> None:
    text = SCRIPT.replace(old, new)
    assert text != SCRIPT
    script.write_text(text)
    done = i2a("scenarios", "check", script, check=2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_bug_in_a_scenario_is_a_line_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    i2a("scenarios", "new", "broken", cwd=tmp_path)
    script = tmp_path / "broken.py"
    script.write_text(
        script.read_text("utf-8").replace("    for _ in", "    turns += {}['more']\n    for _ in"), "utf-8"
    )
    number = next(i for i, line in enumerate(script.read_text("utf-8").splitlines(), 1) if "'more'" in line)
    flags = ("simulate", "--scenario", "broken.py", "--conversations", "3")
    done = i2a(*flags, "--out", "run", cwd=tmp_path, check=1)
    assert done.stderr.splitlines() == [f"i2a: {script}:{number}: KeyError: 'more' (I2A_DEBUG=1 shows the traceback)"]
    monkeypatch.setenv("I2A_DEBUG", "1")
    assert "Traceback" in i2a(*flags, "--out", "again", cwd=tmp_path, check=1).stderr


def test_a_scenario_that_tells_nobody_of_a_persona_needs_none(tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(PLAIN, "utf-8")
    flags = ("--scenario", "plain.py", "--conversations", "401", "--turns", "1", "--out", "run", "--quiet")
    i2a("simulate", *flags, cwd=tmp_path)
    assert len((tmp_path / "run/trees.jsonl").read_text("utf-8").splitlines()) == 401
    assert "profile" not in i2a("show", "run", cwd=tmp_path).stdout


PLAIN = """
from agents.prompt import Prompt
from agents.role import Role
from i2a.trees.tree import Tree
from scenarios import scenario


class Poet(Role):
    prompt = Prompt("Write a line.")


@scenario
async def plain(tree: Tree, poet: Poet, *, turns: int = 2) -> None:
    here = None
    for _ in range(turns):
        here = tree.add(here, await poet(here))
"""
