"""What a format of `i2a export` is. Another package adds one under its name in the entry-point group `i2a.formats`.

It opens no file: `i2a.cli.export` reads the trees, and writes what a format makes of them.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from i2a.errors import UsageError
from i2a.trees.aloe_record import records_of, turns_left_out
from i2a.trees.tree import Tree

GROUP = "i2a.formats"


class Rows(NamedTuple):
    """What a format makes of one tree. Counts stand under the name of what they count, and are summed up."""

    rows: Sequence[Mapping[str, object]]
    written: Mapping[str, int]
    left_out: Mapping[str, int]


@dataclass
class Exported:
    """What came of a corpus, in `file`. `manifest`: of the run, empty where there is none. `options`: the format's."""

    format: str
    file: str
    manifest: Mapping[str, Any]
    options: Mapping[str, Any]
    trees: int = 0
    rows: int = 0
    written: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def told_left_out(self) -> list[str]:
        return [f"{count:,} {name}" for name, count in self.left_out.items() if count]


@dataclass(frozen=True)
class Format:
    """`rows` is called with a tree; its keyword-only parameters are the options of the format.

    It raises `UsageError` for a tree that it has no place for, which is then left out. The rows of a `flat` format all
    have the same columns, so that they can stand in Parquet. `card` writes the card of the dataset.
    """

    rows: Callable[..., Rows]
    flat: bool = False
    card: Callable[[Exported], str] | None = None

    def settle(self, given: Mapping[str, object]) -> dict[str, Any]:
        """All options, those given as what the parameter is annotated with. Raises `UsageError`."""
        parameters = inspect.signature(self.rows, eval_str=True).parameters.values()
        options = {option.name: option for option in parameters if option.kind is option.KEYWORD_ONLY}
        settled = {name: option.default for name, option in options.items()}
        for name, value in given.items():
            if name not in options:
                raise UsageError(f"the format has no option {name!r}; its options: {', '.join(options) or 'none'}")
            try:
                settled[name] = TypeAdapter(options[name].annotation).validate_python(value)
            except ValidationError as error:
                raise UsageError(f"--option {name}={value}: {error.errors()[0]['msg']}") from None
        return settled


def find_format(name: str) -> Format:
    """The format with this name. Raises `UsageError`."""
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name == "aloe":
        return Format(aloe)
    if name not in points:
        raise UsageError(f"there is no format {name!r}; there are: {', '.join(['aloe', *sorted(points)])}")
    found = points[name].load()
    return found if isinstance(found, Format) else Format(found)


def aloe(tree: Tree, *, plain: bool = False) -> Rows:
    """The records of the ALOE release; `plain` writes what they have a place for, no more."""
    records = list(records_of(tree, plain=plain))
    turns = sum(len(record["conversations"]) for record in records)
    why = "turns, as no verdict agrees on them or on one before" + ("" if plain else ' (kept under "i2a")')
    left_out = {why: turns_left_out(tree)}
    return Rows(records, {"records": len(records), "turns": turns}, left_out)
