"""Flags made from the settings of a command, and what every command has: an example, errors in one line, `--config`.

A command is a function of its settings. Flags and help come from the fields of the settings class, which is imported
only when the command is run or explains itself:

    @command("scenarios.settings:Simulation", example="i2a simulate --conversations 4 --out runs/first")
    def simulate(config: "Simulation", as_json: bool) -> None:
        \"\"\"Grow a corpus of conversation trees.\"\"\"
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from i2a.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

OURS = ("i2a", "agents", "scenarios", "training", "evaluation")
LOWEST, HIGHEST = {"ge": "{:g}<=", "gt": "{:g}<"}, {"le": "<={:g}", "lt": "<{:g}"}
METAVARS = {int: "INT", float: "FLOAT", Path: "PATH", str: "TEXT"}


def command(
    settings: "str | type[BaseModel] | None" = None, *, example: str, extra: str | None = None
) -> "Callable[[Callable[..., None]], Command]":
    """Make a function a command of Typer.

    `settings`: the class, or `module:Class`; None: the function's own parameters are the flags. `example`: a whole
    command line, shown in the help. `extra`: what to install if a package is missing, as in `pip install 'i2a[train]'`.
    """
    return lambda function: Command(function, settings, example, extra)


class Command:
    """A callable that Typer reads like a function. Its parameters are worked out when they are asked for."""

    def __init__(
        self, function: Callable[..., None], settings: "str | type[BaseModel] | None", example: str, extra: str | None
    ) -> None:
        self.function, self.example, self._settings, self._extra = function, example, settings, extra
        self.__name__, self.__module__ = function.__name__, function.__module__
        lines = example.replace("\n", "\n  ")
        self.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n\b\nExample:\n  {lines}"
        self.__annotations__: dict[str, Any] = {}  # the signature has them

        # A word that belongs to no flag gets our own error.
        self.context_settings = {"allow_extra_args": True} if settings else None

    @property
    def settings(self) -> "type[BaseModel] | None":
        """The class of the settings, imported. Raises `UsageError` if a package for it is missing."""
        if not isinstance(self._settings, str):
            return self._settings
        from importlib import import_module

        module, _, name = self._settings.partition(":")
        found: type[BaseModel] = getattr(import_module(module), name)
        return found

    @property
    def __signature__(self) -> inspect.Signature:
        if (model := self.settings) is None:
            return inspect.signature(self.function, eval_str=True)
        return inspect.Signature([*parameters(model), *COMMON])

    def __call__(self, *args: Any, **flags: Any) -> None:
        """Run the command. Raises `UsageError` and `Interrupted`."""
        model = None
        try:
            if (model := self.settings) is None:
                self.function(*args, **flags)
            else:
                self._run(model, flags)
        except ModuleNotFoundError as error:
            if self._extra is None or (error.name or "").partition(".")[0] in ("", *OURS):
                raise
            raise UsageError(f"this needs the package {error.name}: pip install 'i2a[{self._extra}]'") from None
        except KeyboardInterrupt:
            resume = "; the same command with --resume continues" if model and "resume" in model.model_fields else ""
            raise Interrupted(f"interrupted{resume}") from None

    def _run(self, model: "type[BaseModel]", flags: dict[str, Any]) -> None:
        from i2a.settings import load

        context, file, as_json = flags.pop("context"), flags.pop("config"), flags.pop("as_json")
        values = {name: value for name, value in flags.items() if value not in (None, [])}
        _refuse_words(model, values, context.args)
        for name in values:
            if _is(model.model_fields[name].annotation, dict):
                values[name] = assignments(values[name], _flag(name))
        self.function(load(model, file, values), as_json)


def _parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


# What every command with settings has besides.
COMMON = [
    _parameter("context", typer.Context, inspect.Parameter.empty),
    _parameter(
        "config",
        Annotated[
            Path | None,
            typer.Option(metavar="FILE.toml", help="TOML file with any of these settings; flags win over it."),
        ],
    ),
    _parameter("as_json", Annotated[bool, typer.Option("--json", help="Print the result as JSON.")], False),
]


def parameters(model: "type[BaseModel]") -> Iterator[inspect.Parameter]:
    """A parameter for each setting, the required ones first, those of base classes last. What is not given is None.

    Values are text for pydantic to read, so that there is one set of rules, and one kind of error, for flags and files.
    """
    from i2a.settings import Flag

    own = list(dict.fromkeys(name for part in model.__mro__ for name in inspect.get_annotations(part)))
    named = sorted(model.model_fields.items(), key=lambda item: (not item[1].is_required(), own.index(item[0])))
    for name, field in named:
        flag, several = Flag.of(field), _is(field.annotation, list) or _is(field.annotation, dict)
        value: Any = Path if _is(field.annotation, Path) else str
        text = describe(field)
        if flag.positional:
            how: Any = typer.Argument(metavar=flag.metavar, help=text)
        elif _is(field.annotation, bool):
            value, how = bool, typer.Option(flag.names or _flag(name), help=text, show_default=False)
        else:
            how = typer.Option(flag.names or _flag(name), metavar=flag.metavar or metavar(field.annotation), help=text)
        yield _parameter(name, Annotated[(list[value] if several else value) | None, how])


def describe(field: "FieldInfo") -> str:
    """The help of a setting: its description, whether it can be repeated or must be given, its range and default."""
    from i2a.settings import Flag

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
    if (_is(field.annotation, list) or _is(field.annotation, dict)) and not Flag.of(field).positional:
        text += " Repeatable."
    before, _, own = text.partition(" [default: ")  # a default in words
    if own:
        words, _, after = own.partition("]")
        text, marks = before + after, [*marks, f"default: {words}"]
    return f"{text}  [{'; '.join(marks)}]" if marks else text


def _range(field: "FieldInfo") -> str:
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


def metavar(annotation: Any) -> str:
    """What a value of this type looks like: `INT`, `aloe|strict`, `NAME=VALUE`."""
    if _is(annotation, dict):
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


def _refuse_words(model: "type[BaseModel]", values: Mapping[str, Any], rest: list[str]) -> None:
    """Raise `UsageError` for a TOML file without its flag, and for words that belong to no flag."""
    from i2a.settings import Flag

    taken = [
        str(word) for name, value in values.items() if Flag.of(model.model_fields[name]).positional for word in value
    ]
    for word in (*rest, *taken):
        if word.endswith(".toml"):
            raise UsageError(f"a file of settings is given with --config: --config {word}")
    if rest:
        raise UsageError(f"unexpected argument {rest[0]!r}; see --help")


def _is(annotation: Any, kind: type) -> bool:
    from i2a.settings import holds

    return holds(annotation, kind)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
