"""Whether pools of personas are fit and diverse: what `i2a personas check` shows, as values and in words.

Each pool is checked by itself, against the others of its kind and against a benchmark. Nothing is changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.personas.collections import columns, read_texts
from i2a.personas.diversity import Diversity, Overlap, SimilarPair, overlap, report
from i2a.personas.encoders import Encoder
from i2a.personas.lexicon import Traits
from i2a.personas.quality import Rejection, tally
from i2a.text import one_line
from i2a.trees.persona import KINDS, Kind

SHOWN = 3
PLURAL: dict[Kind, str] = {"profile": "profiles", "personality": "personalities"}


@dataclass(frozen=True)
class Pool:
    """The texts of one kind in a file. `guessed`: the kind is a guess, as neither the user nor the file names it."""

    file: Path
    kind: Kind
    texts: Sequence[str]
    guessed: bool = False


@dataclass(frozen=True)
class PoolCheck:
    """What is known of each pool, in their order, and of each pair (a pool, what it overlaps with)."""

    encoder: str
    threshold: float
    warnings: Sequence[str]
    pools: Sequence[Pool]
    rejected: Sequence[Mapping[Rejection, int]]
    reports: Sequence[Diversity]
    overlaps: Sequence[tuple[Pool, Pool, bool, Overlap]]

    def as_json(self) -> JsonObject:
        checked = zip(self.pools, self.rejected, self.reports, strict=True)
        return {
            "encoder": self.encoder,
            "threshold": self.threshold,
            "notes": list(self.warnings),
            "pools": [
                {"file": str(pool.file), "kind_guessed": pool.guessed, "rejected": dict(rejected)} | report.as_json()
                for pool, rejected, report in checked
            ],
            "overlaps": [
                {"file": str(pool.file), "with": str(other.file), "kind": pool.kind, "benchmark": benchmark}
                | found.as_json()
                for pool, other, benchmark, found in self.overlaps
            ],
        }


def pools_of(file: Path, kind: Kind | None, column: str | None) -> list[Pool]:
    """The pools in a file: two if it holds whole personas. Raises `UsageError` if there is none."""
    there = [one for one in KINDS if one in columns(file)] if column is None else []
    named = [one for one in there if kind in (one, None)]
    if there and not named:
        raise UsageError(f"{file} holds a {there[0]} in each record, no {kind}; leave out --kind, or give --column")
    pools = [Pool(file, one, list(read_texts(file, one))) for one in named]
    if not named:
        texts = list(read_texts(file, column))
        known = kind or next((one for one in KINDS if one == column), None)
        pools = [Pool(file, known or likely(texts), texts, guessed=known is None)]
    if not all(pool.texts for pool in pools):
        raise UsageError(f"{file}: no text in it; give one profile or personality to a line")
    # A persona file has its profiles several times, once with each personality.
    return [Pool(file, p.kind, list(dict.fromkeys(p.texts)), p.guessed) if len(pools) > 1 else p for p in pools]


def likely(texts: Sequence[str]) -> Kind:
    """The kind as which fewer of the first texts are rejected."""
    return min(KINDS, key=lambda kind: sum(tally(texts[:200], kind).values()))


def examine(pools: Sequence[Pool], benchmark: Sequence[Pool], encoder: Encoder) -> PoolCheck:
    """Check each pool by itself, against the others of its kind and against the benchmark."""
    vectors = [encoder.encode(pool.texts) for pool in (*pools, *benchmark)]
    encoded = list(zip((*pools, *benchmark), vectors, strict=True))
    own, reference = encoded[: len(pools)], encoded[len(pools) :]
    reports = [report(pool.texts, rows, pool.kind, encoder.threshold) for pool, rows in own]
    pairs = [
        *((one, other, False) for one, other in permutations(own, 2)),
        *((one, other, True) for one in own for other in reference),
    ]
    overlaps = [
        (pool, other, known, overlap(pool.texts, rows, other.texts, other_rows, encoder.threshold))
        for (pool, rows), (other, other_rows), known in pairs
        if pool.kind == other.kind
    ]
    rejected = [tally(pool.texts, pool.kind) for pool in pools]
    return PoolCheck(encoder.name, encoder.threshold, encoder.warnings, pools, rejected, reports, overlaps)


def in_words(check: PoolCheck) -> Iterator[str]:
    """The result as lines of text."""
    for pool, rejected, found in zip(check.pools, check.rejected, check.reports, strict=True):
        guessed = " (a guess; --kind sets it)" if pool.guessed else ""
        yield f"{pool.file}: {_count(found.size, pool.kind)}{guessed}"
        count = sum(rejected.values())
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in rejected.items())
        yield _row("unfit", f"{count:,} ({count / found.size:.1%}){f': {reasons}' if reasons else ''}")
        yield from _similarity(found, check.encoder)
        yield from _coverage(found)
        yield ""
    yield from (f"Note: {warning}" for warning in check.warnings)
    yield from (line for found in check.overlaps for line in _overlap(*found))


def _similarity(report: Diversity, encoder: str) -> Iterator[str]:
    if report.repeated:
        yield _row("repeated", f"{report.repeated:,} word for word")
    yield _row("effective size", f"{report.effective_size:,.1f} of {report.size:,} (Vendi score; encoder {encoder})")
    if near := report.nearest:
        marks = [near.least, near.lower_quartile, near.median, near.upper_quartile, near.percentile_95, near.most]
        yield _row("nearest other", f"{'  '.join(f'{mark:.2f}' for mark in marks)}  (min, quartiles, 95%, max)")
        near_duplicates = (
            f"{report.near_duplicates:,} pairs above {report.threshold:g}, with {near.above_threshold:.1%} of the texts"
        )
        yield _row("near-duplicates", near_duplicates)
    for pair in report.most_alike[:SHOWN]:
        yield from _pair(pair)
    if groups := report.groups:
        clear = (
            "distinct" if groups.silhouette > 0.5 else "weak" if groups.silhouette > 0.25 else "hardly any structure"
        )
        sample = f" in a sample of {groups.of:,}" if groups.of < report.size else ""
        counts = f"{groups.count:,}{sample}, as diverse as {groups.effective:,.1f} of equal size; {clear}"
        yield _row("groups", f"{counts} (silhouette {groups.silhouette:.2f})")


def _coverage(report: Diversity) -> Iterator[str]:
    covered = report.coverage
    if isinstance(covered, Traits):
        poles = iter([f"{pole} {share:.0%}" for pole, share in covered.covered.items()])
        for label, opposites in zip(["traits", "", "", "", ""], zip(poles, poles, strict=True), strict=True):
            yield _row(label, f"{opposites[0]:<20}{opposites[1]}")
        yield _row("purely agreeable", f"{covered.purely_agreeable:.0%} name no trait that makes uneasy company")
        return
    yield _row("ages", _listed(covered.ages))
    yield _row("pronouns", _listed(covered.pronouns))
    yield _row("they tell of", f"a job {covered.job:.0%}, family {covered.family:.0%}, a pet {covered.pets:.0%}")
    more = f" and {len(covered.countries) - 10} more" if len(covered.countries) > 10 else ""
    yield _row("countries", f"{_listed(dict(list(covered.countries.items())[:10])) or 'none'}{more}")


def _overlap(pool: Pool, other: Pool, benchmark: bool, found: Overlap) -> Iterator[str]:
    name = f"the benchmark {other.file}" if benchmark else str(other.file)
    counts = f"{found.exact:,} word for word, {found.semantic:,} more above {found.threshold:g}"
    yield f"{pool.file} against {name}: of {_count(found.size, pool.kind)}, {counts}"
    # Every text that the benchmark has too is one too many; of other pools a few examples will do.
    for pair in (*found.exact_pairs, *found.semantic_pairs) if benchmark else found.semantic_pairs[:SHOWN]:
        yield from _pair(pair)


def _pair(pair: SimilarPair) -> Iterator[str]:
    yield _row("", f"{pair.similarity:.2f}  {_place(pair.first, pair.first_text)}")
    yield _row("", f"      {_place(pair.second, pair.second_text)}")


def _place(place: int, text: str) -> str:
    text = one_line(text)
    return f"{place + 1:>5,}: {text[:87]}{'...' if len(text) > 87 else ''}"


def _row(label: str, text: str) -> str:
    return f"  {label:<18}{text}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _count(number: int, kind: Kind) -> str:
    return f"{number:,} {kind if number == 1 else PLURAL[kind]}"
