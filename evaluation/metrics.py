"""The five measures of the ALOE benchmark (arXiv 2410.03642) for curves of alignment levels.

AL(k) is the mean score at turn k. Knows no judge, candidate or resample: curves in, numbers out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A curve is flat if it spans less than this share of its largest level: the noise that sums of floats leave behind.
FLAT = 1e-13


class Measure(NamedTuple):
    """One number computed from a curve AL(1..K).

    name         its key in `summary.json`
    symbol       what it is called in tables
    digits       shown after the point
    description  what it is
    undefined    for which curves it has no value, which is not the same as 0
    shape        whether it measures the shape of a curve, at whatever height it lies
    """

    name: str
    symbol: str
    digits: int
    description: str
    undefined: str
    shape: bool = False


FEW, FLAT_OR_FEW = "fewer than two turns", "fewer than two turns or a flat curve"
# The order is that of `Measures`, and of all tables.
MEASURES = (
    Measure("avg", "AVG", 2, "mean of AL(k) over the turns", "no score at all"),
    Measure("ir", "IR", 3, "improvement rate, slope of the least-squares line of AL(k) on k, in points a turn", FEW),
    Measure("r2", "R2", 2, "share of the variance that this line explains", FLAT_OR_FEW, True),
    Measure("n_ir", "N-IR", 3, "IR of the curve scaled to 0..1, (AL(k) - min) / (max - min)", FLAT_OR_FEW, True),
    Measure("n_r2", "N-R2", 2, "R2 of the scaled curve, which equals R2", FLAT_OR_FEW, True),
)


class Measures(NamedTuple):
    """The numbers of many curves at once: arrays of one shape, NaN where a number is undefined. See `MEASURES`."""

    avg: NDArray[np.float64]
    ir: NDArray[np.float64]
    r2: NDArray[np.float64]
    n_ir: NDArray[np.float64]
    n_r2: NDArray[np.float64]


def measures(al: NDArray[np.float64]) -> Measures:
    """The numbers of the curves that lie along the last axis of `al` (..., K), NaN where a turn has no level.

    A turn without a level is left out, and the turns after it keep their k. A flat curve has an `ir` of exactly 0. Two
    turns give an `r2` of 1, as any two points lie on a line.
    """
    there = ~np.isnan(al)
    turns = there.sum(-1)
    k = np.arange(1.0, al.shape[-1] + 1)
    # 0/0 makes a number that is undefined NaN.
    with np.errstate(invalid="ignore", divide="ignore"):
        avg = np.where(there, al, 0).sum(-1) / turns
        mean_k = np.where(there, k, 0).sum(-1) / turns
        low = np.where(there, al, np.inf).min(-1, initial=np.inf)
        high = np.where(there, al, -np.inf).max(-1, initial=-np.inf)
        spread = high - low
        flat = spread <= FLAT * np.maximum(abs(low), abs(high))
        from_k = np.where(there, k - mean_k[..., None], 0)
        # N-AL minus its mean; R2 is computed here as well, where the unit of the scale cannot over- or underflow.
        from_avg = np.where(there, (al - avg[..., None]) / spread[..., None], 0)
        together = (from_k * from_avg).sum(-1)
        slope = together / (from_k**2).sum(-1)
        fit = np.minimum(together**2 / ((from_k**2).sum(-1) * (from_avg**2).sum(-1)), 1)
    undefined = flat | (turns < 2)
    n_ir, r2 = np.where(undefined, np.nan, slope), np.where(undefined, np.nan, fit)
    ir = np.where(turns < 2, np.nan, np.where(flat, 0, slope * np.where(flat, 0, spread)))
    return Measures(avg, ir, r2, n_ir, r2)
