"""The settings of a training, resolved for a model and this machine: precision, processes, batch, packed trees or rows.

Resolved before any weights are loaded, and the same in every process.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self

import torch
from transformers import TrainingArguments

from i2a.errors import UsageError
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.precision import TRAINING, Measure, Precision, measure, on_cpu
from training import ranks
from training.packing.check import NotPackable, check_packable, no_dropout
from training.settings import DPO, GRPO, Fitting, Training


@dataclass(frozen=True)
class TrainingSetup:
    """`adapter`: an adapter is trained, not all weights. `packs`: on packed trees, not on rows; `fallback_reason`: why
    on rows, if the settings left it open. `micro_batch`: rows that a process computes at once, if they are not packed.
    `attention`: of packed trees, as transformers names it.
    """

    adapter: bool
    precision: Precision
    learning_rate: float
    processes: int
    micro_batch: int
    accumulation: int
    packs: bool
    fallback_reason: str | None
    attention: str

    @classmethod
    def resolve(
        cls,
        config: Fitting,
        checkpoint: Checkpoint,
        processes: int,
        *,
        began: Precision | None = None,
        timing: Measure = measure,
    ) -> Self:
        """`began`: the precision of the sessions before. `timing` decides on it on a CPU.

        Raises `UsageError`: GPUs, a batch or a precision that cannot be used like this, or a missing reporter;
        `NotPackable` if the settings ask for trees and the model cannot be trained on them."""
        if processes == 1 and torch.cuda.device_count() > 1:
            raise UsageError(
                f"{torch.cuda.device_count()} GPUs, and one process: `accelerate launch --config_file "
                '"$(i2a train accelerate ddp)" -m i2a.cli train ...` uses all, CUDA_VISIBLE_DEVICES=0 one'
            )
        precision = began or ranks.run_on_first(lambda: _precision(config, checkpoint, timing))
        micro, share = (config.micro_batch, _share(config, processes)) if isinstance(config, Training) else (1, 1)
        for reporter in config.report_to:
            if find_spec(reporter) is None:
                raise UsageError(f"--report-to {reporter} needs the package {reporter}: pip install {reporter}")
        adapter = checkpoint.base is not None if config.lora is None else config.lora
        micro = max(size for size in range(1, min(micro, share) + 1) if share % size == 0)
        rate = config.rate(adapter=adapter)
        packs, reason = _packing(config, checkpoint, adapter=adapter)
        attention = _attention(config, checkpoint, packs=packs)
        return cls(adapter, precision, rate, processes, micro, share // micro, packs, reason, attention)

    @property
    def bf16(self) -> bool:
        return self.precision.bf16

    def summary(self, arguments: TrainingArguments) -> dict[str, object]:
        """For the result and the card; `arguments` are those of the trainer."""
        trees = {
            "trees_per_step": arguments.per_device_train_batch_size * self.processes,
            "attention": self.attention,
        }
        settings = {
            "learning_rate": self.learning_rate,
            "dtype": self.precision.name,
            "why_dtype": self.precision.why,
            "processes": self.processes,
            "packing": self.packing,
            "why_rows": self.fallback_reason,
            **(trees if self.packs else {"micro_batch": self.micro_batch}),
        }
        return {"adapter": self.adapter, "settings": settings}

    @property
    def packing(self) -> str:
        """As the settings name it."""
        return "tree" if self.packs else "rows"


def _share(config: Training, processes: int) -> int:
    """Of each process in the batch. Raises `UsageError`."""
    share, rest = divmod(config.batch, processes)
    if rest:
        raise UsageError(f"--batch {config.batch} cannot be shared by {processes} processes; take a multiple of that")
    return share


def _precision(config: Fitting, checkpoint: Checkpoint, timing: Measure) -> Precision:
    """Raises `UsageError` for bf16 on a GPU that has none."""
    if not torch.accelerator.is_available():
        width = checkpoint.config().get_text_config().hidden_size
        return on_cpu(config.dtype, rows=TRAINING, width=width, flag="--dtype bf16", timing=timing)
    able = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if config.dtype == "bf16" and torch.cuda.is_available() and not able:
        raise UsageError("this GPU has no bf16; take --dtype fp32")
    if config.dtype != "auto":
        return Precision(config.dtype == "bf16", "as set")
    return Precision(able, f"the GPU has {'bf16' if able else 'no bf16'}")


def _packing(config: Fitting, checkpoint: Checkpoint, *, adapter: bool) -> tuple[bool, str | None]:
    """Whether trees are packed, and why not if the settings left it open. GRPO has no rows to fall back to."""
    wanted = config.packing if isinstance(config, Training) else "tree"
    if wanted == "rows":
        return False, None
    try:
        if ranks.deepspeed():
            raise NotPackable("trees cannot be packed with DeepSpeed, which steps after every backward pass")
        model = checkpoint.skeleton(adapter=adapter)
        linear = not isinstance(config, DPO | GRPO)  # in log-probabilities
        if not linear:
            no_dropout(model)
        check_packable(model, dropout=linear)
    except NotPackable as reason:
        if wanted == "tree":
            advice = "; take --packing rows" if isinstance(config, Training) else ""
            raise NotPackable(f"{reason}{advice}") from None
        return False, str(reason)
    return True, None


def _attention(config: Fitting, checkpoint: Checkpoint, *, packs: bool) -> str:
    """Raises `UsageError` where flex attention is asked for and has no backward pass, `NotPackable` where it fails."""
    if not packs or config.attention == "sdpa":
        return "sdpa"
    if not torch.cuda.is_available():
        if config.attention == "auto":
            return "sdpa"
        raise UsageError("flex attention trains on GPUs only; take --attention sdpa")
    model = checkpoint.skeleton(adapter=False)
    model.set_attn_implementation("flex_attention")
    try:
        check_packable(model, dropout=True)
    except NotPackable as reason:  # no compiler on the machine, or heads of a size that it does not take
        if config.attention == "auto":
            return "sdpa"
        raise NotPackable(f"{reason}; take --attention sdpa") from None
    return "flex_attention"
