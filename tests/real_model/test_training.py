"""SFT and DPO on a real model's weights, tokenizer and template: trees, rows and TRL alone come to the same."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from datasets import Dataset  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer  # noqa: E402

from i2a.models.local.checkpoint import Checkpoint  # noqa: E402
from i2a.models.local.template import ChatTemplate  # noqa: E402
from i2a.runs.training_folder import read_log  # noqa: E402
from tests.training.trainings import train  # noqa: E402
from training.corpus import Corpus  # noqa: E402
from training.packing.check import check_packable  # noqa: E402
from training.rows import PairFilter, dpo_rows, sft_rows  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
STEPS, RATE = 2, 1e-4
# fp32 on another order of sums; with a loss of 4 and a step at this rate.
CLOSE = 2e-4


def losses(stage: str, corpus: Path, model: Path, out: Path, **settings: Any) -> list[float]:
    """Every row in every step, so that trees and rows see the same; in fp32, where rounding cannot tell them apart."""
    settings["dtype"] = "fp32"
    rows = len(list(Corpus.read([corpus], sft_rows if stage == "sft" else dpo_rows, PairFilter()).rows()))
    train(stage, corpus, model, out, batch=rows, max_steps=STEPS, learning_rate=RATE, warmup=0.0, **settings)
    return [line["loss"] for line in read_log(out / "log.jsonl")]


def trl_alone(stage: str, corpus: Path, model: Path, out: Path) -> list[float]:
    """TRL as it comes, on the conversational rows, with its own tokens."""
    rows = list(Corpus.read([corpus], sft_rows if stage == "sft" else dpo_rows, PairFilter()).rows())
    arguments: dict[str, Any] = {
        "output_dir": str(out),
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": len(rows),
        "max_steps": STEPS,
        "learning_rate": RATE,
        "lr_scheduler_type": "cosine",
        "max_length": None,
        "bf16": False,
        "use_cpu": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "activation_checkpointing": False,
    }
    columns = ("prompt", "completion") if stage == "sft" else ("prompt", "chosen", "rejected")
    data = Dataset.from_list([{name: row[name] for name in columns} for row in rows])
    words = AutoTokenizer.from_pretrained(model)
    config, trainer = (SFTConfig, SFTTrainer) if stage == "sft" else (DPOConfig, DPOTrainer)
    alone = trainer(str(model), args=config(**arguments), train_dataset=data, processing_class=words)
    alone.train()
    return [line["loss"] for line in alone.state.log_history if "loss" in line]


@pytest.mark.timeout(600)  # a few seconds of one core each, but on a busy machine
@pytest.mark.parametrize("lora", [False, True], ids=["full", "adapter"])
@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_trees_rows_and_trl_alone_have_the_same_losses(
    stage: str, lora: bool, corpus: Path, reduced: Path, tmp_path: Path
) -> None:
    trees, rows = (
        losses(stage, corpus, reduced, tmp_path / packing, packing=packing, lora=lora) for packing in ("tree", "rows")
    )
    assert trees == pytest.approx(rows, rel=CLOSE)
    assert trees[1] < trees[0]
    if not lora:
        assert trees == pytest.approx(trl_alone(stage, corpus, reduced, tmp_path / "trl"), rel=CLOSE)


def test_the_loss_is_on_the_tokens_that_a_candidate_is_asked_to_write(corpus: Path, smollm2: str) -> None:
    template = ChatTemplate.for_training(Checkpoint.find(smollm2).tokenizer(), smollm2)
    for row in Corpus.read([corpus], sft_rows, PairFilter()).rows():
        reply = row["completion"][0]["content"]
        ids, start = template.tokens(row["prompt"], reply)
        assert ids[:start] == template.prompt(row["prompt"])
        assert template.text(ids[start:]) == reply
        assert template.stop_id in ids[start:]


def test_its_weights_pass_the_self_test_of_packing(reduced: Path) -> None:
    check_packable(AutoModelForCausalLM.from_pretrained(reduced, dtype=torch.float32))
