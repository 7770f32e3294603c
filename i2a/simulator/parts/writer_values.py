"""The values a text may draw: all, or one part of them, so that no value of a test set need be met in training.

What is a value depends on the table: an entry of its own, or an alternative in a sentence that both parts share.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

from i2a.simulator.language.text import rng

Values = Literal["all", "seen", "unseen"]

_UNSEEN = 0.25
_FEWEST = 16  # a shorter list stays whole: a part of it would say the same in every text
_SHARED = frozenset({"homes", "food", "family"})  # sentence patterns, in which places, dishes and names are put
ALTERNATIVES = re.compile(r"\(([^()|]*(?:\|[^()|]*)+)\)")


def part(values: Values, items: Iterable[str]) -> list[str]:
    """Those of `items` that belong to a part; each stays where it is, whatever stands beside it."""
    return [item for item in items if values == "all" or _unseen(item) == (values == "unseen")]


def lines(values: Values, section: str, table: list[str]) -> list[str]:
    """What of a table of markup belongs to a part: entries, or entries with fewer alternatives."""
    if values == "all":
        return table
    if len(table) >= _FEWEST and section not in _SHARED:
        return part(values, table)
    return [ALTERNATIVES.sub(lambda found: _fewer(values, found[1].split("|")), line) for line in table]


def _fewer(values: Values, alternatives: list[str]) -> str:
    left = part(values, alternatives) or alternatives
    return left[0] if len(left) == 1 else f"({'|'.join(left)})"


@cache
def _unseen(item: str) -> bool:
    return rng("values", item).random() < _UNSEEN
