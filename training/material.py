"""What a trainer is built from: the model, the rows as trees or one by one, and the arguments both kinds share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import datasets
import torch
from peft import get_peft_model
from transformers import set_seed

from i2a.runs.training_folder import TrainingFolder
from training.model import Start, new_adapter
from training.packing.dataset import PackedRows
from training.prepare import Prepared
from training.settings import Training
from training.way import Way

# A conversation with more makes several trees. All of a tree is in memory at once, and one of ten turns has some 2,000.
LARGEST_TREE = 8192


@dataclass(frozen=True)
class Material:
    """Everything but the settings of a stage.

    `rows` and `validation` (None without) are `datasets.Dataset`s of tokens, or `PackedRows` of them if `packed`;
    `lora` is the new adapter to train, None if there is none or the model brings its own; `reference()` loads the model
    as it was at the start once more; `arguments` are those of `transformers.TrainingArguments`.
    """

    model: Any
    lora: Any
    tokenizer: Any
    packed: bool
    rows: Any
    validation: Any
    reference: Callable[[], Any]
    arguments: dict[str, Any]

    def adapted(self) -> Any:
        """The model with its new adapter, if there is one: the one that TRL would make."""
        if self.lora is None:
            return self.model
        set_seed(self.arguments["seed"])
        return get_peft_model(self.model, self.lora)


def material(
    config: Training, start: Start, tokenizer: Any, way: Way, folder: TrainingFolder, ready: Prepared
) -> Material:
    load = partial(start.load, adapter=way.adapter, bf16=way.bf16)
    packed = way.packing.kind == "tree"
    parts: dict[str, Any] = {part: datasets.Dataset.from_file(str(folder.rows_file(part))) for part in ready.parts}
    batch, accumulation = way.micro_batch, way.accumulation
    if packed:
        parts = {part: PackedRows(rows, max_tokens=LARGEST_TREE) for part, rows in parts.items()}
        batch, accumulation = max(1, round(parts["train"].per_step(config.batch) / way.processes)), 1
    steps = math.ceil(len(parts["train"]) / (batch * accumulation * way.processes))
    return Material(
        model=load(),
        lora=new_adapter(config.lora_rank, config.lora_alpha) if way.adapter and not start.adapter else None,
        tokenizer=tokenizer,
        packed=packed,
        rows=parts["train"],
        validation=parts.get("validation"),
        reference=load,
        arguments={
            **arguments(config, way, folder, steps),
            "per_device_train_batch_size": batch,
            "per_device_eval_batch_size": batch,
            "gradient_accumulation_steps": accumulation,
            "eval_strategy": "steps" if ready.validation else "no",
        },
    )


def arguments(config: Training, way: Way, folder: TrainingFolder, in_epoch: int) -> dict[str, Any]:
    """Of `transformers.TrainingArguments`, all but the data's; `in_epoch`: the steps of an epoch."""
    gpu = torch.accelerator.is_available()
    steps = config.max_steps or config.epochs * in_epoch
    checkpointing = gpu if config.gradient_checkpointing is None else config.gradient_checkpointing
    return {
        "output_dir": str(folder.checkpoints),
        "num_train_epochs": config.epochs,
        "max_steps": config.max_steps or -1,
        "learning_rate": way.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": int(config.warmup * steps),  # the first one has rate 0: a handful of steps need all they have
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "seed": config.seed,
        "bf16": way.bf16,
        "use_cpu": not gpu,
        "activation_checkpointing": checkpointing,
        "save_steps": config.save_every,
        "save_total_limit": config.keep,
        "eval_steps": config.save_every,
        "prediction_loss_only": True,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": config.report_to or "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": gpu,
        "ddp_find_unused_parameters": False,
    }
