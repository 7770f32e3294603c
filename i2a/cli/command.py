"""What a command is, and what all have in common: an example in the help, errors in one line, `--config`, `--json`.

A command is a function of its settings. Flags and help are made from the settings class, which is imported only when
the command is run or explains itself:

    @command("scenarios.settings:Simulation", example="i2a simulate --conversations 4 --out runs/first")
    def simulate(config: "Simulation", as_json: bool) -> None:
        \"\"\"Grow a corpus of conversation trees.\"\"\"
"""

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperArgument, TyperCommand

from i2a.errors import Interrupted, UsageError
from i2a.extras import needs

if TYPE_CHECKING:
    from pydantic import BaseModel

    from i2a.progress import ProgressBar


def command(
    settings: "str | type[BaseModel] | None" = None, *, example: str, toml: str = "", extra: str | None = None
) -> "Callable[[Callable[..., None]], Command]":
    """Make a function a command of Typer.

    `settings`: the class, or `module:Class`; None: the function's own parameters are the flags. `example`: whole
    command lines, and `toml`: a file for `--config`; the help shows both. `extra`: what to install if a package is
    missing, see `i2a.extras`.
    """
    return lambda function: Command(function, settings, example, toml, extra)


class Explained(TyperCommand):
    """How a command is shown: what must be given stands in the usage, and arguments without their type in Python.

    To Typer nothing is required, as a TOML file may hold it; the help of a setting says it.
    """

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        required: list[str] = []
        optional: list[str] = []
        for parameter in self.get_params(ctx):
            must = parameter.required or str(getattr(parameter, "help", "")).endswith("required]")
            if isinstance(parameter, TyperArgument):
                (piece,) = parameter.get_usage_pieces(ctx)
                (required if must else optional).append(re.sub(r"[][{}]", "", piece) if must else piece)
            elif must:
                required.append(f"{parameter.opts[0]} {parameter.metavar}")
        return [*required, *optional, "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        parameters = self.get_params(ctx)
        arguments = [part for part in parameters if isinstance(part, TyperArgument)]
        options = [part for part in parameters if not isinstance(part, TyperArgument)]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl([(part.display_name_raw, part.help or "") for part in arguments])
        with formatter.section("Options"):
            formatter.write_dl([record for part in options if (record := part.get_help_record(ctx))])


class Command:
    """A callable that Typer reads like a function. Its parameters are worked out when they are asked for."""

    def __init__(
        self,
        function: Callable[..., None],
        settings: "str | type[BaseModel] | None",
        example: str,
        toml: str,
        extra: str | None,
    ) -> None:
        self.function, self.example, self.toml = function, example, toml.rstrip()
        self._settings, self._extra = settings, extra
        self.__name__, self.__module__ = function.__name__, function.__module__
        blocks = {"Example": example, "A file for --config": toml}
        shown = [f"\b\n{title}:\n{indent(text, '  ')}" for title, text in blocks.items() if text]
        self.__doc__ = "\n\n".join([inspect.cleandoc(function.__doc__ or ""), *shown])
        self.__annotations__: dict[str, object] = {}  # the signature has them
        # A word that belongs to no flag gets our own error.
        self.context_settings = {"allow_extra_args": True} if settings else None

    @property
    def settings(self) -> "type[BaseModel] | None":
        """The class of the settings, imported."""
        if not isinstance(self._settings, str):
            return self._settings
        module, _, name = self._settings.partition(":")
        found: type[BaseModel] = getattr(import_module(module), name)
        return found

    @property
    def __signature__(self) -> inspect.Signature:
        if (model := self.settings) is None:
            return inspect.signature(self.function, eval_str=True)
        from i2a.cli.flags import signature

        return signature(model)

    def __call__(self, *args: Any, **flags: Any) -> None:
        """Run the command. Raises `UsageError` and `Interrupted`."""
        model = None
        try:
            with needs(self._extra):
                if (model := self.settings) is None:
                    self.function(*args, **flags)
                else:
                    self._run(model, flags)
        except KeyboardInterrupt:
            resume = "; the same command with --resume continues" if model and "resume" in model.model_fields else ""
            raise Interrupted(f"interrupted{resume}") from None

    def _run(self, model: "type[BaseModel]", flags: dict[str, Any]) -> None:
        from i2a.cli.flags import values_of
        from i2a.settings import load

        context, file, as_json = flags.pop("context"), flags.pop("config"), flags.pop("as_json")
        values = values_of(model, flags, context.args)
        if context.args:
            raise UsageError(f"unexpected argument {context.args[0]!r}; see --help")
        self.function(load(model, file, values), as_json)


def warn_of_torn_line(file: Path) -> None:
    """Say on stderr that the last line of `file` is left out, if it is."""
    from i2a import jsonl

    if jsonl.is_torn(file):
        typer.echo(f"{file}: its last line is torn and left out; the rest is there", err=True)


def progress_bar() -> "ProgressBar":
    """A bar on stderr, where that is a terminal."""
    from rich.console import Console

    from i2a.progress import ProgressBar

    return ProgressBar(Console(stderr=True), percent=True)
