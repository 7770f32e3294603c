"""A small corpus and a small model to train on it, made once."""

from pathlib import Path

import pytest

from scenarios import Simulation, simulate
from tests.tiny import checkpoint


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six conversations, simulated offline."""
    out = tmp_path_factory.mktemp("corpus") / "run"
    simulate(Simulation(out=out, conversations=6, turns=3, seed=3))
    return out


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that nobody has trained."""
    return checkpoint(tmp_path_factory.mktemp("base"))
