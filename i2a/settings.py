"""Settings of a command: one pydantic model for its flags, a TOML file and Python. Knows no command.

Name, default, description and constraints stand in the field of the model. What a flag needs beyond that is a `Flag`
in the annotation, e.g. `lora: Annotated[bool | None, Flag("--lora/--full")] = Field(None, description="...")`.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from i2a.errors import UsageError

Settings = TypeVar("Settings", bound=BaseModel)
SCRIPT = re.compile(r"(?<![^=:])[^=:?@]+\.py(?=$|[=:?@])")  # the path of a Python file in the name of a plug-in


@dataclass(frozen=True, slots=True)
class Flag:
    """How a setting is written on the command line, where `--NAME VALUE` does not say it.

    names: all of its flags, e.g. `--lora/--full`. metavar: what a value looks like. positional: it takes the words that
    belong to no flag. was: its name in the TOML files of version 0.1, if that was another.
    """

    names: str = ""
    metavar: str = ""
    positional: bool = False
    was: str = ""

    @classmethod
    def of(cls, field: FieldInfo) -> "Flag":
        return next((part for part in field.metadata if isinstance(part, Flag)), cls())


def load(model: type[Settings], file: Path | None, flags: Mapping[str, object]) -> Settings:
    """The settings that a TOML file and flags make together. Flags win; dictionaries are joined.

    Raises `UsageError` that names the setting and its place: `FILE: NAME` or `--FLAG`.
    """
    stored = read(model, file) if file else {}
    values = {**stored, **flags}
    for name in stored.keys() & flags.keys():
        match stored[name], flags[name]:
            case dict(ours), dict(theirs):
                values[name] = ours | theirs
    try:
        return model(**values)
    except ValidationError as error:
        problem = error.errors()[0]
        in_file = bool(problem["loc"]) and problem["loc"][0] in stored.keys() - flags.keys()
        raise UsageError(_in_words(model, problem, f"{file}: {{}}" if in_file else None)) from None


def from_keywords(model: type[Settings], values: Mapping[str, object]) -> Settings:
    """The settings that a caller in Python gives by name. Raises `UsageError` that names the setting."""
    try:
        return model(**values)
    except ValidationError as error:
        raise UsageError(_in_words(model, error.errors()[0], "{}")) from None


def read(model: type[BaseModel], file: Path) -> dict[str, object]:
    """The settings in a TOML file, whose names may have dashes or underscores. Raises `UsageError`.

    Relative paths, also those of Python files, count from the folder of the file; `-` stays standard input
    or output. One value is a list of one.
    """
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: not a TOML file: {error}") from None
    stored: dict[str, object] = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in model.model_fields:
            raise UsageError(f"{file}: {_unknown(model, key)}")
        if name in stored:
            raise UsageError(f"{file}: {name} is set twice, with a dash and with an underscore")
        kind = model.model_fields[name].annotation
        several = value if isinstance(value, list) or not holds(kind, list) else [value]
        if isinstance(several, dict) and holds(kind, str) and get_args(kind)[-1] is str:
            stored[name] = {key: _script_beside(file, part) for key, part in several.items()}
        elif isinstance(several, dict) and holds(kind, float):
            stored[name] = {str(_script_beside(file, key)): part for key, part in several.items()}
        else:
            stored[name] = _beside(file, several) if holds(kind, Path) else _script_beside(file, several)
    return stored


def flag_name(name: str, field: FieldInfo) -> str:
    """What a setting is called on the command line: `--max-cost`, `RUN`."""
    flag = Flag.of(field)
    return flag.metavar if flag.positional else f"--{name.replace('_', '-')}"


def holds(annotation: object, kind: type) -> bool:
    """Whether a setting is of this kind, or has parts that are: `holds(list[Path] | None, Path)`."""
    return kind in (annotation, get_origin(annotation)) or any(
        holds(part, kind) for part in get_args(annotation) if part is not NoneType
    )


def _in_words(model: type[BaseModel], problem: ErrorDetails, place: str | None) -> str:
    """One line for the first problem of a validation; `place` has a `{}` for the name; None: a flag."""
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    name = str(problem["loc"][0])
    if (field := model.model_fields.get(name)) is None:
        return _unknown(model, name)
    shown = place.format(name) if place else flag_name(name, field)
    if problem["type"] == "missing":
        what = (field.description or "").partition(". ")[0].rstrip(".")
        example = field.examples[0] if field.examples else None
        if place:
            written = f"{name}={[example] if holds(field.annotation, list) else example!r}"
        else:
            written = str(example) if Flag.of(field).positional else f"{shown} {example}"
        return f"{shown} is required: {what}" + (f", e.g. {written}" if field.examples else "")
    return f"{shown}: {message}, not {problem['input']!r}"


def _unknown(model: type[BaseModel], key: str) -> str:
    fields = model.model_fields
    for name, field in fields.items():
        if key.replace("-", "_") == Flag.of(field).was:
            return f"`{key}` is now `{name}`"
    near = difflib.get_close_matches(key.replace("-", "_"), fields, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"settings: {', '.join(fields)}"
    return f"there is no setting {key!r}; {hint}"


def _beside(file: Path, value: object) -> object:
    if isinstance(value, list):
        return [_beside(file, part) for part in value]
    if isinstance(value, dict):
        return {name: _beside(file, part) for name, part in value.items()}
    return file.parent / value if isinstance(value, str) and value != "-" else value


def _script_beside(file: Path, value: object) -> object:
    """The value, with the Python files that it names (`FILE.py`, `NAME=FILE.py:MODEL`) from the folder of the file."""
    if isinstance(value, list):
        return [_script_beside(file, part) for part in value]
    if isinstance(value, str):
        return SCRIPT.sub(lambda found: str((file.parent / found[0]).absolute()), value)
    return value
