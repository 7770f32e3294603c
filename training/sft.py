"""`i2a train sft`: supervised fine-tuning; the loss is on the reply alone. On packed trees, or by TRL on rows."""

from functools import partial

from rich.console import Console
from transformers import TrainingArguments
from trl import SFTConfig, SFTTrainer

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.runs.training_folder import Card
from training.data import SFT_COLUMNS, TokenizedData
from training.mix import general_rows
from training.packing.sft import PackedSFTTrainer
from training.rows import sft_rows
from training.run import TrainingRun
from training.settings import SFT


class RowSFTTrainer(SFTTrainer):
    """TRL's, without its model card: ours says more."""

    def create_model_card(self, *_: object, **__: object) -> None: ...


def sft(config: SFT, console: Console | None = None, card: Card | None = None) -> JsonObject:
    """Fine-tune a model; returns what `result.json` holds. With a console, progress is shown there.

    `card` writes the model card. Raises `UsageError` for unusable settings, before a model is loaded or a file is
    overwritten, and `Interrupted` after Ctrl-C.
    """
    with TrainingRun.open("sft", config, console) as run:
        if _tokenize(run, config) is None:
            return run.result
        trainer = _trainer(run)
        run.fit(trainer)
        return run.save(trainer, card)


def sft_trainer(config: SFT) -> RowSFTTrainer | PackedSFTTrainer:
    """The trainer of `sft` before its first step, to change or to `train()` yourself.

    The tokens of its rows and its checkpoints are in `config.out`. Raises `UsageError` as `sft` does, and for a folder
    whose training has finished.
    """
    with TrainingRun.open("sft", config) as run:
        if _tokenize(run, config) is None:
            raise UsageError(f"{config.out} holds a finished training; choose another --out")
        return _trainer(run)


def _tokenize(run: TrainingRun, config: SFT) -> TokenizedData | None:
    more = partial(general_rows, config.mix, config.mix_ratio, config.seed) if config.mix else None
    return run.tokenize(sft_rows, SFT_COLUMNS, config.pairs(target=config.target), more)


def _trainer(run: TrainingRun) -> RowSFTTrainer | PackedSFTTrainer:
    with run.console.status("Loading the model"):
        if run.setup.packs:
            arguments = TrainingArguments(**run.arguments())
            return PackedSFTTrainer(run.model_with_adapter(), arguments, **run.datasets())
        # `max_length`: nothing is cut here; rows were made to fit by dropping their oldest turns.
        config = SFTConfig(**run.arguments(), max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
        return RowSFTTrainer(run.model(), config, peft_config=run.new_adapter, **run.datasets())
