"""The structured answers of the roles. Parsed from model output, hence pydantic; the reason comes first."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from i2a.trees.tree import Inference

__all__ = ["Answer", "Inference", "Preference"]


class Answer(BaseModel):
    """A structured answer. Unknown keys are ignored; a missing or wrong one is an error, never a default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: str = Field(description="One or two sentences, written before the answer")


class Preference(Answer):
    """Which of two replies this user would rather get, as shown in the prompt."""

    winner: Literal["1", "2"]

    @field_validator("winner", mode="before")
    @classmethod
    def _number(cls, winner: object) -> object:
        """A model that writes 1 for "1" means the same."""
        return str(winner) if type(winner) is int else winner
