"""The settings of a simulation: one model for flags, TOML files and Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from i2a.session import Limits
from i2a.settings import read, settle


class Simulation(BaseModel):
    """Everything that can be set. What stands below the gap may differ from one session of a run to the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path
    scenario: str = "aloe"
    profiles: Path | None = None
    personalities: Path | None = None
    conversations: int = Field(10, ge=1)
    turns: int | None = Field(None, ge=1)
    options: dict[str, Any] = {}
    seed: int = 0
    model: str = "offline"
    role_models: dict[str, str] = {}

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
    def continues(self) -> bool:
        return self.resume or self.retry_failed

    @property
    def limits(self) -> Limits:
        """A conversation has up to four calls out at once, so that is what the calls are limited to."""
        return Limits(self.max_calls or 4 * self.concurrency, self.retries, self.max_cost, self.max_tokens)


def settings(file: Path | None, flags: Mapping[str, Any]) -> Simulation:
    """What a TOML file and flags say together; flags win. Raises `UsageError` that names the setting and its place."""
    stored = read(Simulation, file) if file else {}
    if file and str(stored.get("scenario", "")).endswith(".py"):
        stored["scenario"] = str((file.parent / stored["scenario"]).absolute())
    missing = {"out": "say where to write with --out, e.g. --out runs/first"}
    return settle(Simulation, stored, flags, file=file, missing=missing)
