"""Whom a candidate suits: the mean level, and that minus the baseline's, for the people of each level of a field.

A field is whatever a persona holds beside its profile and personality, such as `language`; numbers with many values
are cut into ranges of about as many people. The profile and the personality themselves are told apart by their ids.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from evaluation.scores import Score
from evaluation.summary import BenchmarkSummary, Conditions, summarise
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.trees.persona import KINDS, Persona, as_text

MOST = 8  # levels of a field that is shown unasked, and ranges are made of numbers beyond
MOST_ASKED = 40
RANGES = 4
UNKNOWN = "not said"
RESAMPLES = 2000  # many small tables


@dataclass(frozen=True, slots=True)
class Stratum:
    """The people of one level of a field, and the results with them alone."""

    level: str
    cases: int
    summary: BenchmarkSummary

    def as_json(self) -> JsonObject:
        judges = {}
        for results in self.summary.by_judge:
            found: JsonObject = {}
            for result in results.candidates:
                difference = results.difference(result.candidate)
                gain = {"gain": difference.measures["avg"].as_json()} if difference else {}
                found[result.candidate] = {"avg": result.measures["avg"].as_json(), **gain}
            judges[results.judge] = found
        return {"cases": self.cases, "judges": judges}


def fields_of(personas: Collection[Persona]) -> list[str]:
    """The fields by which people fall into a few groups."""
    names = dict.fromkeys(name for persona in personas for name in persona.fields)
    numbered = {str(place): persona for place, persona in enumerate(personas)}
    most = min(MOST, len(personas) - 1)
    return [name for name in names if 1 < len(set(levels(name, numbered).values())) <= most]


def levels(field: str, personas: Mapping[str, Persona]) -> dict[str, str]:
    """The level of the field for the persona of each case. Raises `UsageError` if no persona has it."""
    if field in KINDS:
        return {case: str(getattr(persona, f"{field}_id")) for case, persona in personas.items()}
    found = {case: as_text(persona.fields.get(field)) for case, persona in personas.items()}
    if not any(found.values()):
        there = dict.fromkeys([*KINDS, *(name for persona in personas.values() for name in persona.fields)])
        raise UsageError(f"no persona of these cases has a field {field!r}; there are: {', '.join(there)}")
    numbers = {case: number for case, text in found.items() if (number := _number(text)) is not None}
    told = {case for case, text in found.items() if text}
    if numbers.keys() == told and len(set(numbers.values())) > MOST:
        ranges = _ranges(list(numbers.values()))
        return {case: _range(numbers[case], ranges) if case in numbers else UNKNOWN for case in personas}
    return {case: text or UNKNOWN for case, text in found.items()}


def stratified(
    scores: Iterable[Score],
    level_of: Mapping[str, str],
    conditions: Conditions,
    *,
    candidates: Sequence[str],
    baseline: str,
    controls: Collection[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Iterator[Stratum]:
    """The results for the cases of each level, in the order of the levels; a level without scores is left out."""
    by_level: dict[str, list[Score]] = {}
    for score in scores:
        if score.case in level_of:
            by_level.setdefault(level_of[score.case], []).append(score)
    for level in sorted(by_level, key=_order):
        mine = by_level[level]
        scored = {score.candidate for score in mine}
        names = [name for name in candidates if name in scored]
        summary = summarise(
            mine,
            conditions,
            candidates=names,
            baseline=baseline if baseline in names else None,
            controls=controls,
            resamples=resamples,
            seed=seed,
        )
        yield Stratum(level, len({score.case for score in mine}), summary)


def check_count(field: str, level_of: Mapping[str, str]) -> None:
    """Raises `UsageError` for a field that puts nearly everybody into a group of their own."""
    if (count := len(Counter(level_of.values()))) > MOST_ASKED:
        raise UsageError(f"{field} has {count} levels in {len(level_of)} cases; give one that puts people into groups")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ranges(values: Sequence[float]) -> list[tuple[float, float]]:
    """The lowest and highest value of each of a few groups of about the same size, none of which share a value."""
    ordered = sorted(values)
    starts = dict.fromkeys(ordered[len(ordered) * part // RANGES] for part in range(RANGES))
    edges = [*starts, float("inf")]
    return [(low, max(v for v in ordered if low <= v < high)) for low, high in pairwise(edges)]


def _range(value: float, ranges: Sequence[tuple[float, float]]) -> str:
    low, high = next((low, high) for low, high in ranges if low <= value <= high)
    return f"{low:g}-{high:g}" if high > low else f"{low:g}"


def _order(level: str) -> tuple[bool, float, str]:
    """Ranges by where they begin, other levels by their names, those of whom nothing is said last."""
    number = _number(level.partition("-")[0]) if level else None
    return level == UNKNOWN, float("inf") if number is None else number, level
