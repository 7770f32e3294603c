"""Turns published records of ALOE into trees, with one conversation in memory at a time."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO, Any

from i2a import jsonl
from i2a.errors import UsageError
from i2a.trees.aloe_record import OURS, tree_of
from i2a.trees.json import dump, load

SHOWN = 5


@dataclass
class Imported:
    """The result of an import. `bad`: the first lines that are not a record, each with its place and reason."""

    name: str
    sha256: str = ""
    conversations: int = 0
    utterances: int = 0
    left_out: int = 0
    renamed: int = 0
    without_tree: int = 0
    bad: list[str] = field(default_factory=list)

    @property
    def bad_lines(self) -> str:
        more = self.left_out - len(self.bad)
        count = "a line is" if self.left_out == 1 else f"{self.left_out:,} lines are"
        return f"{count} not a record: {', '.join(self.bad)}{f' and {more:,} more' if more else ''}"

    @property
    def warnings(self) -> list[str]:
        warnings = {
            f"{self.bad_lines}; left out": self.left_out,
            f"{self.renamed:,} got a new id, because an earlier one has theirs": self.renamed,
            f"{self.without_tree:,} dialogues left out, because their tree is not in the file": self.without_tree,
        }
        return [warning for warning, count in warnings.items() if count]

    @property
    def counts(self) -> dict[str, int]:
        names = ("conversations", "utterances", "left_out", "renamed", "without_tree")
        return {name: getattr(self, name) for name in names}


def convert(lines: Iterable[bytes], name: str, trees: IO[bytes]) -> Imported:
    """Write the trees of the records in `lines` to `trees`, one line each. Holds their ids, and one conversation.

    `name`: what the lines are called in messages. A line that is not a record is counted in the result, not raised.
    """
    done = Imported(name)
    digest = sha256()
    ids: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()

    def source() -> Iterator[bytes]:
        for raw in lines:
            digest.update(raw)
            yield raw

    for number, _, text in jsonl.split(source(), torn=True):
        try:
            record = _json(text)
            tree = tree_of(record)
            if tree is None:
                elsewhere[record[OURS]["tree"]] += 1
                continue
            ids[tree.id] += 1
            if ids[tree.id] > 1:
                done.renamed += 1
                tree.id = _free(tree.id, ids)
            line = dump(tree)
            load(line)  # what is written can be read again
        except UsageError as problem:
            done.left_out += 1
            if done.left_out <= SHOWN:
                done.bad.append(f"{done.name}:{number} ({problem})")
            continue
        trees.write(line.encode() + b"\n")
        done.conversations += 1
        done.utterances += sum(1 for _ in tree)
    done.sha256 = digest.hexdigest()
    done.without_tree = sum(count for id, count in elsewhere.items() if id not in ids)
    return done


def _json(raw: bytes) -> Any:
    """The JSON value in a line. Raises `UsageError`."""
    try:
        return json.loads(raw.decode(), strict=False)
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except (ValueError, RecursionError):
        raise UsageError("not JSON that can be read: a number too long, or nested too deeply") from None


def _free(id: str, ids: Counter[str]) -> str:
    """`id` with the first number that no other tree has."""
    while ids[f"{id}-{ids[id]}"]:
        ids[id] += 1
    ids[f"{id}-{ids[id]}"] += 1
    return f"{id}-{ids[id]}"
