"""A summary for the terminal: candidates as rows, intervals under their numbers. Knows no files.

Names and notes come from users and models: they are shown as they are, never read as markup.
"""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.bootstrap import LEVEL, Estimate
from evaluation.results import MEASURES, Judged, Result
from evaluation.summary import Summary
from i2a.text import one_line

HEADS = {"avg": "AVG", "ir": "IR", "r2": "R2", "n_ir": "N-IR", "n_r2": "N-R2"}
DIGITS = {"avg": 2, "ir": 3, "r2": 2, "n_ir": 3, "n_r2": 2}
NOTHING = "-"


def table(summary: Summary, notes: Sequence[str] = (), *, mixed: bool = False) -> RenderableType:
    """The tables of a summary, one pair for each judge; `notes` come below, one line each.

    `mixed` marks one whose candidates were not measured under the same conditions.
    """
    parts: list[RenderableType] = []
    for judged in summary.judged:
        title = Text(one_line(summary.conditions.title(judged.judge)), "bold")
        parts += [Text(), Text("MIXED: ", "bold red") + title if mixed else title, _results(judged, summary.baseline)]
        if any(difference.replies for difference in judged.differences):
            parts += [Text(), _differences(judged)]
        parts += [Text(f"- {one_line(note)}", "dim") for note in _notes(judged, summary)]
    parts += [Text(f"- {one_line(note)}") for note in notes]
    return Group(*parts[1:])


def number(value: float | None, digits: int, *, signed: bool = False, percent: bool = False) -> str:
    if value is None:
        return NOTHING
    if percent:
        return f"{100 * value:+.1f}%"
    # Adding 0.0 after rounding makes -0.00 a plain 0.00.
    return f"{round(value, digits) + 0.0:{'+' if signed else ''}.{digits}f}"


def _results(judged: Judged, baseline: str) -> Table:
    table = _table("candidate", *HEADS.values(), "AVG over\nbaseline", "unscored")
    for result in judged.results:
        difference = judged.difference(result.candidate)
        cells = [(result.measures[name], DIGITS[name], False, False) for name in MEASURES]
        if difference is not None:
            cells.append((difference.relative["avg"], 1, True, True))
        last = "baseline" if result.candidate == baseline else ""
        _row(table, result.candidate, cells, [last] * bool(last) + [_unscored(result)])
    return table


def _differences(judged: Judged) -> Table:
    table = _table("minus the baseline", *HEADS.values(), "replies\nin both", "")
    for difference in judged.differences:
        cells = [(difference.measures[name], DIGITS[name], True, False) for name in MEASURES]
        _row(table, difference.candidate, cells, [f"{difference.replies:,}", ""])
    return table


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=False)
    for i, head in enumerate(heads):
        table.add_column(
            Text(head), justify="right" if i else "left", no_wrap=i > 0, overflow="fold", vertical="bottom"
        )
    return table


def _row(table: Table, name: str, cells: Sequence[tuple[Estimate, int, bool, bool]], more: Sequence[str]) -> None:
    """Three lines: the numbers, and below them where their intervals begin and end."""
    shown = [number(cell.value, digits, signed=signed, percent=percent) for cell, digits, signed, percent in cells]
    table.add_row(Text(one_line(name)), *map(Text, shown), *map(Text, more))
    for word, end in ((f"  {LEVEL:.0%} from", 0), ("      to", 1)):
        ends = [
            number(cell.interval and cell.interval[end], digits, signed=signed, percent=percent)
            for cell, digits, signed, percent in cells
        ]
        table.add_row(Text(word), *map(Text, ends), style="dim", end_section=end == 1)


def _unscored(result: Result) -> str:
    return f"{sum(result.unscored) + sum(result.missing):,}/{result.cases * len(result.scored):,}"


def _notes(judged: Judged, summary: Summary) -> Iterator[str]:
    """What a reader must know beside the numbers."""
    protocol = summary.conditions.protocol
    low, high = protocol.range
    yield f"baseline: {summary.baseline}; levels {low:g} to {high:g}, IR in points a turn"
    yield f"intervals: bootstrap over profiles and personalities, {summary.resamples:,} resamples"
    yield "R2 and N-IR are pulled towards 0 by the noise of a curve: the fewer the scores, the more"
    if "offline" in summary.conditions.engine:
        yield "offline simulator: these numbers are about the simulator; they are not those of an LLM or of people"
    for result in judged.results:
        yield from _of_candidate(result)
    for difference in judged.differences:
        if not difference.replies:
            yield f"{difference.candidate}: no scored reply in common with the baseline, so no paired difference"


def _of_candidate(result: Result) -> Iterator[str]:
    undefined = [HEADS[name] for name in MEASURES if result.measures[name].value is None]
    if undefined:
        why = "nothing is scored" if not sum(result.scored) else "its curve is flat or has fewer than two turns"
        yield f'{result.candidate}: {", ".join(undefined)} undefined ("{NOTHING}"), for {why}'
    elif shares := {name: result.measures[name].undefined for name in MEASURES if result.measures[name].undefined}:
        told = ", ".join(f"{HEADS[name]} {share:.2%}" for name, share in shares.items())
        yield f"{result.candidate}: undefined in this share of the resamples: {told}"
    if any(result.unscored) or any(result.missing):
        lacking = [a + b for a, b in zip(result.unscored, result.missing, strict=True)]
        yield f"{result.candidate}: unscored at turn 1, 2, ...: {' '.join(map(str, lacking))}; not in any number"
