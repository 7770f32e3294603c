"""The settings of an evaluation: one model for flags, TOML files and Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from i2a.errors import UsageError
from i2a.runs.config import RunConfig
from i2a.settings import read, settle


class Evaluation(RunConfig):
    """Everything that can be set; those of `RunConfig` and those below the gap may differ between sessions.

    `replay`: the run whose stored dialogues are the cases. `rejudge`: the evaluation whose dialogues are rated anew;
    it then says all but the judges and the protocol. `inducer`: asked at the end of each live dialogue, for the audit;
    None: the offline one if the user is offline, else nobody.
    """

    candidates: list[str] = Field([])
    replay: Path | None = None
    rejudge: Path | None = None
    profiles: Path | None = None
    personalities: Path | None = None
    cases: int | None = Field(None, ge=1)
    turns: int = Field(10, ge=1)
    seed: int = 0
    user: str = "offline"
    judges: list[str] = Field(["offline"], min_length=1)
    protocol: Literal["aloe", "strict"] = "aloe"
    inducer: str | None = None

    baseline: str | None = None
    ratings: Path | None = None


def settings(file: Path | None, flags: Mapping[str, Any]) -> Evaluation:
    """What a TOML file and flags say together; flags win. Raises `UsageError` that names the setting and its place."""
    stored = read(Evaluation, file) if file else {}
    missing = {"out": "say where to write with --out, e.g. --out runs/eval"}
    config = settle(Evaluation, stored, flags, file=file, missing=missing)
    given = {**stored, **flags}.keys()
    for source, settled in (("rejudge", HELD), ("replay", LIVE)):
        if getattr(config, source) is not None and (clash := sorted(settled & given)):
            name = "CANDIDATE" if clash[0] == "candidates" else f"--{clash[0]}"
            raise UsageError(f"--{source} takes it from the stored dialogues: leave out {name}")
    return config


# What the stored dialogues settle, with --replay and with --rejudge.
LIVE = frozenset({"profiles", "personalities", "user", "inducer"})
HELD = LIVE | {"candidates", "replay", "cases", "turns", "seed"}
