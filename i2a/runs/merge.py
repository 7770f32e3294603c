"""The shards of a run, made into the run that they are parts of: what `i2a merge` does.

The trees come into the order of the whole, the journals are added up, and the manifest is that of a run in one piece:
`--resume` continues it.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from i2a import jsonl
from i2a.errors import UsageError
from i2a.files import temp_path
from i2a.jsonl import JsonObject
from i2a.runs.config import parts_of
from i2a.runs.plan import SHARD
from i2a.runs.run_folder import PLACE, PLANNED, RunFolder, planned_trees

APART: Final = (
    "runs of their own are not merged: `i2a train` and `i2a report` take several, and `cat RUN/trees.jsonl ...` makes "
    "one file of their trees, whose ids differ by scenario and seed"
)


@dataclass(frozen=True, slots=True)
class Shard:
    """The K-th of N parts of a run, complete. `missing`: the places among its trees of those that failed."""

    folder: RunFolder
    manifest: JsonObject
    part: int
    parts: int
    missing: frozenset[int]

    @classmethod
    def read(cls, path: Path) -> "Shard":
        """Raises `UsageError` for what is no shard, or not complete."""
        folder = RunFolder(path)
        manifest = folder.manifest()
        shard = manifest["identity"].get(SHARD)
        if not isinstance(shard, str):
            raise UsageError(f"{path} is no shard of a run (--shard K/N makes one); {APART}")
        planned = planned_trees(manifest) or 0
        finished = folder.finished()
        failed = {id: past[-1] for id, past in folder.failures().items() if id not in finished}
        missing = frozenset(int(str(failure[PLACE])) for failure in failed.values() if PLACE in failure)
        if left := planned - len(finished) - len(missing):
            raise UsageError(f"{path} is not complete, {left} of {planned} are left: continue it with --resume first")
        return cls(folder, manifest, *parts_of(shard), missing)

    @property
    def size(self) -> int:
        return planned_trees(self.manifest) or 0

    def lines(self) -> Iterator[bytes | None]:
        """Its trees in their order, None for each that failed."""
        lines = jsonl.lines(self.folder.trees_file)
        for place in range(self.size):
            yield None if place in self.missing else next(lines).text


def merge(runs: Sequence[Path], out: Path) -> RunFolder:
    """Make the run of which `runs` are all shards, in the folder `out`; the shards stay as they are.

    Raises `UsageError`, and leaves nothing behind, where they are not the complete shards of one run.
    """
    shards = sorted(map(Shard.read, runs), key=lambda shard: shard.part)
    check(shards)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty; choose another --out")
    part = temp_path(out)
    shutil.rmtree(part, ignore_errors=True)  # of a merge that was killed
    try:
        part.mkdir(parents=True)
        write(shards, part)
        if out.exists():
            out.rmdir()
        part.rename(out)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"{out}: cannot be written ({error}); free some space, or choose another --out") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return RunFolder(out)


def check(shards: Sequence[Shard]) -> None:
    """Raises `UsageError` if these are not the shards of one run, each once."""
    first = shards[0]
    for shard in shards[1:]:
        for name, was, now in jsonl.differences(whole(first), whole(shard)):
            raise UsageError(
                f"{first.folder.path} and {shard.folder.path} are of two runs: {name} is {was!r} and {now!r}; {APART}"
            )
    by_part: dict[int, Shard] = {}
    for shard in shards:
        if shard.parts != first.parts:
            raise UsageError(
                f"{first.folder.path} is one of {first.parts} shards and {shard.folder.path} one of {shard.parts}: "
                "give those of one division"
            )
        if shard.part in by_part:
            raise UsageError(f"{by_part[shard.part].folder.path} and {shard.folder.path} are both shard {shard.part}")
        by_part[shard.part] = shard
    if lacking := [part for part in range(1, first.parts + 1) if part not in by_part]:
        raise UsageError(
            f"shard {lacking[0]}/{first.parts} is missing"
            + (f", and {len(lacking) - 1} more" if lacking[1:] else "")
            + ": name the folders of all shards"
        )
    total = sum(shard.size for shard in shards)
    for shard in shards:
        if shard.size != (expected := len(range(shard.part - 1, total, shard.parts))):
            raise UsageError(
                f"{shard.folder.path} has {shard.size} conversations, and as a part of {total} it would have "
                f"{expected}: extend the shards to the same --conversations"
            )


def whole(shard: Shard) -> Mapping[str, object]:
    """The fingerprint of the run that it is a part of."""
    return {name: value for name, value in shard.manifest["identity"].items() if name != SHARD}


def write(shards: Sequence[Shard], path: Path) -> None:
    """Write the files of the merged run into the empty folder `path`, in one pass over those of the shards."""
    manifest = merged_manifest(shards)
    identity = manifest.pop("identity")
    del manifest["format"]
    with RunFolder.open(path, identity, manifest, resume=False) as folder:
        with folder.trees_file.open("wb") as target:
            for row in zip_longest(*(shard.lines() for shard in shards)):
                target.writelines(line + b"\n" for line in row if line is not None)
        for shard in shards:
            for failures in shard.folder.failures().values():
                for failure in failures:
                    if PLACE in failure:
                        failure[PLACE] = int(str(failure[PLACE])) * shard.parts + shard.part - 1
                    folder.append_failure(failure)
        for name in (folder.broken_file.name, folder.batches_file.name):
            for file in (shard.folder.path / name for shard in shards):
                if file.exists():
                    with (path / name).open("ab") as target:
                        target.writelines(line.text + b"\n" for line in jsonl.lines(file))
        with folder.journal() as journal:
            for shard in shards:
                if shard.folder.journal_file.exists():
                    journal.add(shard.folder.journal_file)
    (path / "lock").unlink(missing_ok=True)


def merged_manifest(shards: Sequence[Shard]) -> JsonObject:
    """That of the first shard, as it would be of a run in one piece."""
    first = shards[0].manifest
    merged = {**first, "identity": whole(shards[0]), PLANNED: sum(shard.size for shard in shards)}
    merged["config"] = {**first.get("config", {}), SHARD: None}
    notes = [note for shard in shards for note in shard.manifest.get("notes", [])]
    merged["notes"] = list(dict.fromkeys(notes))
    for name in ("models", "simulated", "checks"):
        found = {key: value for shard in reversed(shards) for key, value in shard.manifest.get(name, {}).items()}
        if found:
            merged[name] = {key: found[key] for key in dict.fromkeys((*first.get(name, {}), *found))}
    return merged
