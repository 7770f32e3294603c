"""`i2a train` packs trees where it can: the same training as on rows, resumed to the same bits, and said where not."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from i2a.errors import Interrupted
from i2a.report.cards.model import model_card
from i2a.runs.training_folder import read_log
from tests.tiny import checkpoint, tokenizer
from tests.training.trainings import SMALL, equal, interrupt_after, refusal, train, weights
from training.corpus import Corpus
from training.dpo import dpo
from training.packing.check import NotPackable
from training.packing.dpo import DPOLoss
from training.rows import PairFilter, dpo_rows, sft_rows
from training.settings import DPO

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

stages = pytest.mark.parametrize("stage", ["sft", "dpo"])


@pytest.fixture(scope="module")
def adapter(corpus: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What SFT on trees leaves behind with LoRA."""
    out = tmp_path_factory.mktemp("adapter") / "out"
    train("sft", corpus, base, out, lora=True, max_steps=3, packing=None)
    return out


@pytest.fixture(scope="module")
def bloom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose attention goes by places in the sequence."""
    from transformers import BloomConfig, BloomForCausalLM

    folder = tmp_path_factory.mktemp("bloom")
    words = tokenizer()
    torch.manual_seed(0)
    BloomForCausalLM(BloomConfig(vocab_size=len(words), hidden_size=32, n_layer=2, n_head=2)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def log(out: Path) -> list[dict[str, Any]]:
    return read_log(out / "log.jsonl")


# What is chosen.


@stages
def test_trees_are_the_default_and_the_log_says_what_they_save(
    corpus: Path, base: Path, tmp_path: Path, stage: str
) -> None:
    out = tmp_path / "out"
    result = train(stage, corpus, base, out, packing=None, batch=6)
    assert (result["settings"]["packing"], result["settings"]["why_rows"]) == ("tree", None)
    assert result["tokens_saved"] > 1.3
    assert min(line["tokens_saved"] for line in log(out)) > 1.3
    assert log(out)[-1]["loss"] < log(out)[0]["loss"]
    assert "| packing | tree |" in (out / "README.md").read_text()
    if stage == "dpo":
        assert {"rewards/chosen", "rewards/margins", "rewards/accuracies", "logps/chosen"} <= log(out)[0].keys()
        assert result["last"]["rewards/margins"] > 0.1


def test_a_model_whose_trees_would_not_be_exact_is_trained_on_rows_and_it_is_said(
    corpus: Path, bloom: Path, tmp_path: Path
) -> None:
    said = io.StringIO()
    config = DPO(**SMALL | {"packing": None, "runs": [corpus], "model": str(bloom), "out": tmp_path / "out"})
    result = dpo(config, Console(file=said, width=500), card=model_card)
    reason = "trees cannot be packed for BloomForCausalLM: its forward takes no position_ids"
    assert f"{reason}; training falls back to rows" in said.getvalue()
    assert (result["settings"]["packing"], result["settings"]["why_rows"]) == ("rows", reason)
    assert result["tokens_saved"] is None
    assert f"| why_rows | {reason} |" in (tmp_path / "out/README.md").read_text()
    assert json.loads((tmp_path / "out/manifest.json").read_text())["identity"]["packing"] == "rows"


def test_whoever_asks_for_trees_by_name_gets_no_rows(corpus: Path, bloom: Path, tmp_path: Path) -> None:
    assert "take --packing rows" in refusal("sft", corpus, bloom, tmp_path / "out", packing="tree")
    assert not (tmp_path / "out").exists()


def test_dropout_in_attention_is_for_rows_in_dpo_alone(corpus: Path, tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "base", attention_dropout=0.1)
    kinds = {
        stage: train(stage, corpus, model, tmp_path / stage, packing=None, max_steps=1)["settings"]
        for stage in ("sft", "dpo")
    }
    assert {stage: settings["packing"] for stage, settings in kinds.items()} == {"sft": "tree", "dpo": "rows"}
    assert "attention_dropout" in kinds["dpo"]["why_rows"]


def test_deepspeed_is_for_rows(corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    assert "DeepSpeed" in refusal("sft", corpus, base, tmp_path / "out", packing="tree")


def test_weights_that_fail_the_trial_leave_nothing_behind(
    corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise NotPackable("trees cannot be packed")

    monkeypatch.setattr("training.packing.trainer.check_packable", fails)
    assert "take --packing rows" in refusal("sft", corpus, base, tmp_path / "out", packing=None)
    assert not (tmp_path / "out").exists()


@stages
def test_a_training_on_trees_does_not_go_on_with_rows(corpus: Path, base: Path, tmp_path: Path, stage: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(Interrupted), interrupt_after(2, out):
        train(stage, corpus, base, out, packing=None)
    said = refusal(stage, corpus, base, out, packing="rows", resume=True)
    assert "packing was 'tree' and now is 'rows'" in said
    assert train(stage, corpus, base, out, packing="tree", resume=True)["steps"] == 6


# It is the same training.


@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        ("sft", {}),
        ("sft", {"lora": True}),
        ("dpo", {}),
        ("dpo", {"lora": True}),
        ("dpo", {"loss": "ipo"}),
        ("dpo", {"loss": "hinge"}),
        ("dpo", {"label_smoothing": 0.2}),
        ("dpo", {"sft_weight": 0.5, "label_smoothing": 0.1}),
    ],
)
def test_with_the_same_rows_in_each_step_trees_and_rows_learn_the_same(
    corpus: Path, base: Path, tmp_path: Path, stage: str, settings: dict[str, Any]
) -> None:
    """The whole corpus is a step: two conversations."""
    two = tmp_path / "two.jsonl"
    two.write_text("".join((corpus / "trees.jsonl").read_text("utf-8").splitlines(keepends=True)[:2]), encoding="utf-8")
    size = sum(1 for _ in Corpus.read([two], sft_rows if stage == "sft" else dpo_rows, PairFilter()).rows())
    step = {"batch": size, "micro_batch": size, "max_steps": 3, "schedule": "constant", **settings}
    for packing in ("tree", "rows"):
        train(stage, two, base, tmp_path / packing, packing=packing, **step)
    tree, rows = log(tmp_path / "tree"), log(tmp_path / "rows")
    names = ["loss", "grad_norm"] + (["rewards/margins", "logps/rejected"] if stage == "dpo" else [])
    for name in names:
        assert [line[name] for line in tree] == pytest.approx([line[name] for line in rows], rel=1e-3, abs=2e-4), name
    assert tree[0]["loss"] != tree[-1]["loss"]


def test_smoothed_labels_are_what_they_are_called(corpus: Path, base: Path, tmp_path: Path) -> None:
    """TRL's names for it are put together from others."""
    train("dpo", corpus, base, tmp_path / "out", label_smoothing=0.2, batch=1, learning_rate=0.01)
    first, last = log(tmp_path / "out")[0], log(tmp_path / "out")[-1]
    assert first["loss"] == pytest.approx(0.6931, abs=1e-4)
    chosen, rejected = (torch.tensor([last[f"rewards/{name}"] / 0.1]) for name in ("chosen", "rejected"))
    expected = DPOLoss(label_smoothing=0.2)(chosen, rejected, torch.ones(1, 2))
    assert last["loss"] == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(("start", "lora"), [("base", False), ("base", True), ("adapter", None)])
def test_where_the_reference_cannot_be_computed_before_it_runs_beside(
    corpus: Path,
    base: Path,
    adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: str,
    lora: bool | None,
) -> None:
    """As under FSDP."""
    model = base if start == "base" else adapter
    train("dpo", corpus, model, tmp_path / "before", packing="tree", lora=lora)
    monkeypatch.setattr("training.ranks.sharded", lambda: True)
    train("dpo", corpus, model, tmp_path / "beside", packing="tree", lora=lora)
    for name in ("loss", "rewards/chosen", "rewards/margins"):
        one, other = ([line[name] for line in log(tmp_path / out)] for out in ("before", "beside"))
        assert one == pytest.approx(other, rel=1e-3, abs=1e-4), name


# What an interruption takes away: nothing, and the reference stays where the training began.


@pytest.mark.parametrize(
    ("stage", "start", "lora"),
    [
        ("sft", "base", False),
        ("sft", "base", True),
        ("dpo", "base", False),
        ("dpo", "base", True),
        ("dpo", "adapter", None),
    ],
)
def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    corpus: Path, base: Path, adapter: Path, tmp_path: Path, stage: str, start: str, lora: bool | None
) -> None:
    model = base if start == "base" else adapter
    settings: dict[str, Any] = {"packing": None, "lora": lora, "max_steps": 8, "save_every": 3, "validation": 0.3}
    train(stage, corpus, model, tmp_path / "whole", **settings)
    out = tmp_path / "out"
    with pytest.raises(Interrupted), interrupt_after(4, out):
        train(stage, corpus, model, out, **settings)
    seen = len(log(out))
    train(stage, corpus, model, out, **settings, resume=True)
    assert seen < len(log(out))
    assert equal(weights(out), weights(tmp_path / "whole"))
    learnt = ("loss", "grad_norm", "rewards/chosen", "rewards/margins", "eval_loss", "eval_rewards/margins")
    one, other = (
        [{name: line.get(name) for name in learnt} for line in log(path)] for path in (out, tmp_path / "whole")
    )
    assert one == other
    if stage == "dpo":
        assert one[0]["rewards/margins"] == 0.0
        assert one[7]["rewards/margins"] != 0.0
