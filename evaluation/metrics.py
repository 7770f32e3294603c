"""From a curve of alignment levels to the five numbers of the ALOE benchmark (arXiv 2410.03642).

AL(k) is the mean score at turn k. This module knows no judge, candidate or resample: curves in, numbers out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A curve is flat if it spans less than this share of its largest level: the noise that sums of floats leave behind.
FLAT = 1e-13


@dataclass(frozen=True, slots=True)
class AlignmentCurve:
    """What a curve AL(1..K) comes to. None: undefined, which is not the same as 0.

    avg    mean of AL(k) over k; None if no turn has a level
    ir     improvement rate: slope b of the least-squares line AL(k) = a + bk, in points a turn; None below two turns
    r2     share of the variance that this line explains; None below two turns and for a flat curve
    n_ir   slope of N-AL(k) = (AL(k) - min) / (max - min) on k; None below two turns and for a flat curve
    n_r2   R2 of that line: equal to r2, for it does not change under the map from AL to N-AL
    """

    avg: float | None
    ir: float | None
    r2: float | None
    n_ir: float | None
    n_r2: float | None


class Measures(NamedTuple):
    """The same for many curves at once: arrays of one shape, NaN where a number is undefined."""

    avg: NDArray[np.float64]
    ir: NDArray[np.float64]
    r2: NDArray[np.float64]
    n_ir: NDArray[np.float64]
    n_r2: NDArray[np.float64]


def alignment_curve(al: Sequence[float | None] | NDArray[np.float64]) -> AlignmentCurve:
    """The numbers of one curve; `al[k - 1]` is AL(k).

    A turn without a level (None or NaN) is left out, and the turns after it keep their k. A flat curve has an `ir` of
    exactly 0. Two turns give an `r2` of 1, as any two points lie on a line. Raises `ValueError` if `al` is not one
    finite number (or nothing) a turn.
    """
    levels = np.asarray(al, dtype=np.float64)
    if levels.ndim != 1 or np.isinf(levels).any():
        raise ValueError("a curve is one finite number, or None, for each turn")
    return AlignmentCurve(*(None if np.isnan(number) else float(number) for number in measures(levels)))


def measures(al: NDArray[np.float64]) -> Measures:
    """The numbers of the curves that lie along the last axis of `al` (..., K), NaN where a turn has no level."""
    there = ~np.isnan(al)
    turns = there.sum(-1)
    k = np.arange(1.0, al.shape[-1] + 1)
    # 0/0 is how a number that is undefined comes out as NaN.
    with np.errstate(invalid="ignore", divide="ignore"):
        avg = np.where(there, al, 0).sum(-1) / turns
        mean_k = np.where(there, k, 0).sum(-1) / turns
        low = np.where(there, al, np.inf).min(-1, initial=np.inf)
        high = np.where(there, al, -np.inf).max(-1, initial=-np.inf)
        spread = high - low
        flat = spread <= FLAT * np.maximum(abs(low), abs(high))
        from_k = np.where(there, k - mean_k[..., None], 0)
        # N-AL about its mean; R2 is taken here as well, where no unit of the scale can over- or underflow.
        from_avg = np.where(there, (al - avg[..., None]) / spread[..., None], 0)
        together = (from_k * from_avg).sum(-1)
        slope = together / (from_k**2).sum(-1)
        fit = np.minimum(together**2 / ((from_k**2).sum(-1) * (from_avg**2).sum(-1)), 1)
    undefined = flat | (turns < 2)
    n_ir, r2 = np.where(undefined, np.nan, slope), np.where(undefined, np.nan, fit)
    ir = np.where(turns < 2, np.nan, np.where(flat, 0, slope * np.where(flat, 0, spread)))
    return Measures(avg, ir, r2, n_ir, r2)
