"""A checkpoint is found and opened the same way for inference and for training."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import IA3Config, LoraConfig, PeftConfig, PeftModel, PromptTuningConfig, VBLoRAConfig, get_peft_model
from safetensors.torch import load_file, save_file
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
        "somebody/else": "is no folder, and no model of that name can be downloaded from the Hugging Face hub",
        "runs/trained/sft": "there is no folder runs/trained/sft",
        str(tmp_path / "sft"): f"there is no folder {tmp_path / 'sft'}",
        str(tmp_path): "holds no model",
        str(tmp_path / "unfinished"): "contains an unfinished training; --resume it first",
        str(
            gone
        ): "is an adapter, and its base is not there: there is no folder /nowhere; put the base back, or change",
        str(broken): "cannot be read; save the adapter again",
    }
    for name, reason in reasons.items():
        with pytest.raises(UsageError) as error:
            Checkpoint.find(name)
        assert reason in str(error.value)
        assert "\n" not in str(error.value)


def test_an_adapter_finds_its_base_where_both_were_moved_together(tmp_path: Path) -> None:
    base = tiny.checkpoint(tmp_path / "old/runs/base")
    folder = adapter(Checkpoint.find(str(base)), tmp_path / "old/runs/sft/model")
    expected = Checkpoint.find(str(folder)).fingerprint
    moved = Path(shutil.move(tmp_path / "old", tmp_path / "new"))
    found = Checkpoint.find(str(moved / "runs/sft"))
    assert found.base is not None
    assert found.base.folder == moved / "runs/base"
    assert found.fingerprint == expected
    shutil.move(moved / "runs/base", tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=f"its base is not there: there is no folder {tmp_path}/old/runs/base; put"):
        Checkpoint.find(str(moved / "runs/sft"))


def test_a_hub_that_does_not_answer_is_given_up_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        code = (
            "import time; from i2a.models.local import checkpoint as module; module.HUB_TIMEOUT = 0.5\n"
            "start = time.monotonic()\n"
            "try: module.Checkpoint.find('somebody/else')\n"
            "except module.UsageError as error: print(time.monotonic() - start, error)"
        )
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{deaf.getsockname()[1]}", "HF_HUB_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | hub, capture_output=True, text=True, timeout=100, check=True
        )
    seconds, _, said = done.stdout.partition(" ")
    assert said.startswith("somebody/else is no folder, and no model of that name can be downloaded from the Hugging")
    assert float(seconds) < 10


# Weights that do not fit.


def changed(base: Path, folder: Path, change: Callable[[str, torch.Tensor], Any], **config: Any) -> Checkpoint:
    """A copy whose weights are renamed or replaced: `change` gives a name, a weight, or None to leave it out."""
    shutil.copytree(base, folder)
    (file,) = folder.glob("*.safetensors")
    kept: dict[str, torch.Tensor] = {}
    for name, weight in load_file(file).items():
        new = change(name, weight)
        if new is not None:
            kept |= {new: weight} if isinstance(new, str) else {name: new}
    save_file(kept, file, {"format": "pt"})
    settings = folder / "config.json"
    if settings.exists():
        settings.write_text(json.dumps(json.loads(settings.read_text("utf-8")) | config), "utf-8")
    return Checkpoint.find(str(folder))


MISFITS: dict[str, tuple[Callable[[str, torch.Tensor], Any], dict[str, Any]]] = {
    "has no weights for lm_head.weight, model.embed_tokens.weight, model.layers.0.input_layernorm.weight and 18 more; "
    "save it again without the prefix '_orig_mod.'": (lambda name, _: f"_orig_mod.{name}", {}),
    "save it again without the prefix 'module.'": (lambda name, _: f"module.{name}", {}),
    "has weights that the model has no place for: model.layers.1._orig_mod.": (
        lambda name, _: name.replace("layers.1.", "layers.1._orig_mod."),
        {},
    ),
    "has no weights for model.layers.1.mlp.up_proj.weight; save or download it again": (
        lambda name, _: None if "layers.1.mlp.up" in name else name,
        {},
    ),
    "has no weights for lm_head.weight": (lambda name, _: None if name == "lm_head.weight" else name, {}),
    "has weights of another shape for model.layers.0.mlp.up_proj.weight, 5x32 instead of 64x32; config.json": (
        lambda name, weight: weight[:5].clone() if name == "model.layers.0.mlp.up_proj.weight" else weight,
        {},
    ),
    "has no weights for model.layers.2.": (lambda name, _: name, {"num_hidden_layers": 3}),
    "has weights that the model has no place for: model.layers.1.": (lambda name, _: name, {"num_hidden_layers": 1}),
}


@pytest.mark.parametrize("reason", MISFITS)
def test_weights_that_are_missing_or_have_no_place_are_named(reason: str, tmp_path: Path) -> None:
    change, config = MISFITS[reason]
    found = changed(tiny.checkpoint(tmp_path / "base"), tmp_path / "changed", change, **config)
    with pytest.raises(UsageError) as error:
        found.load(torch.float32)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="cannot be used"):
        load(Source(found.name, None, "float32", "cpu"))


def test_weights_that_nobody_needs_may_be_there_or_missing(tmp_path: Path) -> None:
    base = tiny.checkpoint(tmp_path / "base")
    (file,) = base.glob("*.safetensors")
    more = {
        "v_head.weight": torch.ones(8),
        "model.visual.blocks.0.weight": torch.ones(8),
        "mtp.layers.0.weight": torch.ones(8),
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8),
    }
    save_file(load_file(file) | more, file, {"format": "pt"})
    assert Checkpoint.find(str(base)).load(torch.float32)
    tied = tiny.checkpoint(tmp_path / "tied", tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(next(tied.glob("*.safetensors")))
    assert Checkpoint.find(str(tied)).load(torch.float32)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    base = Checkpoint.find(str(tiny.checkpoint(tmp_path / "base")))
    folder = adapter(base, tmp_path / "adapter")
    renamed = changed(folder, tmp_path / "renamed", lambda name, _: name.replace(".layers.", ".blocks."))
    cut = changed(folder, tmp_path / "cut", lambda name, _: None if ".layers.1." in name else name)
    for found, reason in ((renamed, "its base has no place for"), (cut, "it has no weights for")):
        for trainable in (True, False):
            with pytest.raises(UsageError, match=reason):
                found.load(torch.float32, trainable_adapter=trainable)


@pytest.mark.parametrize(
    "form",
    [
        LoraConfig(use_dora=True, target_modules="all-linear"),
        LoraConfig(target_modules=["q_proj"], modules_to_save=["lm_head"]),
        LoraConfig(target_modules=["q_proj"], trainable_token_indices=[1, 2]),
        IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
        VBLoRAConfig(r=4, num_vectors=8, vector_length=4, target_modules=["q_proj"]),
    ],
    ids=["DoRA", "modules to save", "trainable tokens", "IA3", "VB-LoRA"],
)
def test_what_training_takes_inference_takes(form: PeftConfig, tmp_path: Path) -> None:
    model = get_peft_model(Checkpoint.find(str(tiny.checkpoint(tmp_path / "base"))).load(torch.float32), form)
    model.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    found = Checkpoint.find(str(tmp_path / "adapter"))
    trained, served = found.load(torch.float32, trainable_adapter=True), found.load(torch.float32)
    assert torch.allclose(logits(trained), logits(served), atol=1e-5)


def test_an_adapter_that_cannot_be_merged_is_refused_by_both(tmp_path: Path) -> None:
    form = PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    model = get_peft_model(Checkpoint.find(str(tiny.checkpoint(tmp_path / "base"))).load(torch.float32), form)
    model.save_pretrained(tmp_path / "adapter")
    for trainable in (True, False):
        with pytest.raises(UsageError, match="an adapter of type PROMPT_TUNING has no weights that could be merged"):
            Checkpoint.find(str(tmp_path / "adapter")).load(torch.float32, trainable_adapter=trainable)


# Tokens beyond the embeddings.


def test_tokens_without_an_embedding_get_one_the_same_each_time(tmp_path: Path) -> None:
    def smaller(name: str, weight: torch.Tensor) -> torch.Tensor:
        return weight[:-3].clone() if name in ("lm_head.weight", "model.embed_tokens.weight") else weight

    base = tiny.checkpoint(tmp_path / "base")
    words = Checkpoint.find(str(base)).config().vocab_size
    found = changed(base, tmp_path / "small", smaller, vocab_size=words - 3, pad_token_id=words + 7)
    assert found.warnings == ("3 tokens had no embedding: each starts as the mean of all",)
    assert Checkpoint.find(str(base)).warnings == ()
    one, other = found.load(torch.float32), load(Source(found.name, None, "float32", "cpu"))
    table = one.get_input_embeddings().weight
    assert len(table) == len(one.get_output_embeddings().weight) == words
    assert torch.allclose(table[-3:], table[:-3].mean(0).expand(3, -1))
    assert torch.equal(table, other.model.get_input_embeddings().weight)
    assert found.warnings[0] in other.warnings
