"""How the settings of a training are carried out on this machine: precision, processes, and whether trees are packed.

Settled before any weights are loaded; the same in every process.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, Self

import torch

from i2a.errors import UsageError
from training import ranks
from training.model import Start
from training.packing.check import NotPackable, check_packable, no_dropout
from training.settings import DPO, Training


@dataclass(frozen=True)
class Packing:
    """Trees or rows; `why_rows`: what keeps this model from trees, if they were not ruled out by the settings."""

    kind: Literal["tree", "rows"]
    why_rows: str | None = None

    @classmethod
    def of(cls, config: Training, start: Start, *, adapter: bool) -> Self:
        """Raises `NotPackable` if trees are asked for by name and the model cannot do them."""
        if config.packing == "rows":
            return cls("rows")
        try:
            if ranks.deepspeed():
                raise NotPackable("trees cannot be packed with DeepSpeed, which steps after every backward pass")
            model = start.skeleton(adapter=adapter)
            preferences = isinstance(config, DPO)
            if preferences:
                no_dropout(model)
            check_packable(model, dropout=not preferences)
        except NotPackable as reason:
            if config.packing == "tree":
                raise NotPackable(f"{reason}; take --packing rows") from None
            return cls("rows", str(reason))
        return cls("tree")


@dataclass(frozen=True)
class Way:
    """What the settings come to. `micro_batch`: the rows that a process takes at once, if they are not packed."""

    adapter: bool
    bf16: bool
    learning_rate: float
    processes: int
    micro_batch: int
    accumulation: int
    packing: Packing

    @classmethod
    def of(cls, config: Training, start: Start, processes: int) -> Self:
        """Raises `UsageError`: GPUs or a batch that cannot be used so, or a reporter that is not there."""
        if processes == 1 and torch.cuda.device_count() > 1:
            raise UsageError(
                f"{torch.cuda.device_count()} GPUs, and one process: `accelerate launch --config_file "
                '"$(i2a train accelerate ddp)" -m i2a.cli train ...` uses all, CUDA_VISIBLE_DEVICES=0 one'
            )
        able = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        if config.dtype == "bf16" and torch.cuda.is_available() and not able:
            raise UsageError("this GPU has no bf16; take --dtype fp32")
        share, rest = divmod(config.batch, processes)
        if rest:
            raise UsageError(
                f"--batch {config.batch} cannot be shared by {processes} processes; take a multiple of that"
            )
        for reporter in config.report_to:
            if find_spec(reporter) is None:
                raise UsageError(f"--report-to {reporter} needs the package {reporter}: pip install {reporter}")
        adapter = start.adapter if config.lora is None else config.lora
        micro = max(size for size in range(1, min(config.micro_batch, share) + 1) if share % size == 0)
        bf16 = able if config.dtype == "auto" else config.dtype == "bf16"
        packing = Packing.of(config, start, adapter=adapter)
        return cls(adapter, bf16, config.rate(adapter=adapter), processes, micro, share // micro, packing)

    def about(self, arguments: Any) -> dict[str, Any]:
        """For the result and the card; `arguments` are those of the trainer."""
        trees = self.packing.kind == "tree"
        held = {"trees_per_step": arguments.per_device_train_batch_size * self.processes}
        settings = {
            "learning_rate": self.learning_rate,
            "dtype": "bf16" if self.bf16 else "fp32",
            "processes": self.processes,
            "packing": self.packing.kind,
            "why_rows": self.packing.why_rows,
            **(held if trees else {"micro_batch": self.micro_batch}),
        }
        return {"adapter": self.adapter, "settings": settings}
