"""Flags made from the fields of a settings class: names, help, defaults. Imports pydantic, so commands load it late."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from i2a.errors import UsageError
from i2a.settings import Flag, holds

LOWEST, HIGHEST = {"ge": "{:g}<=", "gt": "{:g}<"}, {"le": "<={:g}", "lt": "<{:g}"}
METAVARS = {int: "INT", float: "FLOAT", Path: "PATH", str: "TEXT"}


def signature(model: type[BaseModel]) -> inspect.Signature:
    """What Typer makes the flags of: a parameter for each setting, and those of every command with settings."""
    config = typer.Option(
        metavar="FILE.toml", help="TOML file with any of these settings, as NAME = VALUE; flags win over it."
    )
    common = [
        _parameter("context", typer.Context, inspect.Parameter.empty),
        _parameter("config", Annotated[Path | None, config]),
        _parameter("as_json", Annotated[bool, typer.Option("--json", help="Print the result as JSON.")], False),
    ]
    return inspect.Signature([*parameters(model), *common])


def parameters(model: type[BaseModel]) -> Iterator[inspect.Parameter]:
    """A parameter for each setting, the required ones first, those of base classes last. What is not given is None.

    Values are text for pydantic to read, so that there is one set of rules, and one kind of error, for flags and files.
    """
    own = list(dict.fromkeys(name for part in model.__mro__ for name in inspect.get_annotations(part)))
    named = sorted(model.model_fields.items(), key=lambda item: (not item[1].is_required(), own.index(item[0])))
    for name, field in named:
        flag, several = Flag.of(field), holds(field.annotation, list) or holds(field.annotation, dict)
        value: Any = Path if holds(field.annotation, Path) and not holds(field.annotation, dict) else str
        text = describe(field)
        if flag.positional:
            how: Any = typer.Argument(metavar=flag.metavar, help=text)
        elif holds(field.annotation, bool):
            value, how = bool, typer.Option(flag.names or _flag(name), help=text, show_default=False)
        else:
            how = typer.Option(flag.names or _flag(name), metavar=flag.metavar or metavar(field.annotation), help=text)
        yield _parameter(name, Annotated[(list[value] if several else value) | None, how])


def describe(field: FieldInfo) -> str:
    """The help of a setting: its description, whether it can be repeated or must be given, its range and default."""
    marks = [_range(field)] if _range(field) else []
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        marks.append("required")
    elif isinstance(default, bool):
        names = Flag.of(field).names.split("/")
        marks += [f"default: {names[not default].removeprefix('--')}"] if len(names) > 1 else []
    elif default not in (None, [], {}):
        marks.append(f"default: {default[0] if isinstance(default, list) else default}")
    text = field.description or ""
    if (holds(field.annotation, list) or holds(field.annotation, dict)) and not Flag.of(field).positional:
        text += " Repeatable."
    before, _, own = text.partition(" [default: ")  # a default in words
    if own:
        words, _, after = own.partition("]")
        text, marks = before + after, [*marks, f"default: {words}"]
    return f"{text}  [{'; '.join(marks)}]" if marks else text


def _range(field: FieldInfo) -> str:
    """What values a setting takes: `1<=x`, `0<x<1`; empty if it has no limits."""
    low, high = (
        "".join(
            text.format(getattr(part, name))
            for part in field.metadata
            for name, text in limits.items()
            if hasattr(part, name)
        )
        for limits in (LOWEST, HIGHEST)
    )
    return f"{low}x{high}" if low or high else ""


def metavar(annotation: object) -> str:
    """What a value of this type looks like: `INT`, `aloe|strict`, `NAME=VALUE`."""
    if holds(annotation, dict):
        return "NAME=VALUE"
    kinds = {annotation, *get_args(annotation)}
    for kind in kinds:
        if get_origin(kind) is Literal:
            return "|".join(map(str, get_args(kind)))
    return next((word for kind, word in METAVARS.items() if kind in kinds), "TEXT")


def assignments(texts: list[str] | None, flag: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a dictionary; what a value means is for its reader to say. Raises `UsageError`."""
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (equals and name):
            raise UsageError(f"{flag} {text!r}: write NAME=VALUE")
        pairs[name] = value
    return pairs


def values_of(model: type[BaseModel], given: dict[str, Any], words: list[str]) -> dict[str, object]:
    """The settings that stand on the command line. `words`: those that belong to no flag. Raises `UsageError`."""
    values = {name: value for name, value in given.items() if value not in (None, [])}
    for name, value in values.items():
        field = model.model_fields[name]
        if Flag.of(field).positional:
            words = [*words, *map(str, value if isinstance(value, list) else [value])]
        elif holds(field.annotation, dict):
            values[name] = assignments(value, _flag(name))
    for word in words:
        if word.endswith(".toml"):
            raise UsageError(f"pass a file of settings with --config: --config {word}")
    return values


def _parameter(name: str, annotation: object, default: object = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
