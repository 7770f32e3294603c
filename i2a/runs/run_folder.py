"""The folder of a run: manifest, journal, finished trees and failures. One process at a time writes to it.

manifest.json    what the run is; resuming another one is refused
journal.sqlite   every paid answer
trees.jsonl      the finished trees, one line each; in drawing order once the run is complete
failures.jsonl   the conversations that failed, with reasons
batches.jsonl    the batches that were handed in to a provider
broken.jsonl     how far these came, in runs that have a use for it
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from i2a import jsonl
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.jsonl import JsonMapping, JsonObject
from i2a.runs.folder import Folder
from i2a.runs.journal import Journal

PLACE = "place"  # in the record of a failure: the number of the tree in the run, from 0
PLANNED = "planned"  # its key in the manifest: how many trees the run is to have


class RunFolder(Folder):
    """The files of one run."""

    format, what, starts = "i2a.run/1", "run", "i2a simulate"
    formerly = frozenset({"engine"})

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.trees_file = path / "trees.jsonl"
        self.failures_file = path / "failures.jsonl"
        self.broken_file = path / "broken.jsonl"
        self.journal_file = path / "journal.sqlite"
        self.batches_file = path / "batches.jsonl"

    def repair(self) -> None:
        jsonl.repair(self.trees_file)
        jsonl.repair(self.failures_file)
        jsonl.repair(self.broken_file)
        jsonl.repair(self.batches_file)

    def extend(self, planned: int, unit: str, config: JsonObject) -> None:
        """Note in the manifest that the run is to have `planned` trees, if these are more than before.

        Raises `UsageError` if they are fewer.
        """
        before = planned_trees(self.manifest()) or 0
        if 0 < planned < before:
            raise UsageError(
                f"{self.path} was planned for {before} {unit}, and {planned} are fewer: ask for {before} or more to "
                "continue it, or choose another --out"
            )
        if planned > before and before:
            self.amend({PLANNED: planned, "config": config})

    def journal(self) -> Journal:
        return Journal(self.journal_file)

    def finished(self) -> set[str]:
        """The ids of the finished trees."""
        return {_id(line.text) for line in jsonl.lines(self.trees_file)}

    def failures(self) -> dict[str, list[dict[str, object]]]:
        """What went wrong with each conversation that failed, oldest first, whether or not it was redone later."""
        failures: dict[str, list[dict[str, object]]] = {}
        for line in jsonl.lines(self.failures_file):
            try:
                failure = json.loads(line.text)
                failures.setdefault(failure["id"], []).append(failure)
            except (ValueError, KeyError, TypeError):
                raise UsageError(f"{self.failures_file} holds a line that is not a failure; move it away") from None
        return failures

    def append_tree(self, line: str) -> None:
        jsonl.append(self.trees_file, line)

    def append_broken(self, line: str) -> None:
        jsonl.append(self.broken_file, line)

    def broken(self) -> list[bytes]:
        """The last state of each conversation that failed and was not finished later, as lines."""
        finished = self.finished()
        last = {_id(line.text): line.text for line in jsonl.lines(self.broken_file)}
        return [text for id, text in last.items() if id not in finished]

    def append_failure(self, failure: Mapping[str, object]) -> None:
        jsonl.append(self.failures_file, jsonl.dumps(failure))

    def sort_trees(self, order: Callable[[str], int]) -> None:
        """Bring the finished trees into their order, so that the same run gives the same bytes. Keeps one in memory."""
        places = [(order(_id(line.text)), line.start) for line in jsonl.lines(self.trees_file)]
        if places == sorted(places):
            return
        with self.trees_file.open("rb") as source, atomic_write(self.trees_file) as target:
            for _, start in sorted(places):
                source.seek(start)
                target.write(source.readline().strip(jsonl.BLANK) + b"\n")


def planned_trees(manifest: JsonMapping) -> int | None:
    """How many trees a run is to have, as its manifest says; None if it does not."""
    if isinstance(known := manifest.get(PLANNED), int):
        return known
    identity = manifest.get("identity") or {}  # as version 0.1 has it
    personas = identity.get("personas")
    if not isinstance(personas, Mapping):
        return None
    if isinstance(cases := personas.get("cases"), int):
        return cases * len(identity.get("candidates") or ())
    conversations = personas.get("conversations")
    return conversations if isinstance(conversations, int) else None


def _id(line: bytes) -> str:
    """The id of the tree in `line`: as it stands at the start of a line of ours, or wherever in one of others."""
    if found := re.match(rb'\{"format":"[^"\\]+","id":"([^"\\]+)"', line):
        return found[1].decode()
    try:
        return str(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = "trees.jsonl holds a line that is not a tree; move it away, then continue with --resume"
        raise UsageError(reason) from None
