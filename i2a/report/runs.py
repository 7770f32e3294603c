"""The runs of a report: folders whose kind follows from their files and manifests. Reads only."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.runs.simulated import is_simulated

Kind = Literal["simulation", "training", "evaluation"]


@dataclass(frozen=True)
class Run:
    """A folder with a run. `summary` is filled for an evaluation, `log` for a training."""

    name: str
    path: Path
    kind: Kind
    manifest: JsonMapping
    summary: JsonMapping
    log: tuple[JsonMapping, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises `UsageError` if there is no run, or if an evaluation is not complete."""
        manifest = _json(path / "manifest.json", f"{path} holds no run; name folders that i2a wrote")
        identity = manifest.get("identity", {})
        summary: JsonMapping = {}
        log: tuple[JsonMapping, ...] = ()
        kind: Kind = "simulation"
        if (path / "log.jsonl").is_file():
            kind, log = "training", tuple(line for _, line in jsonl.read(path / "log.jsonl"))
        elif "protocol" in identity or (path / "summary.json").is_file():
            kind = "evaluation"
            advice = f"{path}: the evaluation is not complete; the same command with --resume continues"
            summary = _json(path / "summary.json", advice)
        return cls(path.name, path, kind, manifest, summary, log)

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
