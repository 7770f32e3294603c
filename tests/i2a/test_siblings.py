"""Where another project's package has the name of one of ours, the first import says so, with the way out."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import agents
from i2a.errors import ForeignPackage
from i2a.siblings import ROOT, SIBLINGS, check


def python(*args: str | Path, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python in a folder, with `path` before all else."""
    env = {**os.environ, "PYTHONPATH": str(path or "")}
    return subprocess.run(
        [sys.executable, *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def openai_agents(tmp_path: Path) -> Path:
    """An environment in which openai-agents comes first."""
    package = tmp_path / "lib" / "site-packages" / "agents"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("class Agent: ...\n")
    return package.parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of a user's own, with a package `training` and one `scenarios` in it."""
    for name in ("training", "scenarios"):
        (tmp_path / "project" / name).mkdir(parents=True)
        (tmp_path / "project" / name / "__init__.py").touch()
    return tmp_path / "project"


def test_ours_pass() -> None:
    check(*SIBLINGS)


@pytest.mark.parametrize(
    "args",
    [
        ("-m", "i2a.cli", "simulate", "--help"),
        ("-c", "from i2a import simulate"),
        ("-c", "from scenarios import simulate"),
    ],
    ids=" ".join,
)
def test_a_foreign_agents_is_named_with_the_way_out(args: tuple[str, ...], openai_agents: Path, tmp_path: Path) -> None:
    done = python(*args, cwd=tmp_path, path=openai_agents)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert f"`agents` is {openai_agents / 'agents'} here, not the package of i2a" in " ".join(last.split())
    assert last.endswith("install i2a into an environment of its own")


@pytest.mark.parametrize("words", [("train", "sft", "runs/first"), ("simulate", "--out", "run")], ids=" ".join)
def test_a_folder_of_the_users_own_is_named_with_the_way_out(words: tuple[str, ...], project: Path) -> None:
    done = python("-m", "i2a.cli", *words, cwd=project)
    assert done.returncode == 2
    said = f"i2a: `scenarios` is {project / 'scenarios'} here, not the package of i2a: run `python -P`"
    assert done.stderr.startswith(said), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (project / "run").exists()


def test_the_way_out_works(project: Path) -> None:
    done = python("-P", "-m", "i2a.cli", "train", "sft", "--help", cwd=project)
    assert done.returncode == 0, done.stderr


def test_only_what_is_needed_has_to_be_ours(project: Path) -> None:
    shutil.rmtree(project / "scenarios")
    assert python("-c", "from i2a import Tree, read_trees, simulate", cwd=project).returncode == 0
    done = python("-c", "from i2a import train_sft", cwd=project)
    assert f"`training` is {project / 'training'} here" in done.stderr.splitlines()[-1]


def test_a_folder_that_is_no_package_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    assert python("-m", "i2a.cli", "train", "accelerate", "ddp", cwd=tmp_path).returncode == 0


def test_a_package_of_ours_that_was_written_over_is_found(tmp_path: Path) -> None:
    for name in ("i2a", "agents", "scenarios"):
        shutil.copytree(ROOT / name, tmp_path / "lib" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "lib" / "agents" / "__init__.py").write_text("class Agent: ...\n")
    done = python("-c", "from i2a import simulate", cwd=tmp_path, path=tmp_path / "lib")
    assert "was overwritten by another project's package `agents`" in done.stderr.splitlines()[-1]


def test_who_looks_for_openai_agents_in_ours_is_told_whose_it_is() -> None:
    with pytest.raises(ImportError, match="that of i2a, and has no Agent; openai-agents installs one"):
        from agents import Agent  # noqa: F401
    assert not hasattr(agents, "no_such_thing")


def test_it_is_an_import_error_too() -> None:
    with pytest.raises(ImportError, match="no_such_package"):
        check("no_such_package")
    assert issubclass(ForeignPackage, ImportError)
