"""Trees for the explorer: an index to filter by, and the trees in compressed parts.

The page unpacks a part when one of its trees is opened, so a page with thousands of trees opens at once. Knows no page.
"""

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.trees.index import describe

PART = 32  # trees


@dataclass
class Packed:
    """`index` and `parts` are gzipped JSON in base64; tree `i` of the index stands in part `i // PART`."""

    index: str
    parts: list[str] = field(default_factory=list)
    count: int = 0


def pack(runs: Sequence[tuple[str, Path]], *, limit: int | None = None) -> Packed:
    """The trees of these runs (name, `trees.jsonl`), `limit` of each at most. Raises `UsageError` with file and line.

    Holds one part of the trees at a time, and all of them compressed.
    """
    personas: dict[str, tuple[str, str]] = {}
    entries: list[list[object]] = []
    parts: list[str] = []
    found = _trees(runs, limit)
    while part := list(islice(found, PART)):
        for known, tree in part:
            persona = tree["persona"]
            personas[persona["id"]] = (persona["profile"], persona["personality"])
            entries.append(known)
        parts.append(_packed([tree for _, tree in part]))
    names = [name for name, _ in runs]
    return Packed(_packed({"runs": names, "part": PART, "personas": personas, "trees": entries}), parts, len(entries))


def entry(run: int, tree: JsonObject) -> list[object]:
    """What the list shows and filters by: run, id, persona, candidate, case, replies, score, disagreements.

    The counts are those of `i2a.trees.index`.
    """
    known = describe(tree)
    return [run, known.id, known.persona, known.candidate, known.case, known.replies, known.score, known.disagreements]


def _trees(runs: Sequence[tuple[str, Path]], limit: int | None) -> Iterator[tuple[list[object], JsonObject]]:
    """Each tree with its entry."""
    for number, (_, file) in enumerate(runs):
        for line in islice(jsonl.lines(file, must_exist=True), limit):
            try:
                tree = json.loads(line.text)
                known = entry(number, tree)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise UsageError(f"{file}:{line.number}: not a tree; `i2a show` says more") from None
            yield known, tree


def _packed(value: object) -> str:
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(plain, compresslevel=6, mtime=0)).decode()


def unpacked(text: str) -> Any:
    """The value in `text`, which `_packed` made."""
    return json.loads(gzip.decompress(base64.b64decode(text)))
