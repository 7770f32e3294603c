"""Evaluations, comparisons and agreements as tables for the terminal. Knows no files.

Names and warnings come from users and models: they are shown as they are, never read as markup.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.bootstrap import LEVEL, Estimate
from evaluation.course import Course
from evaluation.metrics import MEASURES, Measure
from evaluation.ratings import is_human
from evaluation.results import CandidateResult, Difference, JudgeResults
from evaluation.summary import BenchmarkSummary
from i2a.text import counted, one_line

if TYPE_CHECKING:
    from evaluation.agreement import Agreement, RaterPair
    from evaluation.compare import Comparison
    from evaluation.strata import Stratum

UNDEFINED, SURVIVES = "-", "*"


def summary_table(summary: BenchmarkSummary, warnings: Sequence[str] = (), *, mixed: bool = False) -> RenderableType:
    """Candidates as rows, with intervals under their numbers; two tables for each judge. `warnings` come below.

    `mixed` marks a table whose candidates were not measured under the same conditions.
    """
    parts: list[RenderableType] = []
    for results in summary.by_judge:
        title = Text(one_line(summary.conditions.title(results.judge)), "bold")
        parts += [Text(), Text("MIXED: ", "bold red") + title if mixed else title, _results(results, summary.baseline)]
        if any(difference.replies for difference in results.differences):
            parts += [Text(), _differences(results)]
        if course := summary.conditions.course:
            parts += [Text(), *_course(course, results)]
        parts += [Text(f"- {one_line(line)}", "dim") for line in _explanations(results, summary)]
    parts += [Text(f"- {one_line(warning)}") for warning in warnings]
    return Group(*parts[1:])


def comparison_table(comparison: "Comparison") -> RenderableType:
    """The tables of a comparison, under what differs between its runs."""
    parts: list[RenderableType] = []
    if comparison.mixed:
        parts = [Text("MIXED: these runs differ, and their numbers cannot be compared as they stand:", "bold red")]
        parts += [Text(f"- {line}", "red") for line in comparison.mixed]
    for number, summary in enumerate(comparison.summaries):
        parts += [Text()] * bool(parts) + [summary_table(summary, mixed=bool(comparison.mixed))]
        if comparison.strata:
            parts += [Text(), strata_table(comparison.by, comparison.strata[number])]
    return Group(*parts)


def strata_table(field: str, strata: "Sequence[Stratum]") -> RenderableType:
    """For the people of each level of a field: how many, the mean level of each candidate, and the gain."""
    table = _table(f"by {field}", "cases", "candidate", "AVG", "minus the\nbaseline")
    reasons: dict[str, None] = {}
    for stratum in strata:
        level, cases = one_line(stratum.level)[:40], f"{stratum.cases:,}"
        for results in stratum.summary.by_judge:
            for result in results.candidates:
                avg, difference = result.measures["avg"], results.difference(result.candidate)
                gain = _Cell(difference.measures["avg"], 2, signed=True) if difference else None
                cells = [_Cell(avg, 2), gain] if gain else [_Cell(avg, 2)]
                words = [cell.value + _between(cell) for cell in cells] + ["baseline"] * (gain is None)
                table.add_row(*map(Text, (level, cases, one_line(result.candidate), *words)))
                reasons |= {f"{level}: {cell.estimate.reason}": None for cell in cells if cell.estimate.reason}
                level = cases = ""
    return Group(table, *(Text(f"- {reason}", "dim") for reason in reasons))


def _between(cell: "_Cell") -> str:
    return f" [{cell.end(0)}, {cell.end(1)}]" if cell.estimate.interval else ""


def agreement_table(agreement: "Agreement") -> RenderableType:
    """Every pair of raters, and below it the coefficients of all of them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    unit = "pairs" if agreement.of_choices else "replies"
    for i, head in enumerate(("agreement of", "and", unit, "equal", "kappa")):
        table.add_column(Text(head), justify="left" if i < 2 else "right", overflow="fold")
    for pair in agreement.pairs:
        equal = UNDEFINED if pair.equal is None else f"{pair.equal:.1%}"
        if agreement.of_choices and pair.equal_interval:
            equal += " [{:.0%}, {:.0%}]".format(*pair.equal_interval)
        names = [Text(one_line(name)) for name in (pair.first, pair.second)]
        table.add_row(*names, f"{pair.replies:,}", equal, number(pair.kappa, 3) + _ends(pair.interval))
    lines = ["- kappa: Cohen's, quadratic weights; alpha: Krippendorff's, ordinal"]
    for each in agreement.alphas:
        replies = counted(each.replies, unit)
        lines.append(
            f"- alpha of {each.raters} {each.among} on {replies}: {number(each.alpha, 3)}{_ends(each.interval)}"
        )
    if any(pair.interval for pair in agreement.pairs) or any(each.interval for each in agreement.alphas):
        lines.append(f"- in brackets: {LEVEL:.0%} intervals, from a bootstrap over cases")
    if None in [*(each.alpha for each in agreement.alphas), *(pair.kappa for pair in agreement.pairs)]:
        lines.append(f'- "{UNDEFINED}": undefined; no reply was scored by two raters, or all scores are equal')
    if agreement.unmatched:
        ratings = counted(agreement.unmatched, f"{'choices' if agreement.of_choices else 'ratings'} by people")
        why = "no judge chose from the pair" if agreement.of_choices else "no judge scored the reply"
        lines.append(f"- left out, as {why}: {ratings}")
    said = "pairs by which reply is better" if agreement.of_choices else "replies by score"
    heads = ["first", "tie", "second"] if agreement.of_choices else list(map(str, agreement.scores))
    people = [pair for pair in agreement.pairs if is_human(pair.second) and not is_human(pair.first) and pair.replies]
    confusions = [
        part
        for pair in people
        for part in (
            Text(),
            Text(one_line(f"{said}: {pair.first} (rows), {pair.second} (columns)")),
            confusion_table(pair, heads),
        )
    ]
    return Group(table, *(Text(line, "dim") for line in lines), *confusions)


def confusion_table(pair: "RaterPair", scores: Sequence[str]) -> Table:
    """How many replies got which score from the first rater (rows) and which from the second (columns)."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("", *scores):
        table.add_column(head, justify="right")
    for score, counts in zip(scores, pair.confusion, strict=True):
        table.add_row(Text(score, "bold"), *(f"{count:,}" if count else "." for count in counts))
    return table


def _ends(interval: tuple[float, float] | None) -> str:
    return f" [{number(interval[0], 2)}, {number(interval[1], 2)}]" if interval else ""


def number(value: float | None, digits: int, *, signed: bool = False, percent: bool = False) -> str:
    if value is None:
        return UNDEFINED
    if percent:
        return f"{100 * value:+.1f}%"
    # Adding 0.0 after rounding makes -0.00 a plain 0.00.
    return f"{round(value, digits) + 0.0:{'+' if signed else ''}.{digits}f}"


class _Cell(NamedTuple):
    """A number of a table: its estimate, how it is written, and a mark behind it."""

    estimate: Estimate
    digits: int
    signed: bool = False
    percent: bool = False
    mark: str = ""

    @property
    def value(self) -> str:
        return number(self.estimate.value, self.digits, signed=self.signed, percent=self.percent) + self.mark

    def end(self, which: int) -> str:
        """Where the interval begins (0) or ends (1)."""
        interval = self.estimate.interval
        return number(interval and interval[which], self.digits, signed=self.signed, percent=self.percent)


def _results(results: JudgeResults, baseline: str) -> Table:
    control = ["AVG over\ncontrol"] * (results.best_control is not None)
    table = _table("candidate", *(measure.symbol for measure in MEASURES), "AVG over\nbaseline", *control, "unscored")
    for result in results.candidates:
        cells: list[_Cell | str] = [_Cell(result.measures[measure.name], measure.digits) for measure in MEASURES]
        difference = results.difference(result.candidate)
        mark = SURVIVES * (difference is not None and difference.survives("avg"))
        cells.append(_gain(difference, mark) or "baseline")
        if control:
            cells.append(_gain(results.gain_over_control(result.candidate)) or "control")
        _row(table, result.candidate, cells, [_unscored(result)])
    return table


def _gain(difference: Difference | None, mark: str = "") -> _Cell | None:
    if difference is None:
        return None
    return _Cell(difference.relative["avg"], 1, signed=True, percent=True, mark=mark)


def _differences(results: JudgeResults) -> Table:
    table = _table("minus the baseline", *(measure.symbol for measure in MEASURES), "replies\nin both", "")
    for difference in results.differences:
        cells: list[_Cell | str] = [
            _Cell(difference.measures[m.name], m.digits, signed=True, mark=SURVIVES * difference.survives(m.name))
            for m in MEASURES
        ]
        _row(table, difference.candidate, cells, [f"{difference.replies:,}", ""])
    return table


def _course(course: Course, results: JudgeResults) -> Iterator[RenderableType]:
    """What is measured beside the curves, then what it is, and why something is missing."""
    table = _table(course.name, *(measure.symbol for measure in course.measures), "")
    for found in results.course:
        _row(table, found.candidate, [_Cell(found.measures[m.name], m.digits) for m in course.measures], [""])
    yield table
    if any(found.minus_baseline for found in results.course):
        minus = _table("minus the baseline", *(measure.symbol for measure in course.measures), "")
        for found in results.course:
            if found.minus_baseline:
                cells = [_Cell(found.minus_baseline[m.name], m.digits, signed=True) for m in course.measures]
                _row(minus, found.candidate, cells, [""])
        yield from (Text(), minus)
    lines = [f"{measure.symbol}: {measure.description}" for measure in course.measures]
    lines += _reasons({found.candidate: found.measures for found in results.course}, measures=course.measures)
    yield from (Text(f"- {one_line(line)}", "dim") for line in lines)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=False)
    for i, head in enumerate(heads):
        table.add_column(
            Text(head), justify="right" if i else "left", no_wrap=i > 0, overflow="fold", vertical="bottom"
        )
    return table


def _row(table: Table, name: str, cells: Sequence[_Cell | str], more: Sequence[str]) -> None:
    """Three lines: the numbers or words, and below them where their intervals begin and end."""
    values = (cell if isinstance(cell, str) else cell.value for cell in cells)
    table.add_row(Text(one_line(name)), *map(Text, values), *map(Text, more))
    for word, which in ((f"  {LEVEL:.0%} from", 0), ("      to", 1)):
        ends = [Text("" if isinstance(cell, str) else cell.end(which)) for cell in cells]
        table.add_row(Text(word), *ends, style="dim", end_section=which == 1)


def _unscored(result: CandidateResult) -> str:
    return f"{sum(result.unscored) + sum(result.missing):,}/{result.cases * len(result.scored):,}"


def _explanations(results: JudgeResults, summary: BenchmarkSummary) -> Iterator[str]:
    """What a reader must know beside the numbers."""
    low, high = summary.conditions.protocol.range
    yield f"baseline: {summary.baseline}; levels {low:g} to {high:g}, IR in points a turn"
    if results.best_control is not None:
        yield f"control: {results.best_control}, the best of the controls, which understand nothing of what they answer"
    yield f"intervals: bootstrap by profile and by personality, {summary.resamples:,} resamples; Student's t"
    if results.comparisons:
        family = f"{counted(results.comparisons, 'comparisons')} with the baseline, AVG and IR of each candidate"
        yield f"{SURVIVES}: clear of 0 after Holm's correction for {family}"
    yield "R2 and N-IR are biased towards 0 by noise in the curve: the fewer scores, the more"
    if summary.conditions.simulated:
        yield "offline simulator: these numbers are about the simulator; they are not those of an LLM or of people"
    for result in results.candidates:
        yield from _of_candidate(result)
    yield from _reasons({result.candidate: result.measures for result in results.candidates})
    for difference in results.differences:
        if not difference.replies:
            yield f"{difference.candidate}: no scored reply in common with the baseline, so no paired difference"
    paired = [difference for difference in results.differences if difference.replies]
    yield from _reasons({difference.candidate: difference.measures for difference in paired}, " minus the baseline")
    for reason in dict.fromkeys(d.relative["avg"].reason for d in paired if d.relative["avg"].reason):
        yield f"AVG over baseline: {reason}"


def _reasons(
    found: Mapping[str, Mapping[str, Estimate]], what: str = "", measures: Sequence[Measure] = MEASURES
) -> Iterator[str]:
    """Why numbers or intervals are missing, a line for each reason."""
    symbols = {measure.name: measure.symbol for measure in measures}
    whose: dict[tuple[str, str], list[str]] = {}
    for candidate, estimates in found.items():
        for reason in dict.fromkeys(estimates[name].reason for name in symbols if estimates[name].reason):
            about = ", ".join(symbol for name, symbol in symbols.items() if estimates[name].reason == reason)
            whose.setdefault((about, reason), []).append(candidate)
    for (about, reason), candidates in whose.items():
        yield f"{', '.join(candidates)}{what}: {about} {reason}"


def _of_candidate(result: CandidateResult) -> Iterator[str]:
    undefined = [measure for measure in MEASURES if result.measures[measure.name].value is None]
    shares = {measure.symbol: result.measures[measure.name].undefined for measure in MEASURES}
    if undefined:
        why = undefined[-1].undefined if sum(result.scored) else "no score at all"
        symbols = ", ".join(measure.symbol for measure in undefined)
        yield f'{result.candidate}: {symbols} undefined ("{UNDEFINED}"): {why}'
    elif any(shares.values()):
        words = ", ".join(f"{symbol} {share:.2%}" for symbol, share in shares.items() if share)
        yield f"{result.candidate}: undefined in this share of the resamples: {words}"
    if any(result.unscored) or any(result.missing):
        lacking = [a + b for a, b in zip(result.unscored, result.missing, strict=True)]
        yield f"{result.candidate}: unscored at turn 1, 2, ...: {' '.join(map(str, lacking))}; in no number"
