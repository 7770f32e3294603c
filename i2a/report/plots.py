"""The curves AL(k) of all candidates with their intervals, as PNG and SVG: a panel for each judge. Knows no scores.

Below it one for what is measured beside, see `evaluation.course`.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from evaluation.bootstrap import LEVEL, Estimate
from evaluation.results import JudgeResults
from evaluation.summary import BenchmarkSummary, Conditions
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.text import one_line

# Okabe and Ito's colours without the yellow, which is too pale for a line; markers tell them apart in grey as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
MARKERS = "osD^vPXh<"
LABEL_GAP = 0.045  # of the height of a panel, between the names at the ends of the curves
NAME = 32  # characters shown of a name


def draw(summary: BenchmarkSummary, folder: Path, name: str = "curves") -> tuple[Path, Path]:
    """Write `name`.png and `name`.svg into `folder`. Raises `UsageError` if they cannot be written."""
    # No pyplot: it would choose a backend and keep every figure.
    course = summary.conditions.course
    wanted = [(_panel, results) for results in summary.by_judge]
    if course and course.curve:  # below each judge's own
        wanted = [each for results in summary.by_judge for each in ((_panel, results), (_course_panel, results))]
    figure = Figure(figsize=(9, 5 * len(wanted)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(wanted), squeeze=False)[:, 0]
    for axes, (draw_panel, results) in zip(panels, wanted, strict=True):
        draw_panel(axes, summary.conditions, results)
        for turn in course.turns if course else ():
            axes.axvline(turn - 0.5, color="#888888", linestyle=":", linewidth=1.2)
    files = folder / f"{name}.png", folder / f"{name}.svg"
    for file in files:
        try:
            # The same summary gives the same bytes, and text in the SVG stays text.
            with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "i2a"}), atomic_write(file) as target:
                figure.savefig(target, format=file.suffix[1:], metadata={"Date": None} if file.suffix == ".svg" else {})
        except OSError as error:
            raise UsageError(f"{file}: cannot be written: {error.strerror}") from None
    return files


def _panel(axes: Axes, conditions: Conditions, results: JudgeResults) -> None:
    axes.set_title(fill(one_line(conditions.title(results.judge)), 90), fontsize=11, loc="left", parse_math=False)
    low, high = conditions.protocol.range
    margin = 0.02 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(f"alignment level AL(k), {conditions.protocol.label}", parse_math=False)
    _curves(axes, conditions.turns, {result.candidate: result.al for result in results.candidates})


def _course_panel(axes: Axes, conditions: Conditions, results: JudgeResults) -> None:
    assert conditions.course is not None
    axes.set_title(one_line(f"{conditions.course.name}, judge {results.judge}"), fontsize=11, loc="left")
    axes.set_ylabel(conditions.course.curve, parse_math=False)
    curves = {result.candidate: result.curve for result in results.course}
    ends = [end for curve in curves.values() for level in curve for end in (level.interval or (level.value or 0.0,))]
    reach = 1.05 * max(0.5, max(map(abs, ends)))
    axes.set_ylim(-reach, reach)
    axes.axhline(0, color="#888888", linewidth=0.8)
    _curves(axes, conditions.turns, curves)


def _curves(axes: Axes, turns: int, curves: Mapping[str, Sequence[Estimate]]) -> None:
    """The curve of each candidate, named at its end, over so many turns."""
    axes.set_xlim(0.7, turns + 0.3)
    axes.set_xticks(_ticks(turns))
    axes.set_xlabel(f"turn k   (bands: {LEVEL:.0%} bootstrap intervals over profiles and personalities)")
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    ends = []
    for i, (name, colour, marker) in enumerate(zip(curves, cycle(COLOURS), cycle(MARKERS), strict=False)):
        end = _curve(axes, curves[name], colour, marker, dashed=i >= len(COLOURS))
        ends.append((end, name, colour, marker))
    _labels(axes, ends)


def _curve(axes: Axes, curve: Sequence[Estimate], colour: str, marker: str, *, dashed: bool) -> float | None:
    """Draw one; gives its level at the last turn that has one."""
    turns = np.arange(1, len(curve) + 1)
    levels = np.array([np.nan if level.value is None else level.value for level in curve])
    ends = np.array([level.interval or (np.nan, np.nan) for level in curve])
    axes.plot(turns, levels, color=colour, marker=marker, markersize=5, linestyle="--" if dashed else "-", zorder=3)
    axes.fill_between(turns, ends[:, 0], ends[:, 1], color=colour, alpha=0.13, linewidth=0)
    there = levels[~np.isnan(levels)]
    if len(there) < len(levels) or len(there) == 1:  # no band reaches a turn that stands alone
        axes.vlines(turns, ends[:, 0], ends[:, 1], color=colour, alpha=0.5, linewidth=1.5)
    return float(there[-1]) if len(there) else None


def _labels(axes: Axes, ends: Sequence[tuple[float | None, str, str, str]]) -> None:
    """Name every curve at its end, from the top, pushed apart where curves end close to each other."""
    low, high = axes.get_ylim()
    gap = LABEL_GAP * (high - low)
    named = sorted(ends, key=lambda end: -np.inf if end[0] is None else end[0], reverse=True)
    wanted = [low if level is None else level for level, *_ in named]
    for place, (level, name, colour, _) in zip(spread(wanted, gap, low), named, strict=True):
        shown = one_line(name)
        shown = shown if len(shown) <= NAME else f"{shown[: NAME - 10]}…{shown[-9:]}"
        text = shown if level is not None else f"{shown} (nothing scored)"
        axes.annotate(
            text,
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
            fontsize=10,
            parse_math=False,
        )


def spread(wanted: Sequence[float], gap: float, lowest: float) -> list[float]:
    """`wanted`, which falls, moved so that neighbours are `gap` apart at least and none is below `lowest`."""
    places: list[float] = []
    for place in wanted:
        places.append(place if not places else min(place, places[-1] - gap))
    floor = lowest
    for i in reversed(range(len(places))):
        if places[i] >= floor:
            break
        places[i] = floor
        floor += gap
    return places


def _ticks(turns: int) -> list[int]:
    step = max(1, round(turns / 10))
    return [1, *range(1 + step, turns + 1, step)]
