"""`i2a train sft`: the loss is on the reply alone. On packed trees, or by TRL's SFTTrainer on rows; tokens are ours."""

from typing import Any

from rich.console import Console
from transformers import TrainingArguments
from trl import SFTConfig, SFTTrainer

from training.material import Material
from training.packing.sft import PackedSFTTrainer
from training.prepare import Kind
from training.rows import sft_rows
from training.settings import SFT
from training.stage import Card, run
from training.table import SFT_ROWS


class RowTrainer(SFTTrainer):
    """Writes no model card: ours says more."""

    def create_model_card(self, *_: Any, **__: Any) -> None: ...


def trainer(material: Material, config: SFT) -> RowTrainer | PackedSFTTrainer:
    data = {
        "train_dataset": material.rows,
        "eval_dataset": material.validation,
        "processing_class": material.tokenizer,
    }
    if material.packed:
        return PackedSFTTrainer(material.adapted(), TrainingArguments(**material.arguments), **data)
    # `max_length`: nothing is cut here; rows have been made to fit, by dropping their oldest turns.
    arguments = SFTConfig(**material.arguments, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    return RowTrainer(material.model, arguments, peft_config=material.lora, **data)


KIND = Kind("sft", sft_rows, SFT_ROWS, trainer)


def sft(config: SFT, console: Console | None = None, card: Card | None = None) -> dict[str, Any]:
    """Fine-tune a model, see `stage.run`."""
    return run(KIND, config, console, card)
