"""The precision that a local model is loaded in."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from i2a.models.local import HFModel
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.client import HFConfig
from i2a.models.local.loading import Source, _dtype
from i2a.models.local.precision import Timing
from tests.tiny import checkpoint

NATIVE, EMULATED = Timing(fp32=2.0, bf16=1.0), Timing(fp32=1.0, bf16=60.0)


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose weights are stored in bfloat16."""
    folder = checkpoint(tmp_path_factory.mktemp("halves"))
    AutoModelForCausalLM.from_pretrained(folder).bfloat16().save_pretrained(folder)
    return folder


def loaded(folder: Path, asked: str, timing: Timing) -> tuple[object, int]:
    source = Source(str(folder), None, asked, "cpu")
    dtype, warnings = _dtype(source, torch.device("cpu"), Checkpoint.find(str(folder)), lambda rows, width: timing)
    return dtype, len(warnings)


def test_weights_in_halves_stay_so_on_a_cpu_that_is_faster_with_them(halves: Path) -> None:
    assert loaded(halves, "auto", NATIVE) == (torch.bfloat16, 0)
    assert loaded(halves, "auto", EMULATED) == (torch.float32, 0)
    assert loaded(halves, "float32", NATIVE) == (torch.float32, 0)


def test_halves_that_are_asked_for_are_taken_and_warned_about_where_they_are_slow(halves: Path) -> None:
    assert loaded(halves, "bfloat16", NATIVE) == (torch.bfloat16, 0)
    assert loaded(halves, "bfloat16", EMULATED) == (torch.bfloat16, 1)


def test_weights_in_fp32_stay_in_fp32(tmp_path: Path) -> None:
    assert loaded(checkpoint(tmp_path), "auto", NATIVE) == (torch.float32, 0)


def test_a_resumed_run_keeps_the_precision_that_it_began_with(halves: Path) -> None:
    model = HFModel(HFConfig(name=str(halves), device="cpu"))
    for dtype in ("bfloat16", "float32"):
        model.resume({"dtype": dtype})
        assert model.describe()["dtype"] == dtype
    asked = HFModel(HFConfig(name=str(halves), device="cpu", dtype="float32"))
    asked.resume({"dtype": "bfloat16"})
    assert asked.describe()["dtype"] == "float32"
