"""What all cards are made with: a template with its values filled in, and a table of names and values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

HERE = Path(__file__).parent


def fill(template: str, **values: object) -> str:
    """The file `template`.md with its `$values`."""
    return Template((HERE / f"{template}.md").read_text("utf-8")).substitute(values)


def simulated(what: str) -> str:
    """The warning for data of the simulator, which did `what`."""
    return "\n" + fill("simulated", what=what)


def table(values: Mapping[str, object]) -> str:
    """A row for each value that is not None."""
    rows = [f"| {name} | {cell(value)} |" for name, value in values.items() if value is not None]
    return "\n".join(["| | |", "|---|---|", *rows])


def cell(value: object) -> str:
    """`value` in one line that stays one cell."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(part)}" for name, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(cell, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).replace("|", r"\|").split())
