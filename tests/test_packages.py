"""The house stands as it is drawn."""

import ast
import importlib
import json
from collections import defaultdict
from pathlib import Path

import pytest

from i2a.trees.json import schema

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("i2a", "agents", "scenarios", "training", "evaluation")
AUTOGEN = {"agents/role.py", "i2a/models/autogen.py"}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_the_one_of_this_checkout(package: str) -> None:
    # openai-agents also installs a package `agents`, which Python would mix up with ours without a word.
    file = importlib.import_module(package).__file__
    assert file is not None
    assert Path(file).parent == CHECKOUT / package


def test_a_class_name_means_one_class() -> None:
    modules = defaultdict[str, list[str]](list)
    for package in PACKAGES:
        for file in (CHECKOUT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    modules[node.name].append(str(file.relative_to(CHECKOUT)))
    assert {name: files for name, files in modules.items() if len(files) > 1} == {}


def test_the_published_schema_is_that_of_the_code() -> None:
    published = CHECKOUT / "i2a" / "trees" / "tree.schema.json"
    assert json.loads(published.read_text("utf-8")) == schema(), "run: python -m i2a.trees.json"


def imported(file: Path) -> set[str]:
    """The top-level packages that a module imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_autogen_is_met_in_two_files_only() -> None:
    files = [file for package in PACKAGES for file in (CHECKOUT / package).rglob("*.py")]
    meet = {
        file.relative_to(CHECKOUT).as_posix()
        for file in files
        if any(name.startswith("autogen") for name in imported(file))
    }
    assert meet == AUTOGEN


def test_a_users_type_checker_reads_our_types() -> None:
    assert all((CHECKOUT / package / "py.typed").exists() for package in PACKAGES)
