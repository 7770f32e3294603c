"""The house stands as it is drawn."""

import importlib
import json
from pathlib import Path

import pytest

from i2a.trees.json import schema

CHECKOUT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["i2a", "agents", "scenarios", "training", "evaluation"])
def test_each_package_is_the_one_of_this_checkout(package: str) -> None:
    # openai-agents also installs a package `agents`, which Python would mix up with ours without a word.
    file = importlib.import_module(package).__file__
    assert file is not None
    assert Path(file).parent == CHECKOUT / package


def test_the_published_schema_is_that_of_the_code() -> None:
    published = CHECKOUT / "i2a" / "trees" / "tree.schema.json"
    assert json.loads(published.read_text("utf-8")) == schema(), "run: python -m i2a.trees.json"
