"""DPO is TRL's own, on our tokens: the same rows, losses and weights; its reference is the model it starts from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from i2a.errors import Interrupted
from i2a.runs.training_folder import read_log
from tests.tiny import checkpoint
from tests.training.trainings import SMALL, equal, interrupt_after, refusal, train, weights
from training.corpus import Corpus
from training.rows import PairFilter, dpo_rows

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def adapter(corpus: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What SFT with LoRA leaves behind."""
    out = tmp_path_factory.mktemp("adapter") / "out"
    train("sft", corpus, base, out, lora=True, max_steps=3)
    return out


def trl_alone(rows: Sequence[Mapping[str, Any]], base: Path, out: Path) -> DPOTrainer:
    """TRL as it comes, on the conversational rows."""
    arguments = DPOConfig(
        output_dir=str(out),
        per_device_train_batch_size=SMALL["micro_batch"],
        gradient_accumulation_steps=SMALL["batch"] // SMALL["micro_batch"],
        max_steps=SMALL["max_steps"],
        learning_rate=SMALL["learning_rate"],
        lr_scheduler_type="cosine",
        warmup_steps=0,
        seed=0,
        beta=0.1,
        max_length=None,
        bf16=False,
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        activation_checkpointing=False,
    )
    talk = Dataset.from_list([{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    model = AutoModelForCausalLM.from_pretrained(base)
    words = AutoTokenizer.from_pretrained(base)
    return DPOTrainer(model=model, args=arguments, train_dataset=talk, processing_class=words)


@pytest.fixture(scope="module")
def whole(corpus: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dpo") / "whole"
    train("dpo", corpus, base, out)
    return out


def test_tokens_losses_and_weights_are_those_of_trl_alone(
    corpus: Path, base: Path, whole: Path, tmp_path: Path
) -> None:
    rows = list(Corpus.read([corpus], dpo_rows, PairFilter()).rows())
    alone = trl_alone(rows, base, tmp_path)
    alone.train()
    losses = [line["loss"] for line in alone.state.log_history if "loss" in line]
    assert [line["loss"] for line in read_log(whole / "log.jsonl")] == losses
    mine = weights(whole)
    theirs = alone.model.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_the_margin_grows_from_nothing(whole: Path) -> None:
    log = read_log(whole / "log.jsonl")
    assert log[0]["rewards/margins"] == 0.0
    assert log[0]["loss"] == pytest.approx(0.6931, abs=1e-4)
    # Each step has four other pairs: their mean tells, not the last.
    assert fmean(line["rewards/margins"] for line in log[1:]) > 0.1
    assert fmean(line["loss"] for line in log[1:]) < log[0]["loss"]


def test_an_adapter_of_sft_goes_on_as_one_and_is_its_own_reference(
    corpus: Path, base: Path, adapter: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert train("dpo", corpus, adapter, out)["adapter"]
    assert read_log(out / "log.jsonl")[0]["rewards/margins"] == 0.0
    assert weights(out).keys() == weights(adapter).keys()
    assert not equal(weights(out), weights(adapter))
    assert not (out / "ref").exists()
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), out)


def test_an_adapter_can_be_merged_and_trained_in_full(corpus: Path, adapter: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert not train("dpo", corpus, adapter, out, lora=False)["adapter"]
    assert read_log(out / "log.jsonl")[0]["rewards/margins"] == 0.0
    AutoModelForCausalLM.from_pretrained(out)


def test_a_new_adapter_is_measured_against_the_model_without_it(corpus: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert train("dpo", corpus, base, out, lora=True, learning_rate=0.03)["adapter"]
    log = read_log(out / "log.jsonl")
    assert log[0]["rewards/margins"] == 0.0
    assert log[-1]["rewards/margins"] > 0.1


@pytest.mark.parametrize("start", ["base", "adapter"])
def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    corpus: Path, base: Path, adapter: Path, tmp_path: Path, start: str
) -> None:
    model = base if start == "base" else adapter
    train("dpo", corpus, model, tmp_path / "whole")
    out = tmp_path / "out"
    with pytest.raises(Interrupted), interrupt_after(2, out):
        train("dpo", corpus, model, out)
    train("dpo", corpus, model, out, resume=True)
    assert equal(weights(out), weights(tmp_path / "whole"))
    one, other = (read_log(path / "log.jsonl")[-1] for path in (out, tmp_path / "whole"))
    assert one["rewards/margins"] == other["rewards/margins"]


def test_an_sft_term_keeps_the_chosen_replies_likelier(corpus: Path, base: Path, whole: Path, tmp_path: Path) -> None:
    train("dpo", corpus, base, tmp_path / "out", sft_weight=1.0)
    logps = [read_log(path / "log.jsonl")[-1]["logps/chosen"] for path in (tmp_path / "out", whole)]
    assert logps[0] > logps[1]


@pytest.mark.parametrize("loss", ["ipo", "hinge"])
def test_other_losses_are_other_trainings(corpus: Path, base: Path, whole: Path, tmp_path: Path, loss: str) -> None:
    train("dpo", corpus, base, tmp_path / "out", loss=loss, max_steps=2)
    assert read_log(tmp_path / "out/log.jsonl")[0]["loss"] != read_log(whole / "log.jsonl")[0]["loss"]


def test_a_changed_model_under_the_same_name_is_another_training(corpus: Path, tmp_path: Path) -> None:
    checkpoint(tmp_path / "base")
    train("dpo", corpus, tmp_path / "base", tmp_path / "out", max_steps=1)
    checkpoint(tmp_path / "base", seed=1)
    said = refusal("dpo", corpus, tmp_path / "base", tmp_path / "out", max_steps=1, resume=True)
    assert "model.fingerprint was" in said
