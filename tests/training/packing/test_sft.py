"""SFT on packed trees against TRL's SFTTrainer on one row per reply."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import TrainingArguments
from trl import SFTConfig, SFTTrainer

from tests.tiny import CHATML, model, tokenizer
from tests.training.packed_cases import FP32, PLAIN, REWRITES, Pair, arguments, conversation, divergence, losses
from training.packing.sft import PackedSFTTrainer
from training.packing.tree import pack

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ROUNDING = 8 * FP32

UNEQUAL = [conversation(turns, seed) for seed, turns in enumerate([2, 3, 3, 2, 1, 4, 4, 1])]


def trl_sft(start: Any, words: Any, conversations: Sequence[Sequence[Pair]], folder: Path, **changed: Any) -> Any:
    """The replies that the dialogue went on through, each as a row of its own."""
    rows = [
        {"prompt": prompt, "completion": [{"role": "assistant", "content": chosen}]}
        for pairs in conversations
        for prompt, chosen, _ in pairs
    ]
    args = SFTConfig(**arguments(folder, max_length=None, **changed))
    dataset = datasets.Dataset.from_list(rows)
    return SFTTrainer(copy.deepcopy(start), args=args, train_dataset=dataset, processing_class=words)


def trees(trainer: Any, conversations: Sequence[Sequence[Pair]]) -> list[dict[str, Any]]:
    tokenised = iter(trainer.train_dataset)
    features = []
    for pairs in conversations:
        examples = [next(tokenised) for _ in pairs]
        groups = [[(example["input_ids"], _start(example["labels"]))] for example in examples]
        features += [tree.feature() for tree in pack(groups)]
    return features


def _start(labels: list[int]) -> int:
    return next(at for at, label in enumerate(labels) if label != -100)


def packed_sft(start: Any, features: Any, folder: Path, **changed: Any) -> PackedSFTTrainer:
    own = {"eval_dataset": changed.pop("eval_dataset", None)}
    args = TrainingArguments(**arguments(folder, **{"per_device_train_batch_size": 2} | changed))
    return PackedSFTTrainer(copy.deepcopy(start), args, train_dataset=features, **own)


@pytest.mark.parametrize(("template", "bushy"), [(CHATML, False), (REWRITES, False), (CHATML, True)])
def test_it_trains_as_trl_does_on_rows(tmp_path: Path, template: str, bushy: bool) -> None:
    words = tokenizer(template)
    start = model(words, family="Qwen2", initializer_range=0.2).double()
    conversations = [conversation(3, seed, bushy=True) for seed in range(4)] if bushy else UNEQUAL
    size = 14 if bushy else 5
    rows = trl_sft(start, words, conversations, tmp_path / "rows", per_device_train_batch_size=size, **PLAIN)
    packed = packed_sft(start, trees(rows, conversations), tmp_path / "trees", **PLAIN)
    rows.train()
    packed.train()
    assert len(losses(packed)) == len(losses(rows)) > 1
    for name in ("loss", "grad_norm", "mean_token_accuracy"):
        assert losses(packed, name) == pytest.approx(losses(rows, name), rel=ROUNDING), name
    assert divergence(rows.model, packed.model, dict(start.named_parameters())) < ROUNDING


def test_tokens_weigh_the_same_however_they_are_accumulated(tmp_path: Path) -> None:
    words = tokenizer()
    start = model(words, initializer_range=0.2).double()
    one = PLAIN | {"per_device_train_batch_size": 1}
    rows = trl_sft(start, words, UNEQUAL, tmp_path / "rows", gradient_accumulation_steps=5, **one)
    packed = packed_sft(start, trees(rows, UNEQUAL), tmp_path / "trees", gradient_accumulation_steps=2, **one)
    rows.train()
    packed.train()
    assert losses(packed) == pytest.approx(losses(rows), rel=ROUNDING)
    assert divergence(rows.model, packed.model, dict(start.named_parameters())) < ROUNDING


def test_evaluation_is_the_mean_over_all_tokens(tmp_path: Path) -> None:
    words = tokenizer()
    start = model(words, initializer_range=0.2).double()
    rows = trl_sft(start, words, UNEQUAL, tmp_path / "rows", per_device_eval_batch_size=20)
    rows.eval_dataset = rows.train_dataset
    features = trees(rows, UNEQUAL)
    packed = packed_sft(start, features, tmp_path / "trees", eval_dataset=features, per_device_eval_batch_size=3)
    theirs, ours = rows.evaluate(), packed.evaluate()
    assert ours["eval_loss"] == pytest.approx(theirs["eval_loss"], rel=ROUNDING)
    assert ours["eval_mean_token_accuracy"] == pytest.approx(theirs["eval_mean_token_accuracy"], rel=ROUNDING)


def test_a_path_is_one_sequence(tmp_path: Path) -> None:
    """What the dialogue went on through, and nothing else: no mask, and each token once."""
    words = tokenizer()
    path = [({"role": "user", "content": "a"}, "b"), ({"role": "user", "content": "c"}, "d")]
    first: Pair = ([path[0][0]], "b", "-")
    second: Pair = ([path[0][0], {"role": "assistant", "content": "b"}, path[1][0]], "d", "-")
    start = model(words)
    rows = trl_sft(start, words, [[first, second]], tmp_path / "rows")
    features = trees(rows, [[first, second]])
    trainer = packed_sft(start, features, tmp_path / "trees")
    [pack] = trainer.data_collator(features)["packs"]
    assert pack["chain"]
    assert words.decode(pack["input_ids"][0]).count("<|im_start|>") == 4
    assert torch.equal(pack["position_ids"][0], torch.arange(pack["input_ids"].shape[1]))
