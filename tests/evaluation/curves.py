"""One curve and its numbers, for tests that look at one at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import measures


class Curve(NamedTuple):
    """None: undefined."""

    avg: float | None
    ir: float | None
    r2: float | None
    n_ir: float | None
    n_r2: float | None


def alignment_curve(al: Sequence[float | None] | NDArray[np.float64]) -> Curve:
    """The numbers of one curve; `al[k - 1]` is AL(k), None or NaN where a turn has no level."""
    levels = np.asarray(al, dtype=np.float64)
    return Curve(*(None if np.isnan(number) else float(number) for number in measures(levels)))
