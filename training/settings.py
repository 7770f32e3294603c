"""The settings of `i2a train sft` and `i2a train dpo`: one model each for flags, TOML files and Python.

The defaults are for an instruct model of about 7B parameters; `--help` says why each is what it is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from i2a.settings import read, settle

MISSING = {
    "runs": "name the corpus: one or more folders of runs, e.g. runs/first",
    "model": "name the model to start from with --model, e.g. --model Qwen/Qwen2.5-7B-Instruct",
    "out": "say where to write with --out, e.g. --out runs/trained",
}
# What may differ from one session of a training to the next.
RUNTIME = {"out", "resume", "view", "micro_batch", "gradient_checkpointing", "save_every", "keep", "report_to"}


class Training(BaseModel):
    """What both stages can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    full_rate: ClassVar[float]
    lora_rate: ClassVar[float]

    runs: list[Path] = Field(min_length=1)
    model: str
    revision: str | None = None
    out: Path
    lora: bool | None = None
    lora_rank: int = Field(16, ge=1)
    lora_alpha: int = Field(32, ge=1)
    dtype: Literal["auto", "bf16", "fp32"] = "auto"
    min_margin: float | None = None
    both_orders: bool = False
    validation: float = Field(0.0, ge=0, le=0.5)
    packing: Literal["tree", "rows"] | None = None
    max_length: int = Field(4096, ge=8)
    epochs: float = Field(1.0, gt=0)
    max_steps: int | None = Field(None, ge=1)
    batch: int = Field(48, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    seed: int = Field(0, ge=0)
    micro_batch: int = Field(4, ge=1)
    gradient_checkpointing: bool | None = None
    save_every: int = Field(100, ge=1)
    keep: int = Field(2, ge=2)
    report_to: list[Literal["tensorboard", "wandb", "trackio"]] = []
    resume: bool = False
    view: Literal["live", "quiet"] = "live"

    def rate(self, *, adapter: bool) -> float:
        """The learning rate: the one that was given, else that of the stage."""
        return self.learning_rate or (self.lora_rate if adapter else self.full_rate)

    @property
    def identity(self) -> dict[str, Any]:
        """What a resumed training must share with the one it goes on with, and can be read off the settings alone."""
        return self.model_dump(mode="json", exclude=RUNTIME | {"runs", "model", "revision", "packing"})


class SFT(Training):
    """Supervised fine-tuning. An adapter learns well at ten times the rate of full fine-tuning."""

    full_rate, lora_rate = 1e-5, 1e-4

    target: Literal["preferred", "rejected"] = "preferred"
    mix: str | None = None
    mix_ratio: float = Field(0.2, gt=0, lt=1)


class DPO(Training):
    """Direct preference optimisation."""

    full_rate, lora_rate = 5e-7, 5e-6

    beta: float = Field(0.1, gt=0)
    loss: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    sft_weight: float = Field(0.0, ge=0)

    @field_validator("label_smoothing")
    @classmethod
    def _has_a_loss(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("loss") != "sigmoid":
            raise PydanticCustomError("loss", "it goes with the sigmoid loss only")
        return value


STAGES: dict[str, type[Training]] = {"sft": SFT, "dpo": DPO}
Stage = TypeVar("Stage", bound=Training)


def settings(stage: type[Stage], file: Path | None, flags: Mapping[str, Any]) -> Stage:
    """What a TOML file and flags say together; flags win. Raises `UsageError` that names the setting and its place."""
    stored = read(stage, file) if file else {}
    return settle(stage, stored, flags, file=file, missing=MISSING)
