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


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_the_one_of_this_checkout(package: str) -> None:
    # openai-agents also installs a package `agents`, which Python would mix up with ours without a word.
    file = importlib.import_module(package).__file__
    assert file is not None
    assert Path(file).parent == CHECKOUT / package


# Names that still mean two classes. Empty in the end.
TWINS = {
    "Answer", "Batch", "Choice", "Entry", "Message", "Pair", "Part", "Person", "Reply", "Result", "RowTrainer", "Score",
    "Session", "Source", "Task", "Training", "Trait", "Usage", "Verdict", "_Part",
}  # fmt: skip


def test_a_class_name_means_one_class() -> None:
    modules = defaultdict[str, list[str]](list)
    for package in PACKAGES:
        for file in (CHECKOUT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    modules[node.name].append(str(file.relative_to(CHECKOUT)))
    assert {name: files for name, files in modules.items() if len(files) > 1 and name not in TWINS} == {}


def test_the_published_schema_is_that_of_the_code() -> None:
    published = CHECKOUT / "i2a" / "trees" / "tree.schema.json"
    assert json.loads(published.read_text("utf-8")) == schema(), "run: python -m i2a.trees.json"
