"""The page of a report: one HTML file about all runs, which needs no other file and fetches nothing.

Jinja escapes every value; the page's security policy allows our one script and no other.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.course import Course, course_of
from evaluation.metrics import MEASURES, Measure
from i2a.extras import our_version
from i2a.jsonl import JsonMapping, JsonObject
from i2a.report import choice
from i2a.report.charts import stored, training
from i2a.report.runs import Run
from i2a.report.tables import SURVIVES, number
from i2a.report.trees import Packed

HERE = Path(__file__).parent
AUDITED = ("invented", "role_reversal", "repetition", "early_ending")


IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)


class Cell(NamedTuple):
    """A number and its interval, as text."""

    value: str
    interval: str


class ResultRow(NamedTuple):
    """A candidate by the scores of one judge."""

    candidate: str
    cells: list[Cell]
    over_baseline: Cell
    over_control: Cell | None
    unscored: int
    failed: int


def page(title: str, runs: Sequence[Run], trees: Packed) -> str:
    """The whole file as text."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    script = bundle("report.js")
    trainings = [(run, training(run.log, run.name)) for run in runs if run.kind == "training"]
    return environment.get_template("page.html").render(
        title=title,
        version=our_version(),
        runs=runs,
        simulated=any(run.simulated for run in runs),
        unfinished=[run for run in runs if run.unfinished],
        evaluations=[run for run in runs if run.kind == "evaluation" and run.summary],
        choices=[run for run in runs if run.kind == "choice" and run.summary],
        choice_tables=choice.tables_of,
        choice_explanations=choice.explanations,
        curves={run.path: stored(run.path / "curves.svg") for run in runs if run.kind in ("evaluation", "choice")},
        tables=tables,
        courses=courses,
        audit=audit,
        share=share,
        costs=costs,
        measures=MEASURES,
        trainings=[(run, chart) for run, chart in trainings if chart],
        trees=trees,
        script=script,
        script_hash=base64.b64encode(sha256(script.encode()).digest()).decode(),
        style=(HERE / "style.css").read_text("utf-8"),
    )


def bundle(name: str) -> str:
    """A module of `web/` and those that it imports, each once, as one script: a page may have one script only.

    Our modules import by name, one statement a line, and no two of them name anything alike.
    """
    parts: dict[str, str] = {}

    def take(file: str) -> None:
        text = (HERE / "web" / file).read_text("utf-8")
        for imported in IMPORT.findall(text):
            if imported not in parts:
                take(imported)
        parts[file] = re.sub(r"^export ", "", IMPORT.sub("", text).replace('"use strict";\n', ""), flags=re.MULTILINE)

    take(name)
    return '"use strict";\n' + "\n".join(parts.values())


def tables(run: Run) -> Iterator[tuple[str, str, list[ResultRow]]]:
    """The results of an evaluation: of each judge the best control, if there are any, and the rows of the table."""
    first = {key: run.summary.get(key) for key in ("candidates", "differences", "best_control")}
    for judge, results in {run.summary["judge"]: first, **run.summary["other_judges"]}.items():
        control = (results.get("best_control") or {}).get("candidate", "")
        yield judge, control, [row(name, run, results) for name in results["candidates"]]


def courses(run: Run) -> Iterator[tuple[str, Course, list[tuple[str, list[Cell]]]]]:
    """What was measured beside the curves: of each judge the course, and the rows of the table."""
    course = course_of(run.summary.get("dialogue", {}))
    for judge, results in {run.summary["judge"]: run.summary, **run.summary["other_judges"]}.items():
        if course and (found := results.get("course")):
            rows = [(name, [course_cell(measure, each) for measure in course.measures]) for name, each in found.items()]
            yield judge, course, rows


def course_cell(measure: Measure, found: JsonMapping) -> Cell:
    each = found[measure.name]
    return Cell(number(each["value"], measure.digits), interval(each["interval"], measure.digits))


def row(name: str, run: Run, results: JsonObject) -> ResultRow:
    found, difference = results["candidates"][name], results["differences"].get(name)
    cells = [Cell(number(found[m.name], m.digits), interval(found["intervals"][m.name], m.digits)) for m in MEASURES]
    over = Cell("baseline", "") if name == run.summary["baseline"] else Cell("-", "")
    if difference:
        relative = difference["relative_improvement"]["avg"]
        survives = difference.get("tests", {}).get("avg", {}).get("survives", False)  # none before version 0.2
        value = number(relative["value"], 1, percent=True) + SURVIVES * survives
        over = Cell(value, interval(relative["interval"], 1, percent=True))
    control = None
    if best := results.get("best_control"):  # none before version 0.2, or without controls
        gain = best["gains"].get(name, {}).get("relative")
        value = number(gain["value"], 1, percent=True) if gain else "control"
        control = Cell(value, interval(gain["interval"], 1, percent=True) if gain else "")
    counts = found["counts"]
    return ResultRow(name, cells, over, control, sum(counts["unscored"]), run.summary.get("failed", {}).get(name, 0))


def audit(run: Run) -> Iterator[tuple[str, list[str]]]:
    """The simulator audit of an evaluation, as rows of a table: all candidates together, then each one."""
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
