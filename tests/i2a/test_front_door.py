"""`from i2a import ...`: these names, loaded when they are used, each doing what its command does."""

import asyncio
import importlib
import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import i2a
from i2a import evaluate, read_trees, simulate, to_dataframe, train_dpo, train_sft
from i2a.errors import UsageError
from i2a.testing import ScriptedModel
from scenarios.settings import Simulation
from tests.tiny import checkpoint

NAMES = {
    "Node": "i2a.trees.tree",
    "Persona": "i2a.trees.persona",
    "PersonaPool": "i2a.personas.pool",
    "Prompt": "agents.prompt",
    "Role": "agents.role",
    "Tree": "i2a.trees.tree",
    "build_items": "i2a.api",
    "choose": "i2a.api",
    "estimate": "i2a.api",
    "evaluate": "i2a.api",
    "read_trees": "i2a.api",
    "scenario": "scenarios.script",
    "select": "i2a.api",
    "simulate": "i2a.api",
    "to_dataframe": "i2a.api",
    "train_dpo": "i2a.api",
    "train_grpo": "i2a.api",
    "train_sft": "i2a.api",
}
HEAVY = ("pydantic", "typer", "rich", "numpy", "torch", "autogen_agentchat", "matplotlib", "aiohttp")


def python(code: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_these_are_the_public_names() -> None:
    assert sorted(i2a.__all__) == sorted(NAMES)
    assert set(dir(i2a)) >= {*NAMES, "__version__"}
    assert i2a.__version__ == version("interact-to-align")
    with pytest.raises(ImportError, match="cannot import name 'train_ppo'"):
        from i2a import train_ppo  # type: ignore[attr-defined]  # noqa: F401


@pytest.mark.parametrize("name", NAMES)
def test_each_is_the_object_of_its_module(name: str) -> None:
    assert getattr(i2a, name) is getattr(importlib.import_module(NAMES[name]), name)


def test_importing_it_imports_nothing_heavy(tmp_path: Path) -> None:
    code = f"import sys, i2a; dir(i2a); print([name for name in {HEAVY} if name in sys.modules])"
    assert python(code, tmp_path) == "[]"
    code = "import sys; from i2a import simulate; print({'torch', 'numpy', 'matplotlib'} & {*sys.modules})"
    assert python(code, tmp_path) == "set()"


def test_settings_are_given_by_keyword_or_as_an_object_and_keywords_win(tmp_path: Path) -> None:
    simulate(out=tmp_path / "a", conversations=2, turns=1)
    simulate(Simulation(out=tmp_path / "b", conversations=2, turns=1))
    simulate(Simulation(out=tmp_path / "b", conversations=5, turns=1), out=str(tmp_path / "c"), conversations=2)
    trees = [(tmp_path / f"{run}/trees.jsonl").read_bytes() for run in "abc"]
    assert trees[0] == trees[1] == trees[2]
    assert [tree.id for tree in read_trees(tmp_path / "a")] == ["aloe-0-000000", "aloe-0-000001"]
    assert [tree.id for tree in read_trees(str(tmp_path / "a/trees.jsonl"))] == ["aloe-0-000000", "aloe-0-000001"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"out": "run", "conversation": 3}, "there is no setting 'conversation'; did you mean 'conversations'?"),
        ({"out": "run", "role_models": {}}, "`role_models` is now `role_model`"),
        ({"conversations": 3}, "out is required: Folder that the run is written to, e.g. out='runs/first'"),
        ({"out": "run", "turns": 0}, "turns: Input should be greater than or equal to 1, not 0"),
    ],
)
def test_a_wrong_setting_is_named_as_python_writes_it(settings: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        simulate(**settings)  # type: ignore[arg-type]
    assert str(caught.value) == said
    with pytest.raises(UsageError, match=r"runs is required: .*e\.g\. runs=\['runs/first'\]$"):
        train_sft(model="x", out=tmp_path / "x")


def test_a_client_of_ones_own_answers(tmp_path: Path) -> None:
    model = ScriptedModel.by_role(user="I bake bread.")
    result = simulate(out=tmp_path / "run", conversations=1, turns=2, clients={"*": model})
    assert result.finished == 1
    assert model.calls["user"] == 2
    (tree,) = read_trees(tmp_path / "run")
    assert tree.roots[0].content == "I bake bread."


async def test_they_work_where_an_event_loop_is_running(tmp_path: Path) -> None:
    assert asyncio.get_running_loop().is_running()
    assert simulate(out=tmp_path / "run", conversations=2, turns=1).complete
    result = evaluate(out=tmp_path / "eval", candidates=["offline"], cases=2, turns=2)
    assert result.summary is not None


async def test_what_the_readme_shows_runs_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    cells = [cell for cell in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "from i2a import" in cell]
    assert cells
    for cell in cells:
        exec(cell, {})
    assert to_dataframe("runs/python").tree.nunique() == 4


def test_a_script_prints_nothing_that_it_did_not_ask_for(tmp_path: Path) -> None:
    code = "from i2a import simulate\nprint(simulate(out='run', conversations=2, turns=1).finished)"
    assert python(code, tmp_path) == "2"
    code = (
        "from rich.console import Console\nfrom i2a import simulate\n"
        "simulate(out='shown', conversations=2, turns=1, console=Console(force_terminal=True, width=100))"
    )
    assert "conversations" in python(code, tmp_path)


def test_an_evaluation_draws_its_curves_as_the_command_does(tmp_path: Path) -> None:
    evaluate(out=tmp_path / "eval", candidates=["offline", "brief:offline"], cases=2, turns=2)
    assert {"curves.png", "curves.svg", "scores.jsonl", "summary.json"} <= {
        f.name for f in (tmp_path / "eval").iterdir()
    }


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_model_is_trained_with_its_card(tmp_path: Path) -> None:
    simulate(out=tmp_path / "corpus", conversations=6, turns=3)
    few: dict[str, Any] = {"runs": [tmp_path / "corpus"], "max_steps": 2, "batch": 4, "lora": False}
    train_sft(model=str(checkpoint(tmp_path / "base")), out=tmp_path / "sft", **few)
    result = train_dpo(model=str(tmp_path / "sft"), out=tmp_path / "dpo", **few)
    assert result["steps"] == 2
    assert json.loads((tmp_path / "dpo/result.json").read_text("utf-8")) == result
    for stage, method in (("sft", "supervised fine-tuning"), ("dpo", "direct preference optimisation")):
        assert method in (tmp_path / stage / "README.md").read_text("utf-8")
