"""The page: what the runs hold, put into one HTML file that needs nothing else and fetches nothing.

Jinja escapes every value; the one script is ours, and the page's security policy lets no other run.
"""

import base64
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from i2a.report.charts import stored, training
from i2a.report.runs import Run
from i2a.report.tables import number
from i2a.report.trees import Packed

HERE = Path(__file__).parent
AUDITED = ("invented", "role_reversal", "repetition", "early_ending")
MEASURES = {"avg": ("AVG", 2), "ir": ("IR", 3), "r2": ("R2", 2), "n_ir": ("N-IR", 3), "n_r2": ("N-R2", 2)}


class Cell(NamedTuple):
    """A number and its interval, in words."""

    value: str
    interval: str


class Row(NamedTuple):
    """A candidate as one judge sees it."""

    candidate: str
    cells: list[Cell]
    over_baseline: Cell
    unscored: int
    failed: int


def page(title: str, runs: Sequence[Run], trees: Packed) -> str:
    """The whole file as text."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    script = (HERE / "explorer.js").read_text("utf-8")
    trainings = [(run, training(run.log, run.name)) for run in runs if run.kind == "training"]
    return environment.get_template("page.html").render(
        title=title,
        version=version("i2a"),
        runs=runs,
        simulated=any(run.simulated for run in runs),
        evaluations=[run for run in runs if run.kind == "evaluation"],
        curves={run.name: stored(run.path / "curves.svg") for run in runs if run.kind == "evaluation"},
        tables=tables,
        audit=audit,
        share=share,
        costs=costs,
        heads=[head for head, _ in MEASURES.values()],
        trainings=[(run, chart) for run, chart in trainings if chart],
        trees=trees,
        script=script,
        script_hash=base64.b64encode(sha256(script.encode()).digest()).decode(),
        style=(HERE / "style.css").read_text("utf-8"),
    )


def tables(run: Run) -> Iterator[tuple[str, list[Row]]]:
    """The results of an evaluation, for each judge on its own."""
    first = {"candidates": run.summary["candidates"], "differences": run.summary["differences"]}
    for judge, judged in {run.summary["judge"]: first, **run.summary["other_judges"]}.items():
        yield judge, [row(name, run, judged) for name in judged["candidates"]]


def row(name: str, run: Run, judged: dict[str, Any]) -> Row:
    found, difference = judged["candidates"][name], judged["differences"].get(name)
    cells = [
        Cell(number(found[key], digits), interval(found["intervals"][key], digits))
        for key, (_, digits) in MEASURES.items()
    ]
    over = Cell("baseline", "") if name == run.summary["baseline"] else Cell("-", "")
    if difference:
        relative = difference["relative_improvement"]["avg"]
        over = Cell(number(relative["value"], 1, percent=True), interval(relative["interval"], 1, percent=True))
    counts = found["counts"]
    return Row(name, cells, over, sum(counts["unscored"]), run.summary.get("failed", {}).get(name, 0))


def audit(run: Run) -> Iterator[tuple[str, list[str]]]:
    """The simulator audit of an evaluation: a row of words (see `AUDITED`) for all candidates, and for each."""
    whole = run.summary["audit"]
    for name, found in {"all": whole, **whole["candidates"]}.items():
        inducer = found["inducer"]
        shares = [(found["revealed_by_turn"] or [None])[-1], *(found[key] for key in AUDITED)]
        yield name, [f"{found['dialogues']:,}", *map(share, [*shares, inducer["precision"], inducer["recall"]])]


def share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def costs(run: Run) -> Iterator[tuple[str, int, int, str]]:
    """Role, calls, tokens and money."""
    for role, usage in (run.summary.get("usage") or {}).items():
        cost = usage["cost"]
        money = "price unknown" if cost is None else f"${cost:,.2f}"
        yield role, usage["calls"], usage["prompt_tokens"] + usage["completion_tokens"], money


def interval(ends: Sequence[float] | None, digits: int, *, percent: bool = False) -> str:
    if ends is None:
        return ""
    scale, unit = (100, "%") if percent else (1, "")
    return f"{number(scale * ends[0], digits)} to {number(scale * ends[1], digits)}{unit}"
