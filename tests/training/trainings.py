"""Small trainings for tests: on rows if not told otherwise, a few steps, a high rate; and Ctrl-C in the middle."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from i2a.errors import UsageError
from i2a.report.cards.model import model_card
from i2a.runs.training_folder import read_log
from training.dpo import dpo
from training.settings import DPO, SFT
from training.sft import sft

SMALL: dict[str, Any] = {
    "packing": "rows",
    "batch": 4,
    "micro_batch": 2,
    "max_steps": 6,
    "learning_rate": 3e-3,
    "quiet": True,
}


def train(stage: str, runs: Path | list[Path], model: Path | str, out: Path, **settings: Any) -> dict[str, Any]:
    given = {**SMALL, "runs": runs if isinstance(runs, list) else [runs], "model": str(model), "out": out, **settings}
    return sft(SFT(**given), card=model_card) if stage == "sft" else dpo(DPO(**given), card=model_card)


def refusal(*args: Any, **settings: Any) -> str:
    """The one line that comes of settings that cannot work."""
    with pytest.raises(UsageError) as caught:
        train(*args, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def two_ranks() -> list[dict[str, str]]:
    """The environments of two processes that train together, as a launcher makes them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        world = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    return [os.environ | world | {"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]


def weights(out: Path) -> dict[str, torch.Tensor]:
    (file,) = out.glob("*.safetensors")
    found: dict[str, torch.Tensor] = load_file(file)
    return found


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """To the last bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@contextmanager
def interrupt_after(steps: int, out: Path) -> Iterator[None]:
    """Ctrl-C, as a terminal sends it, once so many steps are in the log."""
    over = Event()

    def watch() -> None:
        while not over.wait(0.002):
            if len(read_log(out / "log.jsonl")) >= steps:
                os.kill(os.getpid(), signal.SIGINT)
                return

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
