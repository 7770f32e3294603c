"""The `i2a` command: a shell around the commands of the entry-point group `i2a.commands`.

A command is a function, or a Typer of its own; see `i2a.cli.command` for how ours are made. One of your own is run by
its place: `i2a ./count.py runs/first`. Only the command that is asked for is built.
"""

import errno
import os
import signal
import sys
from importlib.metadata import EntryPoint
from io import TextIOWrapper
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from i2a.cli.command import Command, Explained
from i2a.errors import I2AError, UsageError
from i2a.extras import our_version
from i2a.plugins import blame, by_place, file_of, find, installed
from i2a.siblings import SIBLINGS, check
from i2a.threads import wait_passively

DEBUG = "I2A_DEBUG"
UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG}


class Commands(TyperGroup):
    """The commands of all installed packages."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._points = installed("commands")

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self._points)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Raises `UsageError` for a command that cannot be loaded."""
        if cmd_name in self._points:
            found = load(self._points[cmd_name])
        elif by_place(cmd_name):
            found = find("commands", cmd_name, Command)
        else:
            return None
        group = typer.Typer(add_completion=False, rich_markup_mode=None)
        group.callback()(lambda: None)
        if isinstance(found, typer.Typer):
            for info in found.registered_commands:
                info.cls = Explained if info.cls in (None, TyperCommand) else info.cls
            group.add_typer(found, name=cmd_name)
        else:
            group.command(cmd_name, cls=Explained, context_settings=getattr(found, "context_settings", None))(found)
        return typer.main.get_command(group).commands[cmd_name]  # type: ignore[attr-defined]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(point)) for name, point in sorted(self._points.items())])


def load(point: EntryPoint) -> Any:
    """What an entry point names. Raises `UsageError`."""
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the command {point.name!r} ({point.value}) cannot be loaded: {error}") from None


def summary(point: EntryPoint) -> str:
    """The first line of a command's help."""
    try:
        found = load(point)
    except UsageError as error:
        return str(error)
    text = found.info.help if isinstance(found, typer.Typer) else found.__doc__
    return str(text or "").strip().partition("\n")[0]


app = typer.Typer(
    name="i2a",
    cls=Commands,
    help="Interact to align: grow branching conversations between LLM agents, train on them, measure the effect.",
    epilog="Start here:  i2a simulate --conversations 4 --out runs/first  &&  i2a show runs/first",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 1000},
)


@app.callback(invoke_without_command=True)
def root(show_version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if show_version:
        typer.echo(f"i2a {our_version()}")
        raise typer.Exit


def main() -> None:
    """Run the command. A bug shows itself: one in a plug-in of the user's own in a line, any other as a traceback."""
    try:
        run()
    except Exception as error:
        file = file_of(error)
        if file is None or os.environ.get(DEBUG):
            raise
        print_error(f"{blame(error, file)} ({DEBUG}=1 shows the traceback)")
        sys.exit(1)


def run() -> None:
    """Run the command. An expected error is one line and an exit code."""
    print_anywhere()
    wait_passively()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        check(*SIBLINGS)
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except (I2AError, ExceptionGroup) as error:
        expected = first_expected(error)
        print_error(str(expected))
        sys.exit(expected.exit_code)
    except OSError as error:
        if error.filename is not None or error.errno not in UNWRITABLE:
            raise
        forget_output()
        if error.errno != errno.EPIPE:  # who reads no further, as `head` does, wants to hear no more
            Console(stderr=True).print(Text(f"i2a: cannot write to standard output: {error.strerror}"))
        sys.exit(1)


def print_error(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(Text(f"i2a: {text}", style="bold red"))


def print_anywhere() -> None:
    """Print a character that the terminal does not have as its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def forget_output() -> None:
    """Drop what could not be written to standard output, so that the interpreter does not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def first_expected(error: I2AError | ExceptionGroup[Exception]) -> I2AError:
    """The first expected error in a group of nothing else; raises the first bug if there is one."""
    if isinstance(error, I2AError):
        return error
    for part in error.exceptions:
        if not isinstance(part, I2AError | ExceptionGroup):
            raise part
    return next(first_expected(part) for part in error.exceptions)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
