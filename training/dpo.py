"""`i2a train dpo`: the reference is the model it starts from. On packed trees, or by TRL's DPOTrainer on rows."""

from typing import Any

from rich.console import Console
from transformers import TrainingArguments
from trl import DPOConfig, DPOTrainer

from training import ranks
from training.material import Material
from training.packing.dpo import DPOLoss, PackedDPOTrainer
from training.prepare import Kind
from training.rows import dpo_rows
from training.settings import DPO
from training.stage import Card, run
from training.table import DPO_ROWS


class RowTrainer(DPOTrainer):
    """Takes rows that are tokens already, which TRL 1.16 lets only SFT do; writes no model card: ours says more."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def create_model_card(self, *_: Any, **__: Any) -> None: ...


def trainer(material: Material, config: DPO) -> RowTrainer | PackedDPOTrainer:
    data = {
        "train_dataset": material.rows,
        "eval_dataset": material.validation,
        "processing_class": material.tokenizer,
    }
    return _on_trees(material, config, data) if material.packed else _on_rows(material, config, data)


def _on_trees(material: Material, config: DPO, data: dict[str, Any]) -> PackedDPOTrainer:
    """The trainer gets the model before a checkpoint is loaded, so that the reference is the same after a resume."""
    reference: dict[str, Any] = {"precompute_reference": True}
    if ranks.sharded():  # beside it: the model without a new adapter, else one of its own
        reference = {} if material.lora else {"ref_model": material.reference()}
    loss = DPOLoss(config.loss, config.beta, config.label_smoothing, config.sft_weight)
    return PackedDPOTrainer(material.adapted(), TrainingArguments(**material.arguments), loss=loss, **reference, **data)


def _on_rows(material: Material, config: DPO, data: dict[str, Any]) -> RowTrainer:
    """With a new adapter, TRL switches it off for the reference; with one the model brings, it keeps a copy of it."""
    arguments = DPOConfig(**material.arguments, **trl_loss(config), max_length=None, beta=config.beta)
    has_adapter = material.lora is not None or hasattr(material.model, "peft_config")
    reference = None if has_adapter else material.reference()
    return RowTrainer(material.model, ref_model=reference, args=arguments, peft_config=material.lora, **data)


def trl_loss(config: DPO) -> dict[str, Any]:
    """The loss in TRL's settings. TRL 1.16 smooths no labels of `sigmoid`, but has `robust`, which for a quarter of
    wrong labels is 3/2 of the loss less 1/2 of that with swapped labels: enough to put the smoothed loss together."""
    flipped = config.label_smoothing
    losses: dict[str, float] = {config.loss: 1 + 2 * flipped}
    if flipped:
        losses["robust"] = -2 * flipped
    if config.sft_weight:
        losses["sft"] = config.sft_weight
    return {
        "loss_type": list(losses),
        "loss_weights": list(losses.values()),
        "label_smoothing": 0.25 if flipped else 0.0,
    }


KIND = Kind("dpo", dpo_rows, DPO_ROWS, trainer)


def dpo(config: DPO, console: Console | None = None, card: Card | None = None) -> dict[str, Any]:
    """Train on preferences, see `stage.run`."""
    return run(KIND, config, console, card)
