"""What a command is, and what all have in common: an example in the help, errors in one line, `--config`, `--json`.

A command is a function of its settings. Flags and help are made from the settings class, which is imported only when
the command is run or explains itself:

    @command("scenarios.settings:Simulation", example="i2a simulate --conversations 4 --out runs/first")
    def simulate(config: "Simulation", as_json: bool) -> None:
        \"\"\"Grow a corpus of conversation trees.\"\"\"
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from i2a.errors import Interrupted, UsageError
from i2a.extras import needs

if TYPE_CHECKING:
    from pydantic import BaseModel

    from i2a.progress import ProgressBar


def command(
    settings: "str | type[BaseModel] | None" = None, *, example: str, extra: str | None = None
) -> "Callable[[Callable[..., None]], Command]":
    """Make a function a command of Typer.

    `settings`: the class, or `module:Class`; None: the function's own parameters are the flags. `example`: a whole
    command line, shown in the help. `extra`: what to install if a package is missing, see `i2a.extras`.
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
