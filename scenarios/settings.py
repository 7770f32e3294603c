"""The settings of a simulation from a TOML file and flags: one model for both, and flags win."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from i2a.errors import UsageError
from scenarios.simulation import Simulation


def settings(file: Path | None, flags: Mapping[str, Any]) -> Simulation:
    """Raises `UsageError` that names the setting and where it came from."""
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
