"""The settings of `i2a train base`. Loads no library."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

RUNTIME = {"out", "resume", "view"}


class Base(BaseModel):
    """What can be set. `threads` belongs to the identity: with another number sums come out a little different."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    out: Path
    seed: int = Field(0, ge=0)
    tokens: int = Field(1_200_000, ge=2_000)
    vocabulary: int = Field(6_000, ge=300, le=32_000)
    hidden: int = Field(192, ge=32, multiple_of=32)
    layers: int = Field(3, ge=2, le=12)
    heads: int = Field(4, ge=4)
    learning_rate: float = Field(5e-4, gt=0)
    threads: int = Field(2, ge=1)
    resume: bool = False
    view: Literal["live", "quiet"] = "live"

    @field_validator("heads")
    @classmethod
    def _share_the_width(cls, heads: int, info: ValidationInfo) -> int:
        hidden = info.data.get("hidden", heads * 2)
        if hidden % (2 * heads) or hidden < 8 * heads:
            raise ValueError(f"each head needs an even share of --hidden {hidden}, 8 or more")
        return heads
