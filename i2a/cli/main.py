"""The `i2a` command: a shell around the commands that the packages bring. Imports nothing above the core."""

import sys
from importlib.metadata import entry_points, version

import typer
from rich.console import Console
from rich.text import Text

from i2a.errors import I2AError

app = typer.Typer(
    name="i2a",
    help="Interact to align: grow branching conversations between LLM agents, train on them, measure the effect.",
    epilog="Start here:  i2a simulate --conversations 4 --out runs/first  &&  i2a show runs/first",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(show_version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if show_version:
        typer.echo(f"i2a {version('i2a')}")
        raise typer.Exit


def register() -> None:
    """Hang every command of the entry-point group `i2a.commands` into the app: a function, or an app of its own."""
    for point in sorted(entry_points(group="i2a.commands"), key=lambda point: point.name):
        try:
            command = point.load()
        except ImportError as error:
            typer.echo(f"i2a: the command {point.name!r} ({point.value}) cannot be loaded: {error}", err=True)
            continue
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=point.name)
        else:
            app.command(point.name)(command)


def main() -> None:
    """Run the command. An expected error is one line and an exit code; anything else is a bug and shows itself."""
    register()
    try:
        app()
    except (I2AError, ExceptionGroup) as error:
        expected = first_expected(error)
        Console(stderr=True, soft_wrap=True).print(Text(f"i2a: {expected}", style="bold red"))
        sys.exit(expected.exit_code)


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
