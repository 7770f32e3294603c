"""AVG calibrated by a slice that people rated: prediction-powered inference for a mean.

The judge's AVG over all replies, less the judge's mean error on the rated ones (Angelopoulos et al., 2023,
"Prediction-Powered Inference"). It estimates what people would give, if the rated replies are a random sample; its
interval has the variance of both terms, from the bootstrap of `evaluation.bootstrap`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.bootstrap import LEVEL, Bootstrap, Estimate, Floats, estimates, level_curves, withheld
from evaluation.metrics import measures
from evaluation.ratings import ReplyKey
from evaluation.scores import Score
from evaluation.summary import Conditions, ScoreTable
from i2a.jsonl import JsonMapping, JsonObject
from i2a.text import counted

FEWEST = 30  # rated replies


@dataclass(frozen=True, slots=True)
class Calibrated:
    """AVG as `ratings` replies rated by people correct it."""

    avg: Estimate
    ratings: int

    def as_json(self) -> JsonObject:
        return {"avg": self.avg.as_json(), "ratings": self.ratings}


def calibrations(
    scores: Iterable[Score], conditions: Conditions, people: Mapping[ReplyKey, float]
) -> dict[str, dict[str, Calibrated]]:
    """By judge and candidate. `people`: what people gave a reply, in units of a level."""
    table = ScoreTable(conditions)
    for score in scores:
        table.add(score)
    bootstrap = Bootstrap(list(table.cases.values()))

    def by_people(candidate: str) -> Floats:
        turns = range(1, conditions.turns + 1)
        rows = [[people.get(ReplyKey(candidate, case.id, k), np.nan) for k in turns] for case in bootstrap.cases]
        return np.array(rows, dtype=np.float64)

    return {
        judge: {
            name: calibrate(table.levels(judge, name, bootstrap.cases), by_people(name), bootstrap)
            for name in table.candidates
        }
        for judge in conditions.judges
    }


def in_words(calibrated: Mapping[str, Mapping[str, JsonMapping]]) -> Iterator[str]:
    """A line for each judge and candidate, from what `summary.json` holds."""
    for judge, by_candidate in calibrated.items():
        for name, found in by_candidate.items():
            avg = found["avg"]
            if avg["value"] is None:
                yield f"{name}, judge {judge}: calibrated AVG {avg['reason']}"
                continue
            ends = f", {LEVEL:.0%} from {avg['interval'][0]:.2f} to {avg['interval'][1]:.2f}" if avg["interval"] else ""
            replies = counted(found["ratings"], "replies that people rated")
            yield f"{name}, judge {judge}: AVG {avg['value']:.2f}{ends}, calibrated by {replies}"


def calibrate(levels: Floats, people: Floats, bootstrap: Bootstrap) -> Calibrated:
    """`levels`: by a judge, (cases of the bootstrap, K), NaN where there is no score; `people`: the same by people.

    Withheld, with the reason: fewer than `FEWEST` replies rated by both, or all of one profile or personality.
    """
    error = levels - people
    rated = np.isfinite(error)
    count = int(rated.sum())
    if count < FEWEST:
        return Calibrated(withheld(f"{count} of its replies are rated by people, need {FEWEST}"), count)
    sample = bootstrap.only(np.asarray(rated.any(axis=1)))
    if sample.freedom < 1:
        return Calibrated(withheld(f"people rated {sample.reason.removeprefix('no interval: ')}"), count)
    draws = bootstrap.draws([levels, error], _corrected)
    few = replace(draws, freedom=min(draws.freedom, sample.freedom))
    (avg,) = estimates(_corrected(level_curves([levels, error])), few)
    return Calibrated(avg, count)


def _corrected(curves: Sequence[Floats]) -> Floats:
    judged, error = (measures(curve).avg for curve in curves)
    return np.asarray(judged - error)[..., None]
