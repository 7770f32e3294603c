"""Trees for the explorer: an index to filter by, and the trees in compressed parts.

The page unpacks a part when one of its trees is opened, so a page with thousands of trees opens at once. Knows no page.
"""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.trees.known import describe

PART = 32  # trees
SAMPLE = 2000  # trees of a run, where it is not said how many


@dataclass
class Packed:
    """`index` and `parts` are gzipped JSON in base64; tree `i` of the index stands in part `i // PART`."""

    index: str
    parts: list[str] = field(default_factory=list)
    count: int = 0
    sampled: dict[str, int] = field(default_factory=dict)  # runs of which some trees are left out -> how many they have


def pack(runs: Sequence[tuple[str, Path]], *, limit: int = SAMPLE) -> Packed:
    """The trees of these runs (name, `trees.jsonl`), `limit` of each at most, spread evenly over the file.

    Raises `UsageError` with file and line.

    Holds one part of the trees at a time, and all of them compressed.
    """
    personas: dict[str, tuple[str, str]] = {}
    entries: list[list[object]] = []
    parts: list[str] = []
    counts = {name: sum(1 for _ in jsonl.lines(file, must_exist=True)) for name, file in runs}
    found = _trees(runs, counts, limit)
    while part := list(islice(found, PART)):
        for known, tree in part:
            persona = tree["persona"]
            personas[persona["id"]] = (persona["profile"], persona["personality"])
            entries.append(known)
        parts.append(_packed([tree for _, tree in part]))
    names = [name for name, _ in runs]
    index = _packed({"runs": names, "part": PART, "personas": personas, "trees": entries})
    return Packed(index, parts, len(entries), {name: count for name, count in counts.items() if count > limit})


def entry(run: int, tree: JsonObject) -> list[object]:
    """What the list shows and filters by: run, id, persona, candidate, case, replies, score, disagreements.

    The counts are those of `i2a.trees.known`.
    """
    known = describe(tree)
    return [run, known.id, known.persona, known.candidate, known.case, known.replies, known.score, known.disagreements]


def _trees(
    runs: Sequence[tuple[str, Path]], counts: Mapping[str, int], limit: int
) -> Iterator[tuple[list[object], JsonObject]]:
    """Each tree with its entry."""
    for number, (name, file) in enumerate(runs):
        count = max(counts[name], 1)
        for place, line in enumerate(jsonl.lines(file, must_exist=True)):
            if count > limit and place * limit // count == (place - 1) * limit // count:
                continue
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
