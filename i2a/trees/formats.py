"""What a format of `i2a export` and `i2a import` is. Plug-ins bring others: see `i2a.plugins`, group `i2a.formats`.

It opens no file: `i2a.trees.export` writes what a format makes of trees, `i2a.trees.imports` what it makes of records.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from i2a.jsonl import JsonMapping, JsonObject
from i2a.text import counted
from i2a.trees.aloe_record import OURS, records_of, tree_of, turns_left_out
from i2a.trees.tree import Tree


class Rows(NamedTuple):
    """What a format makes of one tree. Counts stand under the plural of what they count, and are summed up."""

    rows: Sequence[JsonMapping]
    written: Mapping[str, int]
    left_out: Mapping[str, int]


@dataclass
class Exported:
    """The export of a corpus to `file`. `manifest`: of the run, empty if there is none. `options`: the format's."""

    format: str
    file: str
    manifest: JsonMapping
    options: JsonMapping
    trees: int = 0
    rows: int = 0
    written: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def left_out_in_words(self) -> list[str]:
        return [counted(count, what) for what, count in self.left_out.items() if count]


@dataclass(frozen=True)
class Format:
    """A form that conversations have elsewhere: `i2a export` writes it with `rows`, `i2a import` reads it with `read`.

    `rows` is called with a tree; its keyword-only parameters are the options of the format. It raises `UsageError` for
    a tree that does not fit the format, which is then left out. The rows of a `flat` format all have the same columns,
    as Parquet needs; those of a `text` format have the column `text`, and can be written as text too. `card` writes the
    card of the dataset.

    `read` makes a tree of a record, or None of one that a tree of another record holds; it raises `UsageError` for what
    is no record of its form. `fits`: whether a record looks like one. With a `key`, records of the same key that follow
    each other are read together, as `{"rows": [...]}`.
    """

    rows: Callable[..., Rows]
    flat: bool = False
    card: Callable[[Exported], str] | None = None
    read: Callable[[JsonObject], Tree | None] | None = None
    fits: Callable[[JsonMapping], bool] | None = None
    key: Callable[[JsonMapping], str] | None = None
    text: bool = False


def _aloe(tree: Tree, *, plain: bool = False) -> Rows:
    """The records of the ALOE release; `plain` writes only the keys that those have."""
    records = list(records_of(tree, plain=plain))
    turns = sum(len(record["conversations"]) for record in records)
    left_out = "turns without agreeing verdicts, or after one without" + ("" if plain else ' (kept under "i2a")')
    return Rows(records, {"records": len(records), "turns": turns}, {left_out: turns_left_out(tree)})


def _is_aloe(record: JsonMapping) -> bool:
    return OURS in record or ("conversations" in record and "profile" in record)


aloe = Format(_aloe, read=tree_of, fits=_is_aloe)
