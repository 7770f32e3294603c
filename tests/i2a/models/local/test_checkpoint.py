"""A checkpoint is found and opened the same way for inference and for training."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from i2a.errors import UsageError
from i2a.models.local import checkpoint as module
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.loading import Source, load
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
HUB_ID = "somebody/a-model"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str | None, Path]:
    """A model on the hub whose weights are others at the revision `pinned`."""
    revisions = {
        name: tiny.checkpoint(tmp_path / f"hub-{name}", seed=seed) for seed, name in enumerate([None, "pinned"])
    }

    def download(name: str, *, revision: str | None, **_: Any) -> str:
        if name != HUB_ID:
            raise OSError("no such model")
        return str(revisions[revision])

    monkeypatch.setattr(module, "snapshot_download", download)
    return revisions


def adapter(base: Checkpoint, folder: Path) -> Path:
    """A new LoRA adapter that moves every logit."""
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", revision=base.revision)
    model = get_peft_model(base.load(torch.float32), config)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.3)
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(torch.arange(20)[None]).logits
    return found


def test_an_adapter_on_a_pinned_base_is_trained_further_and_served_on_that_base(
    hub: dict[str | None, Path], tmp_path: Path
) -> None:
    folder = adapter(Checkpoint.find(HUB_ID, "pinned"), tmp_path / "adapter")
    found = Checkpoint.find(str(folder))
    assert found.base == Checkpoint(HUB_ID, hub["pinned"], "pinned")
    expected = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(hub["pinned"]), folder))
    trained = found.load(torch.float32, trainable_adapter=True)
    served = load(Source(str(folder), None, "float32", "cpu")).model
    for model in (trained, served):
        assert torch.allclose(logits(model), expected, atol=1e-5)
    assert any(weight.requires_grad for weight in trained.parameters())
    wrong = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(hub[None]), folder))
    assert not torch.allclose(wrong, expected, atol=1e-2)


def test_a_new_adapter_names_its_base_and_the_revision_of_it(hub: dict[str | None, Path], tmp_path: Path) -> None:
    folder = adapter(Checkpoint.find(HUB_ID, "pinned"), tmp_path / "adapter")
    written = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert (written["base_model_name_or_path"], written["revision"]) == (HUB_ID, "pinned")


def test_a_folder_that_holds_a_model_folder_stands_for_it(tmp_path: Path) -> None:
    inner = tiny.checkpoint(tmp_path / "run/model")
    outer = Checkpoint.find(str(tmp_path / "run"))
    assert outer.folder == inner
    assert outer.source == str(tmp_path / "run")
    assert outer.fingerprint == Checkpoint.find(str(inner)).fingerprint
    assert outer.context == 4096


def test_a_skeleton_has_the_parts_of_the_model_and_no_weights(tmp_path: Path) -> None:
    base = Checkpoint.find(str(tiny.checkpoint(tmp_path / "base")))
    found = Checkpoint.find(str(adapter(base, tmp_path / "adapter")))
    for trainable in (False, True):
        skeleton, model = found.skeleton(adapter=trainable), found.load(torch.float32, trainable_adapter=trainable)
        assert all(weight.is_meta for weight in skeleton.parameters())
        assert [name for name, _ in skeleton.named_parameters()] == [name for name, _ in model.named_parameters()]


def test_an_adapter_with_more_words_than_its_base_brings_its_tokenizer(tmp_path: Path) -> None:
    base = Checkpoint.find(str(tiny.checkpoint(tmp_path / "base")))
    folder = adapter(base, tmp_path / "adapter")
    words = tiny.tokenizer(specials=("<|im_start|>", "<|more|>", "<|im_end|>"))
    words.save_pretrained(folder)
    model = Checkpoint.find(str(folder)).load(torch.float32)
    assert model.get_input_embeddings().num_embeddings == len(words) > len(base.tokenizer())


def test_what_cannot_be_found_is_one_line(hub: dict[str | None, Path], tmp_path: Path) -> None:
    (tmp_path / "unfinished/checkpoints").mkdir(parents=True)
    folder = adapter(Checkpoint.find(HUB_ID), tmp_path / "adapter")
    gone = shutil.copytree(folder, tmp_path / "gone")
    config = json.loads((gone / "adapter_config.json").read_text("utf-8"))
    (gone / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "/nowhere"}), "utf-8")
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "adapter_config.json").write_text("{}", "utf-8")
    reasons = {
        "somebody/else": "is no folder, and the Hugging Face hub has no model of that name",
        str(tmp_path): "holds no model",
        str(tmp_path / "unfinished"): "contains an unfinished training; --resume it first",
        str(gone): "is an adapter, and its base is not there: /nowhere",
        str(broken): "cannot be read; save the adapter again",
    }
    for name, reason in reasons.items():
        with pytest.raises(UsageError) as error:
            Checkpoint.find(name)
        assert reason in str(error.value)
        assert "\n" not in str(error.value)
