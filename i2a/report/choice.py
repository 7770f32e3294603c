"""The protocol `choice` for people and for scripts: a table for the terminal, curves by turn, a section of a report."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.bootstrap import LEVEL, Estimate, Interval
from evaluation.choice.baselines import BASELINES
from evaluation.choice.build import BuildResult
from evaluation.choice.items import FILE, WRONG
from evaluation.choice.numbers import CHANCE, CHANGE, STRATA, ChoiceSummary
from evaluation.choice.run import ChoiceRunResult
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.jsonl import JsonMapping, JsonObject
from i2a.report.plots import COLOURS, MARKERS
from i2a.report.tables import UNDEFINED, number
from i2a.runs import outcome
from i2a.text import counted, one_line

CHANGE_HEADS = ("candidate", *(measure.symbol for measure in CHANGE))
HEADS = ("candidate", "accuracy", "slope", "minus baseline", *WRONG.values())
NAME = 12  # least width of a name where a terminal is narrow
Cell = tuple[str, str]  # a number and its interval
IN_WORDS = {"hard": "hard items, on which word overlap and length are wrong", "all": "items in all"}


def as_dict(result: ChoiceRunResult) -> JsonObject:
    """The result as JSON values; `summary` is what `summary.json` holds, empty for a run that is not complete."""
    return outcome.as_dict(result.run) | {"summary": dict(result.written)}


def print_result(result: ChoiceRunResult, console: Console) -> None:
    outcome.print_usage(result.run, console)
    lines = []
    if result.summary is not None:
        console.print(choice_table(result.written))
        lines = [f"Every choice: {result.run.folder}/choices.jsonl; numbers: summary.json; curves: curves.png"]
    outcome.print_next(result.run, console, *lines)


def items_as_dict(result: BuildResult) -> JsonObject:
    """A build as JSON values; `items` describes them, null for a build that is not complete."""
    return outcome.as_dict(result.run) | {"items": result.items and result.items.described}


def print_items(result: BuildResult, console: Console) -> None:
    outcome.print_usage(result.run, console)
    lines = []
    if result.items is not None:
        found = result.items.described
        counts = f"{counted(found['items'], 'items')} of {counted(found['dialogues'], 'dialogues')}"
        lines = [f"{counts} in {result.run.folder}/{FILE}"]
    elif result.run.complete:
        lines = ["no dialogue gave an item: no reply recalled what an earlier message had revealed"]
    outcome.print_next(result.run, console, *lines)


def choice_table(summary: JsonMapping) -> RenderableType:
    """What `summary.json` holds as a table for each stratum, the one that counts first."""
    parts: list[RenderableType] = []
    for heads, tables in tables_of(summary):
        for caption, rows in tables:
            parts += [Text(), Text(one_line(f"{title(summary)}: {caption}"), "bold"), _table(heads, rows)]
    parts += [Text(f"- {one_line(line)}", "dim") for line in explanations(summary)]
    return Group(*parts[1:])


def _table(heads: Sequence[str], rows: Sequence[tuple[str, list[Cell]]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(
            Text(head.replace(" ", "\n")),
            justify="right" if place else "left",
            overflow="fold",
            no_wrap=place > 0,
            min_width=0 if place else NAME,
        )
    for name, cells in rows:
        table.add_row(Text(one_line(name)), *(Text("\n".join(filter(None, cell))) for cell in cells))
    return table


def title(summary: JsonMapping) -> str:
    """The title of every table and plot."""
    by = "offline simulator" if summary["items"]["simulated"] else "LLM"
    against = f", implicit reward against {summary['reference']}" if summary["reference"] else ""
    return f"protocol choice (right of four replies, in percent; chance {summary['chance']:g}), items: {by}{against}"


def tables_of(
    summary: JsonMapping,
) -> Iterator[tuple[Sequence[str], Iterator[tuple[str, list[tuple[str, list[Cell]]]]]]]:
    """Heads, and the tables under them."""
    yield HEADS, results(summary)
    yield CHANGE_HEADS, around_change(summary)


def results(summary: JsonMapping) -> Iterator[tuple[str, list[tuple[str, list[Cell]]]]]:
    """For each stratum a caption, and the name and cells (under `HEADS`) of each candidate."""
    for stratum in STRATA:
        rows = [(name, _cells(summary, name, found)) for name, found in summary["strata"][stratum].items()]
        yield f"{summary['counts'][stratum]:,} {IN_WORDS[stratum]}", rows


def around_change(summary: JsonMapping) -> Iterator[tuple[str, list[tuple[str, list[Cell]]]]]:
    """The same around the change of the people of the items, under `CHANGE_HEADS`; nothing if they stay the same."""
    for stratum, found in summary.get("course", {}).items():
        rows = [
            (name, [with_interval(_estimate(each[measure.name]), measure.digits) for measure in CHANGE])
            for name, each in found.items()
        ]
        change = summary["items"]["change"]
        yield f"around the change at turn {change}, {summary['counts'][stratum]:,} {IN_WORDS[stratum]}", rows


def _estimate(stored: JsonMapping) -> Estimate:
    return Estimate(stored["value"], Interval(*stored["interval"]) if stored["interval"] else None)


def explanations(summary: JsonMapping) -> Iterator[str]:
    """What a reader must know beside the numbers."""
    yield "asked by " + "; ".join(f"{name}: {method}" for name, method in summary["methods"].items())
    yield "accuracy: mean over the turns of the share of items that are right; slope: its least-squares line, a turn"
    words, length = BASELINES
    yield f"{words}: takes the reply with most words in common with the chat; {length}: the {summary['length_rule']}"
    yield f"differences are to {summary['baseline']}; {LEVEL:.0%} intervals: bootstrap over profiles and personalities"
    if "course" in summary:
        yield from (f"{measure.symbol}: {measure.description}" for measure in CHANGE)
        reasons = (
            one[m.name].get("reason") for all in summary["course"].values() for one in all.values() for m in CHANGE
        )
        if any(reasons):
            yield f"{UNDEFINED}: not within the dialogue, or withheld where suits is not clear of 0"
    if summary["items"]["simulated"]:
        yield "offline simulator: rules wrote these items; what is measured is about the simulator, not about people"
    for name, why in summary.get("reasons", {}).items():
        for reason, count in why.items():
            yield f"{name}: {counted(count, 'items')} without a choice: {reason}"


def _cells(summary: JsonMapping, name: str, found: JsonMapping) -> list[Cell]:
    over: Cell = ("baseline" if name == summary["baseline"] else UNDEFINED, "")
    if found["minus_baseline"] is not None:
        over = with_interval(Estimate(**found["minus_baseline"]["accuracy"]), 1, signed=True)
    return [
        with_interval(Estimate(**found["accuracy"]), 1),
        with_interval(Estimate(**found["slope"]), 2, signed=True),
        over,
        *((UNDEFINED if share is None else f"{share:.0%}", "") for share in found["errors"].values()),
    ]


def with_interval(estimate: Estimate, digits: int, *, signed: bool = False) -> Cell:
    """`31.2` and `[27.0, 35.1]`."""
    value = number(estimate.value, digits, signed=signed)
    if estimate.interval is None:
        return value, ""
    low, high = (number(end, digits, signed=signed) for end in estimate.interval)
    return value, f"[{low}, {high}]"


def draw(summary: ChoiceSummary, folder: Path) -> None:
    """Write curves.png and curves.svg, the accuracy at each turn, a panel for each stratum. Raises `UsageError`."""
    figure = Figure(figsize=(9, 4 * len(STRATA)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, stratum in zip(figure.subplots(len(STRATA), squeeze=False)[:, 0], STRATA, strict=True):
        axes.set_title(f"{summary.items[stratum]:,} {IN_WORDS[stratum]}", fontsize=11, loc="left")
        _panel(axes, summary, stratum)
    figure.suptitle(one_line(title(summary.as_json())), fontsize=10, parse_math=False)
    for suffix in ("png", "svg"):
        file = folder / f"curves.{suffix}"
        try:
            with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "i2a"}), atomic_write(file) as target:
                figure.savefig(target, format=suffix, metadata={"Date": None} if suffix == "svg" else {})
        except OSError as error:
            raise UsageError(f"{file}: cannot be written: {error.strerror}") from None


def _panel(axes: Axes, summary: ChoiceSummary, stratum: str) -> None:
    turns = np.arange(1, summary.turns + 1)
    axes.axhline(CHANCE, color="#888888", linewidth=0.8, linestyle=":")
    for result, colour, marker in zip(summary.strata[stratum], cycle(COLOURS), cycle(MARKERS), strict=False):
        levels = np.array([np.nan if level.value is None else level.value for level in result.found.by_turn])
        ends = np.array([level.interval or (np.nan, np.nan) for level in result.found.by_turn])
        simple = result.candidate in BASELINES
        name = one_line(result.candidate)
        style: JsonObject = {"color": colour, "marker": marker, "linestyle": "--" if simple else "-"}
        axes.plot(turns, levels, markersize=4, label=name.replace("_", " _", 1) if name[0] == "_" else name, **style)
        if not simple:
            axes.fill_between(turns, ends[:, 0], ends[:, 1], color=colour, alpha=0.12, linewidth=0)
    axes.set_ylim(-2, 102)
    axes.set_xlim(0.7, summary.turns + 0.3)
    axes.set_xticks(turns)
    axes.set_xlabel("turn k")
    axes.set_ylabel("right, in percent")
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    for text in axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9).get_texts():
        text.set_parse_math(False)
