"""What the settings of a training come to on a machine with so many processes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from i2a.errors import UsageError
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.precision import Precision, Timing
from tests.training.trainings import SMALL
from training.settings import SFT
from training.setup import TrainingSetup


def resolved(base: Path, processes: int = 1, **settings: Any) -> TrainingSetup:
    config = SFT(**SMALL | {"runs": ["runs/a"], "model": str(base), "out": "runs/b", **settings})
    return TrainingSetup.resolve(config, Checkpoint.find(str(base)), processes)


def test_the_batch_is_shared_by_the_processes_in_equal_parts_that_fit(base: Path) -> None:
    for processes, micro, accumulation in [(1, 8, 6), (2, 8, 3), (3, 8, 2), (16, 3, 1)]:
        setup = resolved(base, processes, batch=48, micro_batch=8)
        assert (setup.micro_batch, setup.accumulation) == (micro, accumulation)
    odd = resolved(base, batch=7, micro_batch=4)
    assert (odd.micro_batch, odd.accumulation) == (1, 7)
    with pytest.raises(UsageError, match="--batch 48 cannot be shared by 5 processes; take a multiple of that"):
        resolved(base, 5, batch=48)


def test_an_adapter_has_its_own_rate_unless_one_is_set(base: Path) -> None:
    assert resolved(base, learning_rate=None).learning_rate == SFT.full_rate
    assert resolved(base, learning_rate=None, lora=True).learning_rate == SFT.lora_rate
    assert resolved(base, lora=True).learning_rate == SMALL["learning_rate"]


def test_several_gpus_want_a_launcher(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    with pytest.raises(UsageError, match="4 GPUs, and one process: `accelerate launch"):
        resolved(base)
    assert resolved(base, 4).processes == 4


def test_trees_are_packed_unless_rows_are_asked_for(base: Path) -> None:
    chosen, default = resolved(base, packing="rows"), resolved(base, packing=None)
    assert (chosen.packs, chosen.packing, chosen.fallback_reason) == (False, "rows", None)
    assert (default.packs, default.packing, default.fallback_reason) == (True, "tree", None)


def test_on_a_cpu_the_precision_is_what_a_measurement_finds_faster(base: Path) -> None:
    if torch.accelerator.is_available():
        pytest.skip("there is an accelerator")
    checkpoint = Checkpoint.find(str(base))
    native, emulated = Timing(fp32=2.0, bf16=1.0), Timing(fp32=1.0, bf16=60.0)

    def found(timing: Timing, dtype: str, began: Precision | None = None) -> tuple[str, bool]:
        config = SFT(**SMALL | {"runs": ["runs/a"], "model": str(base), "out": "runs/b", "dtype": dtype})
        setup = TrainingSetup.resolve(config, checkpoint, 1, began=began, timing=lambda rows, width: timing)
        return setup.precision.name, setup.precision.warning is not None

    assert found(native, "auto") == ("bf16", False)
    assert found(emulated, "auto") == ("fp32", False)
    assert found(native, "bf16") == ("bf16", False)
    assert found(emulated, "bf16") == ("bf16", True)
    assert found(emulated, "fp32") == ("fp32", False)
    # A training goes on in the precision that it began in.
    assert found(native, "auto", began=Precision(False, "as measured then")) == ("fp32", False)


def test_on_a_cpu_trees_attend_with_a_dense_mask(base: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert resolved(base, packing="tree").attention == "sdpa"
    with pytest.raises(UsageError, match="flex attention trains on GPUs only; take --attention sdpa"):
        resolved(base, packing="tree", attention="flex_attention")
    assert resolved(base, attention="flex_attention", packing="rows").attention == "sdpa"
