"""Intervals of what measures the shape of a curve, R2 and N-IR. Noise bends every curve, so their resamples mislead.

The line and what is left of the curve beside it are bounded each for itself, and R2 by both. N-IR has the sign of IR by
definition, and so has its interval. Knows curves and resamples; no candidates.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import ncfdtr

from evaluation.bootstrap import LEVEL, Draws, Estimate, Floats, Interval

MOST = 1e9  # a noncentrality beyond which a curve has no noise to speak of


def r2_interval(al: Floats, draws: Draws, slope: Estimate) -> Interval | None:
    """The interval of R2 of the curve `al` (K,), with the resamples of the curve and the interval of its slope.

    R2 is L / (L + D), with L the squares of the true line and D those of the true curve beside it. L follows from the
    interval of the slope, and is 0 at least if that holds 0. For D, the squares of the measured deviations over those
    of their noise are F, whose noncentrality has an interval (Steiger and Fouladi, 1997); where noise explains all of
    them, D is 0 at least and R2 1 at most. The outermost of both make the interval: in the worlds of
    benchmarks/interval_coverage.py, it covers the truth in 97-100% of cases, be it 0, 1 or between.
    """
    if slope.interval is None:
        return None
    there = np.isfinite(al)
    k = np.flatnonzero(there).astype(np.float64) + 1
    line = (np.array(sorted(map(abs, slope.interval))) ** 2) * ((k - k.mean()) ** 2).sum()
    beside = _deviations(al[there], draws.columns(there), k)
    least = 0.0 if not slope.clear else float(line[0] / (line[0] + beside.high))
    return Interval(least, float(line[1] / (line[1] + beside.low)) if beside.low else 1.0)


def _deviations(al: Floats, draws: Draws, k: Floats) -> Interval:
    """The squares of the deviations of the true curve from its line."""
    if len(k) < 3:
        return Interval(0.0, 0.0)
    basis, _ = np.linalg.qr(np.stack([np.ones_like(k), k], axis=1))
    residual = np.eye(len(k)) - basis @ basis.T
    measured = float(((residual @ al) ** 2).sum())
    noise = draws.mapped(lambda curves: curves @ residual)
    total = float(noise.variances().sum())
    finest = max(noise.by, key=lambda each: each.levels).values
    covariance = np.cov(finest[np.isfinite(finest).all(axis=1)].T)
    squares = float((covariance**2).sum())
    if total == 0 or squares == 0:
        return Interval(measured, measured)
    directions = max(1.0, float(np.trace(covariance)) ** 2 / squares)  # in how many the noise goes
    tail, unit = (1 - LEVEL) / 2, total / directions
    low, high = (_noncentrality(measured / total, directions, draws.freedom, p) * unit for p in (1 - tail, tail))
    return Interval(min(low, measured), max(high, measured))


def _noncentrality(f: float, numerator: float, freedom: int, p: float) -> float:
    """That of the F for which a value up to `f` has the probability `p`; 0 where even 0 makes `f` too unlikely."""

    def off(noncentrality: float) -> float:
        return float(ncfdtr(numerator, freedom, noncentrality, f)) - p

    if off(0.0) <= 0:
        return 0.0
    high = 1.0
    while not off(high) <= 0:  # NaN where it is beyond reckoning
        high *= 2
        if high > MOST:
            return f * numerator
    return float(brentq(off, 0.0, high))


def n_ir_interval(al: Floats, found: Estimate, slope: Estimate) -> Interval | None:
    """The interval of N-IR, on the same side of 0 as that of the slope; None if that holds 0.

    The scaling blows a slope that is next to nothing up to that of a line: then nothing can be said of N-IR. Else it is
    that of the logarithm, by the delta method. No curve from 0 to 1 is steeper than a step.
    """
    if found.value is None or found.interval is None or not slope.clear:
        return None
    k = np.flatnonzero(np.isfinite(al)) + 1.0
    from_k = k - k.mean()
    steepest = float(from_k[from_k > 0].sum() / (from_k**2).sum())
    ratio = float(np.exp(min(50.0, (found.interval.high - found.value) / abs(found.value))))
    low, high = sorted((found.value / ratio, found.value * ratio))
    return Interval(max(low, -steepest), min(high, steepest))
