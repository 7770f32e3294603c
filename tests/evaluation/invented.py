"""Evaluations that nobody held: scores with known effects, and the folders they would stand in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.scores import ALOE, OtherScore, Score, write
from evaluation.summary import BenchmarkSummary, Conditions, summarise
from evaluation.summary import write as write_summary

GENERIC, TUNED, ORACLE = "generic", "tuned", "oracle"
# Level at the first turn and slope.
CANDIDATES: Mapping[str, tuple[float, float]] = {GENERIC: (2.2, 0.0), TUNED: (2.4, 0.3), ORACLE: (4.0, 0.1)}


def conditions(judges: Sequence[str] | Mapping[str, Any] = ("judge",), **changed: Any) -> Conditions:
    known: dict[str, Any] = {
        "protocol": ALOE,
        "engine": "LLM",
        "mode": "live",
        "turns": 4,
        "seed": 0,
        "judges": judges if isinstance(judges, Mapping) else {j: {"model": j, "prompt": "abc"} for j in judges},
        "simulator": {"model": "user", "prompt": "def"},
        "personas": {"cases": 24, "provenance": "cases.jsonl", "fingerprint": "123"},
    }
    return Conditions(**known | changed)


def scores(
    candidates: Mapping[str, tuple[float, float]] = CANDIDATES,
    judges: Sequence[str] = ("judge",),
    *,
    seed: int = 0,
    turns: int = 4,
    unscored: float = 0.0,
) -> Iterator[Score]:
    """8 profiles x 3 personalities, with effects of both that all candidates share; a second judge is kinder."""
    random = np.random.default_rng(seed)
    effects = {f"{half}{i}": 0.5 * random.normal() for half in "pt" for i in range(8)}
    for candidate, (level, slope) in candidates.items():
        for p, t, turn in np.ndindex(8, 3, turns):
            met = level + slope * turn + effects[f"p{p}"] + effects[f"t{t}"] + 0.3 * random.normal()
            for kindness, judge in enumerate(judges):
                given = None if random.random() < unscored else int(np.clip(round(met + kindness), 1, 5))
                reason = "no score: the judge gave none" if given is None else "So it seems."
                yield Score(candidate, f"c{p}-{t}", f"p{p}", f"t{t}", turn + 1, judge, given, reason, "Hello.", "Hm.")


def run(folder: Path, found: Sequence[Score], under: Conditions) -> Path:
    """The folder of a complete evaluation."""
    folder.mkdir(parents=True)
    write(folder / "scores.jsonl", found)
    write_summary(folder / "summary.json", summarise(found, under, resamples=50).as_json())
    return folder


def stored(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return summary


def drifting() -> BenchmarkSummary:
    """An evaluation in which the person changes at turn 3; all replies suit the other persona one point less."""
    found = [
        replace(score, other=OtherScore(max(1, score.score - 1) if score.score else None, "so")) for score in scores()
    ]
    dialogue = {"scenario": "drift", "turns": 4, "change": 3, "exchange": "personality"}
    return summarise(found, conditions(dialogue=dialogue), resamples=50)
