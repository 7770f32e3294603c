"""GRPO on packed trees against TRL's GRPOTrainer on each row alone: in fp64 the same loss and the same gradients."""

import copy
import random
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback, TrainerCallback, TrainingArguments
from trl import GRPOConfig, GRPOTrainer

from tests.training.packing.cases import FP32, PLAIN, WORDS, arguments, tiny
from training.packing.grpo import GRPOLoss, PackedGRPOTrainer, Reply, grpo_features
from training.packing.tree import Feature

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:You are using")

TEMPERATURE = 0.7
LOSSES = [
    GRPOLoss("dapo", temperature=TEMPERATURE),
    GRPOLoss("dapo", 0.2, 0.28, beta=0.3, temperature=TEMPERATURE),
    GRPOLoss("grpo", beta=0.05),
    GRPOLoss("dr_grpo", 0.1, 0.1, beta=0.05, temperature=TEMPERATURE, max_tokens=9),
]


def siblings(turns: int, width: int, seed: int) -> list[Reply]:
    """Replies to each message along one path, some of which begin alike, with what they were drawn with and are worth.

    Some replies have no score: they are in the history of others, or nowhere."""
    chance = random.Random(seed)

    def said() -> list[int]:
        return [chance.randrange(250) for _ in range(chance.randint(2, 8))]

    history, found = said(), []
    for _ in range(turns):
        prompt, opening = history + said(), said()
        replies = [(opening if chance.random() < 0.5 else []) + said() for _ in range(width)]
        for reply in replies:
            if chance.random() < 0.8:
                sampled = torch.tensor([-chance.uniform(4, 7) for _ in reply]).tolist()  # numbers that fp32 has
                found.append(Reply((prompt + reply, len(prompt)), sampled, chance.choice([-1.5, -0.5, 0, 0.5, 1.25])))
        history = prompt + chance.choice(replies)
    return found


DIALOGUES = [siblings(turns, width, seed) for seed, (turns, width) in enumerate([(3, 4), (2, 2), (4, 3), (1, 5)])]

REPLIES = [reply for dialogue in DIALOGUES for reply in dialogue]
FEATURES = [feature for dialogue in DIALOGUES for feature in grpo_features(dialogue)]


def start(family: str = "Llama", *, lora: bool = False) -> Any:
    made = tiny(family).double()
    if not lora:
        return made
    torch.manual_seed(2)
    made = get_peft_model(made, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in made.named_parameters():
        if "lora" in name:
            weight.data = 0.1 * torch.randn_like(weight)
    return made.double()


def another(model: Any) -> Any:
    torch.manual_seed(1)
    other = copy.deepcopy(model)
    for weight in other.parameters():
        weight.data += 0.02 * torch.randn_like(weight) * (weight.ndim > 1)
    return other


def packed(model: Any, loss: GRPOLoss, folder: Path, features: Sequence[Feature], **changed: Any) -> PackedGRPOTrainer:
    own = {name: changed.pop(name) for name in ("ref_model", "updates", "epochs", "max_tokens") if name in changed}
    args = TrainingArguments(**arguments(folder, **({"max_steps": 1} | PLAIN | changed)))
    return PackedGRPOTrainer(model, args, loss=loss, collect=lambda iteration: features, **own)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def of_trees(model: Any, loss: GRPOLoss, folder: Path, features: Sequence[Feature], **changed: Any) -> float:
    """The loss of one step; its gradients stay in the model."""
    trainer = packed(model, loss, folder, features, **changed)
    [batch], number = trainer.get_batch_samples(iter(trainer.get_train_dataloader()), 1, trainer.args.device)
    found = 0.0
    for pack in batch["packs"]:
        share: Any = trainer.compute_loss(model, pack, num_items_in_batch=number)
        share.backward()
        found += share.item()
    return found


def of_trl(model: Any, loss: GRPOLoss, folder: Path, replies: Sequence[Reply], reference: list[torch.Tensor]) -> float:
    """Likewise by TRL, row after row: with padding a row stands elsewhere, and norms and angles are fp32 even then."""
    args = GRPOConfig(
        **arguments(
            folder,
            loss_type=loss.kind,
            epsilon=loss.epsilon_low,
            epsilon_high=loss.epsilon_high,
            temperature=loss.temperature,
            max_completion_length=loss.max_tokens,
            num_generations=2,
            per_device_train_batch_size=2,
        )
    )
    data = datasets.Dataset.from_list([{"prompt": "a"}] * 2)
    trainer = GRPOTrainer(model, lambda **_: [0.0], args=args, train_dataset=data, processing_class=WORDS)
    trainer.current_gradient_accumulation_steps, trainer.beta = 1, loss.beta
    trainer.model.train()
    total = sum(len(reply.sampled) for reply in replies)
    found = 0.0
    for reply, frozen in zip(replies, reference, strict=True):
        ids, at = reply.tokens
        inputs = {
            "prompt_ids": torch.tensor([ids[:at]]),
            "prompt_mask": torch.ones(1, at, dtype=torch.long),
            "completion_ids": torch.tensor([ids[at:]]),
            "completion_mask": torch.ones(1, len(ids) - at, dtype=torch.long),
            "advantages": torch.tensor([reply.advantage]),
            "old_per_token_logps": torch.tensor([reply.sampled]),
            "ref_per_token_logps": frozen,
            "num_items_in_batch": torch.tensor(total),
        }
        share = trainer._compute_loss(model, inputs) / (1 if loss.kind == "dapo" else len(replies))
        share.backward()
        found += share.item()
    return found


def references(model: Any, replies: Sequence[Reply], temperature: float) -> list[torch.Tensor]:
    """Of each reply the log-probabilities (1, n) under a reference, from its row alone."""
    found = []
    with torch.no_grad():
        for reply in replies:
            ids, at = reply.tokens
            logps = (model(torch.tensor([ids])).logits[0, at - 1 : -1] / temperature).log_softmax(-1)
            found.append(logps.gather(-1, torch.tensor(ids[at:])[:, None]).T)
    return found


def assert_same(one: Any, other: Any, rounding: float) -> None:
    ours, theirs = gradients(one), gradients(other)
    assert ours
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=0, atol=rounding * float(gradient.abs().max()))


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.kind}-{loss.beta}")
def test_loss_and_gradients_are_those_of_trl_on_rows(tmp_path: Path, loss: GRPOLoss, lora: bool) -> None:
    """TRL's head is fp32."""
    one, other = start(lora=lora), start(lora=lora)
    with other.disable_adapter() if lora else nullcontext():
        beside = other if lora else another(one)
        frozen = references(beside, REPLIES, loss.temperature)
    mine = of_trees(one, loss, tmp_path, FEATURES, ref_model=None if lora else beside)
    theirs = of_trl(other, loss, tmp_path, REPLIES, frozen)
    assert mine == pytest.approx(theirs, rel=8 * FP32)
    assert_same(one, other, 64 * FP32)


@pytest.mark.parametrize("family", ["GPTNeoX", "Qwen2"])
@pytest.mark.parametrize("loss", LOSSES[1:], ids=lambda loss: loss.kind)
def test_trees_are_their_rows_alone(tmp_path: Path, loss: GRPOLoss, family: str) -> None:
    """Trees of several dialogues in a pass, trees in parts, and each row in a pass of its own. Gradients go through no
    fp32 in GPT-NeoX; the norms of Qwen2 are fp32 in any model."""
    rounding = 1e-9 if family == "GPTNeoX" else 64 * FP32
    one, parts, rows = start(family), start(family), start(family)
    beside = another(one)
    given: Any = {"ref_model": beside}
    found = of_trees(one, loss, tmp_path, FEATURES, **given)
    halved = [feature for dialogue in DIALOGUES for feature in grpo_features(dialogue, max_tokens=60)]
    assert len(halved) > len(FEATURES)
    alone = [feature for reply in REPLIES for feature in grpo_features([reply])]
    for other, features in ((parts, halved), (rows, alone)):
        assert found == pytest.approx(of_trees(other, loss, tmp_path, features, max_tokens=1, **given), rel=1e-9)
        assert_same(one, other, rounding)


class Told:
    """Brings some dialogues of each iteration, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, iteration: int) -> list[Feature]:
        self.asked.append(iteration)
        return FEATURES[iteration % 2 :]


def trained(folder: Path, steps: int = 12, **changed: Any) -> tuple[PackedGRPOTrainer, Told]:
    """Three iterations of two epochs of two steps, as far as `steps`."""
    told, model = Told(), start()
    settings = {"max_steps": 12, "optim": "adamw_torch", "learning_rate": 1e-3}
    args = TrainingArguments(**arguments(folder, **settings, save_strategy="steps", save_steps=4))
    loss = GRPOLoss(beta=0.1)
    trainer = PackedGRPOTrainer(model, args, loss=loss, collect=told, updates=2, epochs=2, ref_model=another(model))

    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = state.global_step >= steps

    trainer.add_callback(Stop())
    trainer.remove_callback(PrinterCallback)
    trainer.train(**changed)
    return trainer, told


def test_each_iteration_is_asked_for_once_and_trained_on_in_parts(tmp_path: Path) -> None:
    trainer, told = trained(tmp_path)
    assert told.asked == [0, 1, 2]
    lines = [line for line in trainer.state.log_history if "loss" in line]
    assert len(lines) == 12
    assert [line["step"] for line in lines if "mismatch/mean" in line] == [1, 5, 9]
    assert all(line["mismatch/max"] >= line["mismatch/mean"] > 0 for line in lines if "mismatch/mean" in line)
    assert all({"policy_loss", "kl", "entropy", "clip_share", "drift"} <= line.keys() for line in lines)
    assert lines[0]["kl"] > 0  # the reference is another model


def test_it_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, _ = trained(tmp_path / "whole")
    trained(tmp_path / "parts", 6)
    rest, told = trained(tmp_path / "parts", resume_from_checkpoint=str(tmp_path / "parts/checkpoint-4"))
    assert told.asked == [1, 2]
    ours, theirs = rest.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], weight) for name, weight in theirs.items())


def test_rounding_of_the_sampler_changes_nothing(tmp_path: Path) -> None:
    """Log-probabilities that agree with those of training but for the batch they were drawn in are taken for equal; and
    what is farther away is a mismatch, and corrected for."""
    trainer = packed(start(), GRPOLoss(), tmp_path, FEATURES)
    now = trainer.prepared(FEATURES)
    exact = [{**feature, "sampled": made["reference"]} for feature, made in zip(FEATURES, now, strict=True)]
    noisy = [{**feature, "sampled": [value + 5e-5 for value in feature["sampled"]]} for feature in exact]
    far = [{**feature, "sampled": [value + 0.1 for value in feature["sampled"]]} for feature in exact]
    assert trainer.prepared(noisy) == trainer.prepared(exact)
    assert trainer.prepared(far)[0]["sampled"] == far[0]["sampled"]
    assert trainer.news["mismatch/mean"] == pytest.approx(0.1, rel=1e-4)
    assert trainer.news["mismatch/kl"] == pytest.approx(0.1**2 / 2, rel=0.1)
