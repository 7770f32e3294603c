"""The settings of a simulation: one model for flags, TOML files and Python."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from i2a.errors import UsageError
from i2a.session import Limits


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
    stored = read(file) if file else {}
    given = stored | dict(flags)
    for name in ("options", "role_models"):
        given[name] = {**stored.get(name, {}), **flags.get(name, {})}
    try:
        return Simulation(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        where = f"{file}: {name}" if name in stored and name not in flags else f"--{name.replace('_', '-')}"
        if problem["type"] == "missing":
            raise UsageError(f"say where to write with --{name}, e.g. --{name} runs/first") from None
        raise UsageError(f"{where}: {problem['msg']}, not {problem['input']!r}") from None


def read(file: Path) -> dict[str, Any]:
    """The settings in a TOML file; relative paths count from its folder."""
    try:
        stored = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: not a TOML file: {error}") from None
    for name in stored:
        if name not in Simulation.model_fields:
            near = difflib.get_close_matches(name, Simulation.model_fields, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"settings: {', '.join(Simulation.model_fields)}"
            raise UsageError(f"{file}: there is no setting {name!r}; {hint}")
    for name in ("out", "profiles", "personalities"):
        if isinstance(stored.get(name), str):
            stored[name] = file.parent / stored[name]
    if str(stored.get("scenario", "")).endswith(".py"):
        stored["scenario"] = str((file.parent / stored["scenario"]).absolute())
    return stored
