"""The settings of `i2a train base`. Loads no library."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from i2a.settings import Flag

RUNTIME = {"out", "resume", "quiet"}


class Base(BaseModel):
    """What can be set. `threads` belongs to the identity: another number changes the sums slightly."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    out: Path = Field(description="Folder for the model.", examples=["runs/base"])
    seed: int = Field(0, ge=0, description="The same seed gives the same model.")
    tokens: int = Field(1_200_000, ge=2_000, description="Tokens to train on; with more, the model recalls better.")
    vocabulary: int = Field(6_000, ge=300, le=32_000, description="Size of the vocabulary.")
    hidden: int = Field(192, ge=32, multiple_of=32, description="Width of the model.")
    layers: int = Field(3, ge=2, le=12, description="Number of layers. Copying takes two, finding what to copy three.")
    heads: int = Field(4, ge=4, description="Attention heads of a layer.")
    learning_rate: float = Field(5e-4, gt=0, description="Highest learning rate.")
    threads: int = Field(2, ge=1, description="CPU threads; another number gives slightly different weights.")
    resume: bool = Field(False, description="Continue the training in --out.")
    quiet: Annotated[bool, Flag(was="view")] = Field(False, description="No progress display.")

    @field_validator("heads")
    @classmethod
    def _share_the_width(cls, heads: int, info: ValidationInfo) -> int:
        hidden = info.data.get("hidden", heads * 2)
        if hidden % (2 * heads) or hidden < 8 * heads:
            raise ValueError(f"each head needs an even share of --hidden {hidden}, 8 or more")
        return heads
