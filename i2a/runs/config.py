"""The settings that every run has: where it writes, how much it may spend, how fast it goes, whether it resumes."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SESSION_ONLY = {"out", "resume", "retry_failed", "view"}  # say nothing about the run itself


class RunConfig(BaseModel):
    """May differ from one session of a run to the next, while what the run is stays the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path
    concurrency: int = Field(32, ge=1)
    max_calls: int | None = Field(None, ge=1)
    retries: int = Field(8, ge=0)
    max_cost: float | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, gt=0)
    prices: list[str] = []
    resume: bool = False
    retry_failed: bool = False
    view: Literal["live", "quiet"] = "live"

    @property
    def folder(self) -> Path:
        """Where journal and manifest are."""
        return self.out

    @property
    def continues(self) -> bool:
        return self.resume or self.retry_failed

    @property
    def calls_at_once(self) -> int:
        """To one model. A conversation has up to four calls in flight, hence the default."""
        return self.max_calls or 4 * self.concurrency

    def as_json(self) -> dict[str, Any]:
        """The settings as the manifest keeps them."""
        return self.model_dump(mode="json", exclude=SESSION_ONLY)
