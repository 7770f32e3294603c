"""Settings of a command: one pydantic model for flags, a TOML file and Python. Knows no command."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from i2a.errors import UsageError

Settings = TypeVar("Settings", bound=BaseModel)


def settle(
    model: type[Settings],
    stored: Mapping[str, Any],
    flags: Mapping[str, Any],
    *,
    file: Path | None,
    missing: Mapping[str, str],
) -> Settings:
    """What is `stored` in a TOML `file` and the flags say together; flags win, dictionaries are joined.

    Raises `UsageError` that names the setting and its place; `missing` says what to do about a required one that is
    nowhere.
    """
    given = {**stored, **flags}
    for name in stored.keys() & flags.keys():
        if isinstance(stored[name], dict) and isinstance(flags[name], dict):
            given[name] = stored[name] | flags[name]
    try:
        return model(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        if problem["type"] == "missing":
            raise UsageError(missing[name]) from None
        where = f"{file}: {name}" if name in stored and name not in flags else f"--{name.replace('_', '-')}"
        raise UsageError(f"{where}: {problem['msg']}, not {problem['input']!r}") from None


def read(model: type[BaseModel], file: Path) -> dict[str, Any]:
    """The settings in a TOML file; relative paths count from its folder. Raises `UsageError`."""
    try:
        stored = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: not a TOML file: {error}") from None
    for name, value in stored.items():
        if name not in model.model_fields:
            near = difflib.get_close_matches(name, model.model_fields, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"settings: {', '.join(model.model_fields)}"
            raise UsageError(f"{file}: there is no setting {name!r}; {hint}")
        if _is_path(model.model_fields[name].annotation):
            stored[name] = _beside(file, value)
    return stored


def _is_path(annotation: Any) -> bool:
    """Whether a setting is a path, several, or none."""
    return annotation is Path or any(_is_path(part) for part in get_args(annotation))


def _beside(file: Path, value: Any) -> Any:
    if isinstance(value, list):
        return [_beside(file, part) for part in value]
    return file.parent / value if isinstance(value, str) else value
