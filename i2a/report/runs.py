"""The runs of a report: folders whose kind follows from their files and manifests. Reads only."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.runs.run_folder import RunFolder, planned_trees
from i2a.runs.simulated import is_simulated

Kind = Literal["simulation", "training", "evaluation", "choice"]


@dataclass(frozen=True)
class Run:
    """A folder with a run. `summary` is filled for an evaluation and for choices, once these are complete; `log` for
    a training."""

    name: str
    path: Path
    kind: Kind
    manifest: JsonMapping
    summary: JsonMapping
    log: tuple[JsonMapping, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises `UsageError` if there is no run."""
        manifest = manifest_of(path)
        kind = kind_of(path, manifest)
        log = tuple(line for _, line in jsonl.read(path / "log.jsonl")) if kind == "training" else ()
        summary: JsonMapping = {}
        if kind in ("evaluation", "choice") and (path / "summary.json").is_file():
            summary = _json(
                path / "summary.json", f"{path}/summary.json is damaged; run the command anew with --resume"
            )
        return cls(path.name, path, kind, manifest, summary, log)

    @property
    def unfinished(self) -> bool:
        """Whether it is still going, or was stopped: there is no result yet."""
        if self.kind in ("evaluation", "choice"):
            return not self.summary
        if self.kind == "training":
            return not (self.path / "result.json").is_file()
        folder = RunFolder(self.path)
        return len(folder.finished() | folder.failures().keys()) < (planned_trees(self.manifest) or 0)

    @property
    def trees(self) -> Path | None:
        file = self.path / "trees.jsonl"
        return file if file.is_file() else None

    @property
    def facts(self) -> Iterator[tuple[str, str]]:
        """What identifies the run, as names and values."""
        return _flat(self.manifest.get("identity", {}))

    @property
    def simulated(self) -> bool:
        """Whether the offline engine played a role, so that the numbers are about the simulator."""
        return is_simulated(self.manifest)


def manifest_of(path: Path) -> JsonObject:
    """The manifest of the run in a folder. Raises `UsageError`."""
    return _json(path / "manifest.json", f"{path} holds no run; name folders that i2a wrote")


def kind_of(path: Path, manifest: JsonMapping) -> Kind:
    """What a folder holds, from its manifest and its files."""
    identity = manifest.get("identity") or {}
    if (path / "log.jsonl").is_file() or str(manifest.get("format", "")).startswith("i2a.training/"):
        return "training"
    if identity.get("protocol") == "choice" or identity.get("scenario") == "choice":
        return "choice"
    if "protocol" in identity:
        return "evaluation"
    file = path / "summary.json"
    if not file.is_file():
        return "simulation"
    summary = _json(file, f"{file} is damaged; run the command anew with --resume")
    return "choice" if summary.get("protocol") == "choice" else "evaluation"


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif isinstance(value, list):
        yield name, ", ".join(str(item) for item in value)
    elif value is not None:
        yield name, str(value)


def _json(file: Path, advice: str) -> JsonObject:
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        raise UsageError(advice) from None
    if not isinstance(value, dict):
        raise UsageError(advice)
    return value
