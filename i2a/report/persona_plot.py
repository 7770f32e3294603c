"""One picture of what `diversity` found: how near the texts of each pool are to one another, and what they cover."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from i2a.errors import UsageError
from i2a.personas.diversity import BINS, Diversity
from i2a.personas.lexicon import Traits

WIDTH, HEIGHT, DPI = 1200, 900, 100
BLUE, ORANGE, GREY = "#3b6ea5", "#d9822b", "#9aa5b1"


def draw(reports: Sequence[tuple[str, Diversity]], path: Path) -> None:
    """Write a PNG of 1200 x 900 pixels, higher for more than two pools: a row for each, under its name.

    Raises `UsageError` if it cannot be written.
    """
    # No pyplot: it would choose a backend and keep every figure.
    figure = Figure(figsize=(WIDTH / DPI, max(HEIGHT, 450 * len(reports)) / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subfigures(len(reports), squeeze=False)[:, 0]
    for row, (name, report) in zip(rows, reports, strict=True):
        title = f"{name}: {report.size:,} {plural(report)}, effective size {report.effective_size:,.1f}"
        row.suptitle(title, fontsize=13, fontweight="bold", parse_math=False)
        left, right = row.subplots(1, 2)
        _histogram(left, report)
        _coverage(right, report)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def plural(report: Diversity) -> str:
    return "profiles" if report.kind == "profile" else "personalities"


def _histogram(axes: Axes, report: Diversity) -> None:
    axes.set_title("How like is each text to the one most like it?", fontsize=11)
    axes.set_xlabel("cosine similarity to the nearest other text")
    axes.set_ylabel(f"number of {plural(report)}")
    axes.set_xlim(0, 1)
    axes.spines[["top", "right"]].set_visible(False)
    if report.nearest is None:
        axes.text(0.5, 0.5, "one text has no other", ha="center", va="center", color=GREY, transform=axes.transAxes)
        return
    edges = [place / BINS for place in range(BINS)]
    colours = [ORANGE if edge >= report.threshold else BLUE for edge in edges]
    axes.bar(edges, report.nearest.histogram, width=1 / BINS, align="edge", color=colours, edgecolor="white")
    axes.axvline(report.threshold, color=ORANGE, linestyle="--", linewidth=1.5)
    above = f" threshold {report.threshold:g}:\n {report.nearest.above_threshold:.0%} above"
    side = "right" if report.threshold > 0.7 else "left"
    top = axes.get_ylim()[1] * 1.18
    axes.set_ylim(0, top)
    axes.text(report.threshold, top, above, color=ORANGE, ha=side, va="top", fontsize=10)


def _coverage(axes: Axes, report: Diversity) -> None:
    shares = _shares(report)
    axes.set_title(f"What share of the {plural(report)} names ...", fontsize=11)
    colours = [ORANGE if name == "purely agreeable" else BLUE for name in shares]
    bars = axes.barh(list(shares), list(shares.values()), color=colours)
    axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3, fontsize=10)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.spines[["top", "right"]].set_visible(False)


def _shares(report: Diversity) -> dict[str, float]:
    """Label -> share of the texts, from the top."""
    covered = report.coverage
    if isinstance(covered, Traits):
        return {**covered.covered, "purely agreeable": covered.purely_agreeable}
    named = {"a job": covered.job, "family": covered.family, "a pet": covered.pets}
    ages = {f"age {decade}": count / report.size for decade, count in covered.ages.items()}
    pronouns = {f'"{pronoun}"': count / report.size for pronoun, count in covered.pronouns.items()}
    return named | ages | pronouns
