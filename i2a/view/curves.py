"""The numbers of a run's curves with their intervals, from its result files; nothing is computed anew."""

import json
from collections.abc import Sequence

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.report.charts import quantities
from i2a.runs.training_folder import read_log
from i2a.view.shelf import ShownRun


def curves(run: ShownRun) -> JsonObject:
    """`panels`: each a title, what the axes are, and lines of points (x, y, low, high); the ends null where unknown."""
    panels: list[JsonObject] = []
    if run.kind == "training":
        file = run.file("log.jsonl")
        panels = of_training(read_log(file) if file else [], run.key)
    elif file := run.file("summary.json"):
        try:
            summary = json.loads(file.read_text("utf-8"))
        except ValueError:
            raise UsageError(f"{file} is damaged; run the command anew with --resume") from None
        panels = list(_choice(summary) if run.kind == "choice" else _evaluation(summary))
    return {"run": run.key, "panels": panels}


def _evaluation(summary: JsonMapping) -> list[JsonObject]:
    scale = summary.get("scale") or {"lowest": 1, "highest": 5, "unit": 1}
    ends = [scale["lowest"] * scale["unit"], scale["highest"] * scale["unit"]]
    judges = {summary["judge"]: summary["candidates"]} | {
        name: found["candidates"] for name, found in summary["other_judges"].items()
    }
    return [
        {
            "title": f"AL(k), judge {judge}",
            "x": "turn k",
            "y": "alignment level",
            "range": ends,
            "lines": [_line(name, found["al"], found["intervals"]["al"]) for name, found in candidates.items()],
        }
        for judge, candidates in judges.items()
    ]


def _choice(summary: JsonMapping) -> list[JsonObject]:
    return [
        {
            "title": f"choice by turn, {stratum} items",
            "x": "turn k",
            "y": "right, in percent",
            "range": [0, 100],
            "lines": [
                _line(name, [at["value"] for at in found["by_turn"]], [at["interval"] for at in found["by_turn"]])
                for name, found in candidates.items()
            ],
        }
        for stratum, candidates in summary["strata"].items()
    ]


def of_training(log: Sequence[JsonMapping], name: str) -> list[JsonObject]:
    """A panel for each quantity that the report draws, too."""
    return [
        {
            "title": title,
            "x": "step",
            "y": title,
            "range": None,
            "lines": [{"name": name, "points": [[line["step"], line[key], None, None] for line in log if key in line]}],
        }
        for key, title in quantities(log).items()
    ]


def _line(name: str, values: Sequence[float | None], intervals: Sequence[Sequence[float] | None]) -> JsonObject:
    points = [
        [turn, value, *(ends or (None, None))]
        for turn, (value, ends) in enumerate(zip(values, intervals, strict=True), 1)
        if value is not None
    ]
    return {"name": name, "points": points}
