"""`i2a train dpo`: direct preference optimisation; the reference is the model it starts from. On packed trees, or by
TRL on rows."""

from typing import Any

from datasets import Dataset
from rich.console import Console
from transformers import TrainingArguments
from trl import DPOConfig, DPOTrainer

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.runs.training_folder import Card
from training import ranks
from training.data import DPO_COLUMNS, TokenizedData
from training.packing.dpo import DPOLoss, PackedDPOTrainer
from training.rows import dpo_rows
from training.run import TrainingRun
from training.settings import DPO


class RowDPOTrainer(DPOTrainer):
    """TRL's, for rows that are tokens already, which TRL 1.16 lets only SFT do; without its model card: ours says
    more."""

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset

    def create_model_card(self, *_: object, **__: object) -> None: ...


def dpo(config: DPO, console: Console | None = None, card: Card | None = None) -> JsonObject:
    """Train a model on preferences; returns what `result.json` holds. With a console, progress is shown there.

    `card` writes the model card. Raises `UsageError` for unusable settings, before a model is loaded or a file is
    overwritten, and `Interrupted` after Ctrl-C.
    """
    with TrainingRun.open("dpo", config, console) as run:
        if _tokenize(run, config) is None:
            return run.result
        trainer = _trainer(run, config)
        run.fit(trainer)
        return run.save(trainer, card)


def dpo_trainer(config: DPO) -> RowDPOTrainer | PackedDPOTrainer:
    """The trainer of `dpo` before its first step, to change or to `train()` yourself.

    The tokens of its rows and its checkpoints are in `config.out`. Raises `UsageError` as `dpo` does, and for a folder
    whose training has finished.
    """
    with TrainingRun.open("dpo", config) as run:
        if _tokenize(run, config) is None:
            raise UsageError(f"{config.out} holds a finished training; choose another --out")
        return _trainer(run, config)


def _tokenize(run: TrainingRun, config: DPO) -> TokenizedData | None:
    return run.tokenize(dpo_rows, DPO_COLUMNS, config.pairs())


def _trainer(run: TrainingRun, config: DPO) -> RowDPOTrainer | PackedDPOTrainer:
    with run.console.status("Loading the model"):
        return _on_trees(run, config) if run.setup.packs else _on_rows(run, config)


def _on_trees(run: TrainingRun, config: DPO) -> PackedDPOTrainer:
    """The trainer gets the model before a checkpoint is loaded, so that the reference is the same after a resume."""
    reference: dict[str, Any] = {"precompute_reference": True}
    if ranks.sharded():  # beside it: the model without a new adapter, else one of its own
        reference = {} if run.new_adapter else {"ref_model": run.model()}
    loss = DPOLoss(config.loss, config.beta, config.label_smoothing, config.sft_weight)
    arguments = TrainingArguments(**run.arguments())
    return PackedDPOTrainer(run.model_with_adapter(), arguments, loss=loss, **reference, **run.datasets())


def _on_rows(run: TrainingRun, config: DPO) -> RowDPOTrainer:
    """With a new adapter, TRL switches it off for the reference; with one the model brings, it keeps a copy of it."""
    arguments = DPOConfig(**run.arguments(), **trl_loss(config), max_length=None, beta=config.beta)
    reference = None if run.setup.adapter else run.model()
    return RowDPOTrainer(
        run.model(), ref_model=reference, args=arguments, peft_config=run.new_adapter, **run.datasets()
    )


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
