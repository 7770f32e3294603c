"""The settings of a simulation: one model for flags, TOML files and Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from i2a.runs.config import RunConfig
from i2a.settings import read, settle


class Simulation(RunConfig):
    """Everything that can be set; the `RunConfig` alone may differ from one session of a run to the next."""

    scenario: str = "aloe"
    profiles: Path | None = None
    personalities: Path | None = None
    conversations: int = Field(10, ge=1)
    turns: int | None = Field(None, ge=1)
    options: dict[str, Any] = Field({})
    seed: int = 0
    model: str = "offline"
    role_models: dict[str, str] = Field({})


def settings(file: Path | None, flags: Mapping[str, Any]) -> Simulation:
    """What a TOML file and flags say together; flags win. Raises `UsageError` that names the setting and its place."""
    stored = read(Simulation, file) if file else {}
    if file and str(stored.get("scenario", "")).endswith(".py"):
        stored["scenario"] = str((file.parent / stored["scenario"]).absolute())
    missing = {"out": "say where to write with --out, e.g. --out runs/first"}
    return settle(Simulation, stored, flags, file=file, missing=missing)
