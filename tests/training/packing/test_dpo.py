"""DPO on packed trees against TRL's DPOTrainer on the same rows: in fp64 the same losses and the same weights."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from transformers import TrainingArguments

from i2a.errors import UsageError
from tests.tiny import CHATML, model, tokenizer
from tests.training.packing.cases import (
    FP32,
    PLAIN,
    REWRITES,
    arguments,
    conversation,
    divergence,
    groups,
    losses,
    trees,
    trl_dpo,
)
from tests.training.trainings import two_ranks
from training.packing.check import NotPackable
from training.packing.dpo import DPOLoss, PackedDPOTrainer
from training.packing.tree import Row

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:You are using")

# Two conversations a step, five pairs a step, four steps.
UNEQUAL = [conversation(turns, seed) for seed, turns in enumerate([2, 3, 3, 2, 1, 4, 4, 1])]
SLIDING = {"sliding_window": 40}
LOSS = DPOLoss(beta=0.9)

# TRL's log-probabilities are fp32, and so are references that are stored. A pair has four, each of about fifty nats.
ROUNDING = 4 * 50 * FP32


class Case:
    """A model, a reference that differs from it, and what the two trainers make of it."""

    def __init__(
        self, folder: Path, family: str = "Llama", template: str = CHATML, *, exact: bool = True, **config: Any
    ) -> None:
        self.folder, self.tokenizer = folder, tokenizer(template)
        self.start = model(self.tokenizer, family=family, initializer_range=0.2, **config)
        self.reference = copy.deepcopy(self.start)
        torch.manual_seed(1)
        for weight in self.reference.parameters():
            weight.data += 0.02 * torch.randn_like(weight) * (weight.ndim > 1)
        self.steps: dict[str, Any] = {}
        if exact:
            self.start, self.reference, self.steps = self.start.double(), self.reference.double(), PLAIN

    def trl(self, conversations: Any = UNEQUAL, **changed: Any) -> Any:
        own = {"per_device_train_batch_size": 5, "beta": 0.9, "ref_model": copy.deepcopy(self.reference)}
        changed = own | self.steps | changed
        return trl_dpo(copy.deepcopy(self.start), self.tokenizer, conversations, self.folder / "rows", **changed)

    def packed(self, features: Any, loss: DPOLoss = LOSS, **changed: Any) -> Any:
        own: dict[str, Any] = {"ref_model": copy.deepcopy(self.reference)}
        own |= {
            name: changed.pop(name)
            for name in ("ref_model", "precompute_reference", "max_tokens", "eval_dataset")
            if name in changed
        }
        args = TrainingArguments(
            **arguments(self.folder / "trees", **({"per_device_train_batch_size": 2} | self.steps | changed))
        )
        return PackedDPOTrainer(copy.deepcopy(self.start), args, train_dataset=features, loss=loss, **own)

    def apart(self, one: Any, other: Any) -> float:
        start = dict(self.start.named_parameters())
        return divergence(one.model, other.model, start)


def test_it_trains_as_trl_does_on_rows(tmp_path: Path) -> None:
    """In fp32 with Adam, as people train."""
    case = Case(tmp_path, exact=False)
    rows = case.trl()
    packed = case.packed(trees(rows, UNEQUAL))
    rows.train()
    packed.train()
    assert len(losses(packed)) == 4
    names = ["loss", "grad_norm", "logps/chosen", "logps/rejected"]
    names += [f"rewards/{name}" for name in ("chosen", "rejected", "margins", "accuracies")]
    for name in names:
        assert losses(packed, name) == pytest.approx(losses(rows, name), rel=1e-4, abs=1e-4), name
    assert min(losses(packed, "tokens_saved")) > 2.5


@pytest.mark.parametrize("tuning", ["full", "lora"])
@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("Qwen2", {"attn_implementation": "eager"}),
        ("Mistral", SLIDING),
        ("Gemma", {}),
        ("Gemma2", SLIDING | {"attn_implementation": "eager"}),
    ],
)
def test_families_full_and_lora(tmp_path: Path, family: str, config: Any, tuning: str) -> None:
    case = Case(tmp_path, family, **config)
    reference: dict[str, Any] = {}
    if tuning == "lora":
        torch.manual_seed(2)
        case.start = get_peft_model(case.start, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
        reference["ref_model"] = None  # the model without its adapter
    conversations = UNEQUAL[:6]
    # Row by row, for in eager attention padding beyond a window sees nothing, which in fp64 is nan.
    single = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 5}
    rows = case.trl(conversations, **single, **reference)
    packed = case.packed(trees(rows, conversations), **reference)
    if tuning == "lora":  # TRL keeps a copy of the adapter beside it
        rows.model.delete_adapter("ref") if "ref" in rows.model.peft_config else None
    rows.train()
    packed.train()
    assert losses(packed) == pytest.approx(losses(rows), rel=1e-4)
    assert case.apart(packed, rows) < ROUNDING


def test_in_fp64_the_gradient_is_that_of_trl(tmp_path: Path) -> None:
    """One step at the rate of 1 subtracts the gradient."""
    case = Case(tmp_path)
    step: dict[str, Any] = {"learning_rate": 1.0, "max_steps": 1}
    rows = case.trl(**step)
    packed = case.packed(trees(rows, UNEQUAL), **step)
    rows.train()
    packed.train()
    assert losses(packed) == pytest.approx(losses(rows), rel=ROUNDING)
    assert case.apart(rows, packed) < ROUNDING


def test_in_fp64_the_gradient_is_that_of_the_formula(tmp_path: Path) -> None:
    """As above, without TRL's rounding."""
    case = Case(tmp_path)
    rows = case.trl()
    packed = case.packed(trees(rows, UNEQUAL), learning_rate=1.0, max_steps=1)
    packed.train()
    by_hand = copy.deepcopy(case.start)

    def ratio(row: Row) -> torch.Tensor:
        ids, start = torch.tensor([row[0]]), row[1]
        own, reference = (
            net(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[start - 1 :].sum()
            for net in (by_hand, case.reference)
        )
        return own - reference

    pairs = [pair for group in groups(rows, UNEQUAL)[:2] for pair in group]
    margins = torch.stack([ratio(chosen) - ratio(rejected) for chosen, rejected in pairs])
    loss = -F.logsigmoid(0.9 * margins).mean()
    loss.backward()
    torch.optim.SGD(by_hand.parameters(), lr=1.0).step()
    assert losses(packed) == pytest.approx([loss.item()], rel=8 * FP32)
    assert divergence(by_hand, packed.model, dict(case.start.named_parameters())) < 8 * FP32


@pytest.mark.parametrize(("template", "bushy"), [(REWRITES, False), (CHATML, True), (REWRITES, True)])
def test_bushy_trees_and_templates_that_rewrite_history(tmp_path: Path, template: str, bushy: bool) -> None:
    case = Case(tmp_path, template=template)
    conversations = [conversation(3, seed, bushy=bushy) for seed in range(4)]
    rows = case.trl(conversations, per_device_train_batch_size=2 * len(conversations[0]))
    packed = case.packed(trees(rows, conversations))
    rows.train()
    packed.train()
    assert losses(packed) == pytest.approx(losses(rows), rel=1e-4)
    assert case.apart(rows, packed) < ROUNDING


@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        (DPOLoss("hinge", 0.9), {"loss_type": "hinge"}),
        (DPOLoss("ipo", 0.9), {"loss_type": "ipo"}),
        (DPOLoss("robust", 0.9, label_smoothing=0.2), {"loss_type": "robust", "label_smoothing": 0.2}),
        (DPOLoss("sigmoid", 0.9, sft_weight=0.7), {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.7]}),
    ],
    ids=["hinge", "ipo", "robust", "sigmoid + sft"],
)
def test_variants_of_the_loss_are_those_of_trl(tmp_path: Path, loss: DPOLoss, theirs: dict[str, Any]) -> None:
    case = Case(tmp_path)
    rows = case.trl(max_steps=2, **theirs)
    packed = case.packed(trees(rows, UNEQUAL), loss, max_steps=2)
    rows.train()
    packed.train()
    assert losses(packed) == pytest.approx(losses(rows), rel=1e-4)
    assert case.apart(rows, packed) < ROUNDING


def test_label_smoothing_is_conservative_dpo() -> None:
    chosen, rejected, lengths = torch.tensor([0.3, -2.0]), torch.tensor([-0.4, 1.0]), torch.ones(2, 2)
    plain, flipped = DPOLoss(beta=2.0), DPOLoss(beta=2.0, label_smoothing=1.0)
    mixed = DPOLoss(beta=2.0, label_smoothing=0.3)(chosen, rejected, lengths)
    assert torch.allclose(flipped(chosen, rejected, lengths), plain(rejected, chosen, lengths))
    assert torch.allclose(mixed, 0.7 * plain(chosen, rejected, lengths) + 0.3 * flipped(chosen, rejected, lengths))


SAME: dict[str, dict[str, Any]] = {
    "accumulation": {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2},
    "one forward pass a tree": {"max_tokens": 1},
    "one forward pass a batch": {"max_tokens": 10**6},
    "checkpointing": {"activation_checkpointing": True},
}


@pytest.mark.parametrize("way", SAME)
def test_how_a_step_is_computed_changes_nothing(tmp_path: Path, way: str) -> None:
    case = Case(tmp_path)
    features = trees(case.trl(), UNEQUAL)
    one, other = case.packed(features), case.packed(features, **SAME[way])
    one.train()
    other.train()
    assert losses(other) == pytest.approx(losses(one), rel=8 * FP32)
    assert losses(other, "rewards/margins") == pytest.approx(losses(one, "rewards/margins"), rel=8 * FP32)
    assert case.apart(one, other) < 8 * FP32


@pytest.mark.parametrize("kind", ["list", "datasets"])
def test_the_reference_may_be_computed_before_and_is_the_model_as_it_comes(tmp_path: Path, kind: str) -> None:
    case = Case(tmp_path)
    features = trees(case.trl(), UNEQUAL)
    beside = case.packed(features, ref_model=None)
    given = features if kind == "list" else datasets.Dataset.from_list(features)
    before = case.packed(given, ref_model=None, precompute_reference=True, eval_dataset=given)
    beside.train()
    before.train()
    assert before.ref_model is None
    assert losses(before) == pytest.approx(losses(beside), rel=1e-5)
    assert case.apart(beside, before) < ROUNDING
    assert before.evaluate()["eval_loss"] < losses(before)[0]


def adapted(case: Case, **config: Any) -> Any:
    torch.manual_seed(2)
    return get_peft_model(case.start, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **config))


def test_an_adapter_that_was_trained_needs_a_reference_computed_before(tmp_path: Path) -> None:
    case = Case(tmp_path)
    features = trees(case.trl(), UNEQUAL)
    case.start = adapted(case, init_lora_weights=False)
    with pytest.raises(UsageError, match="adapter has been trained before"):
        case.packed(features, ref_model=None)
    trainer = case.packed(features, ref_model=None, precompute_reference=True)
    trainer.train()
    assert losses(trainer)[0] == pytest.approx(0.6931, abs=1e-3)


def test_an_adapter_with_dropout_and_checkpointing_is_trained_without_dropout(tmp_path: Path) -> None:
    case = Case(tmp_path)
    features = trees(case.trl(), UNEQUAL)
    case.start = adapted(case, lora_dropout=0.0)
    plain = case.packed(features, ref_model=None)
    case.start.peft_config["default"].lora_dropout = 0.5
    for module in case.start.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    other = case.packed(features, ref_model=None, activation_checkpointing=True)
    plain.train()
    other.train()
    assert case.apart(plain, other) < 8 * FP32


def test_evaluation_is_that_of_trl(tmp_path: Path) -> None:
    case = Case(tmp_path)
    rows = case.trl(per_device_eval_batch_size=20)
    features = trees(rows, UNEQUAL)
    packed = case.packed(features, per_device_eval_batch_size=3, eval_dataset=features)
    rows.eval_dataset = rows.train_dataset
    theirs, ours = rows.evaluate(), packed.evaluate()
    for name in ("loss", "rewards/chosen", "rewards/margins", "rewards/accuracies", "logps/rejected"):
        assert ours[f"eval_{name}"] == pytest.approx(theirs[f"eval_{name}"], rel=1e-4), name


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_bf16_is_no_farther_from_fp32_than_rows_are(tmp_path: Path, implementation: str) -> None:
    exact = Case(tmp_path, attn_implementation=implementation)
    mixed = Case(tmp_path, attn_implementation=implementation, exact=False)
    step: dict[str, Any] = {"learning_rate": 1.0, "max_steps": 1}
    rows = mixed.trl(bf16=True, **PLAIN | step)
    features = trees(rows, UNEQUAL)
    right, packed = exact.packed(features, **step), mixed.packed(features, bf16=True, **PLAIN | step)
    for trainer in (rows, right, packed):
        trainer.train()
    assert exact.apart(right, packed) < 1.2 * exact.apart(right, rows)


def test_under_fsdp_all_ranks_make_equally_many_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another rank has two more than this one, which fills up with passes that count nothing."""
    case = Case(tmp_path)
    trainer = case.packed(trees(case.trl(), UNEQUAL), max_tokens=1)
    batches = iter(trainer.get_train_dataloader())
    monkeypatch.setattr(trainer, "is_fsdp_enabled", True)
    monkeypatch.setattr(trainer.accelerator, "gather", lambda own: torch.cat([own, own + 2]))
    [batch], total = trainer.get_batch_samples(batches, 1, torch.device("cpu"))
    assert [len(pack["lengths"]) for pack in batch["packs"]] == [6, 4, 0, 0]
    assert total[0] == 5


def test_noise_in_the_embeddings_is_refused(tmp_path: Path) -> None:
    case = Case(tmp_path)
    with pytest.raises(NotPackable, match="NEFTune"):
        case.packed(trees(case.trl(), UNEQUAL), neftune_noise_alpha=5.0)


@pytest.mark.timeout(180)
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """Conversations of unequal length on two ranks: every pair weighs the same."""
    case = Case(tmp_path)
    features = trees(case.trl(), UNEQUAL)
    alone = case.packed(features, ref_model=None, precompute_reference=True, eval_dataset=features)
    alone.train()
    metrics = alone.evaluate()
    case.start.save_pretrained(tmp_path / "start")
    given = arguments(tmp_path / "ranks", per_device_train_batch_size=1, **case.steps)
    torch.save((features, given), tmp_path / "given.pt")
    command = [sys.executable, str(Path(__file__).parent / "rank.py"), str(tmp_path)]
    ranks = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for environment in two_ranks()]
    assert [rank.wait() for rank in ranks] == [0, 0]
    there = torch.load(tmp_path / "result.pt")
    assert [line["loss"] for line in there["log"] if "loss" in line] == pytest.approx(losses(alone), rel=8 * FP32)
    for name in ("loss", "rewards/margins", "logps/chosen", "tokens_saved"):
        assert there["metrics"][f"eval_{name}"] == pytest.approx(metrics[f"eval_{name}"], rel=8 * FP32), name
    theirs = copy.deepcopy(case.start)
    theirs.load_state_dict(there["weights"])
    assert divergence(alone.model, theirs, dict(case.start.named_parameters())) < 8 * FP32
