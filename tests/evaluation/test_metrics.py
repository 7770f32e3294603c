"""What a curve of alignment levels comes to: by hand, by laws, and at its edges."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import linregress

from evaluation.metrics import MEASURES, Measures, measures
from tests.evaluation.curves import Curve, alignment_curve

Al = Sequence[float | None]

levels = st.integers(100, 500).map(lambda hundredths: hundredths / 100)
curves = st.lists(levels, min_size=2, max_size=12)
with_gaps = st.lists(levels | st.none(), min_size=1, max_size=12)


def by_definition(al: Al) -> tuple[float, float, float, float, float]:
    """The definitions, taken literally, for a curve that is not flat."""
    k = [turn for turn, level in enumerate(al, start=1) if level is not None]
    there = [level for level in al if level is not None]
    low, high = min(there), max(there)
    plain, normal = linregress(k, there), linregress(k, [(level - low) / (high - low) for level in there])
    return (sum(there) / len(there), plain.slope, plain.rvalue**2, normal.slope, normal.rvalue**2)


@pytest.mark.parametrize(
    ("al", "expected"),
    [
        ([1, 2, 3, 4, 5], (3, 1, 1, 0.25, 1)),
        ([5, 4, 3, 2, 1], (3, -1, 1, -0.25, 1)),
        ([1, 3, 2], (2, 0.5, 0.25, 0.25, 0.25)),
        ([1, 2, 2, 1], (1.5, 0, 0, 0, 0)),
        ([2, None, 3, None, 4], (3, 0.5, 1, 0.25, 1)),
        ([None, None, 3, 4], (3.5, 1, 1, 1, 1)),
        ([3, None, None, 4], (3.5, 1 / 3, 1, 1 / 3, 1)),
        ([3.1, 3.3, 3.2, 3.5, 3.6, 3.6, 3.9, 3.8, 4.0, 4.1], (3.61, 0.1097, 0.9464, 0.1097, 0.9464)),
        ([80, 60, 75, 90.5], (76.375, 4.65, 0.2240, 0.1525, 0.2240)),
    ],
)
def test_curves_whose_numbers_are_known(al: Al, expected: tuple[float, ...]) -> None:
    assert alignment_curve(al) == pytest.approx(expected, abs=5e-4)


@given(with_gaps)
def test_every_number_is_that_of_its_definition(al: Al) -> None:
    assume(len({level for level in al if level is not None}) > 1)
    assert alignment_curve(al) == pytest.approx(by_definition(al), abs=1e-9)


@given(curves, st.floats(0.01, 100), st.floats(-100, 100))
def test_n_ir_and_r2_do_not_change_under_a_rising_affine_map_and_ir_scales(
    al: list[float], scale: float, shift: float
) -> None:
    assume(len(set(al)) > 1)
    plain, mapped = alignment_curve(al), alignment_curve([scale * level + shift for level in al])
    assert (mapped.n_ir, mapped.r2) == pytest.approx((plain.n_ir, plain.r2), abs=1e-6)
    assert plain.ir is not None
    assert plain.avg is not None
    assert (mapped.ir, mapped.avg) == pytest.approx((scale * plain.ir, scale * plain.avg + shift), abs=1e-6)


@given(with_gaps)
def test_n_r2_is_r2_and_n_ir_has_the_sign_of_ir(al: Al) -> None:
    curve = alignment_curve(al)
    assert curve.n_r2 == curve.r2
    assert curve.n_ir is None or math.copysign(1, curve.n_ir) == math.copysign(1, curve.ir or curve.n_ir)
    assert curve.r2 is None or 0 <= curve.r2 <= 1


@given(curves)
def test_a_curve_read_backwards_falls_as_it_rose(al: list[float]) -> None:
    assume(len(set(al)) > 1)
    forth, back = alignment_curve(al), alignment_curve(al[::-1])
    assert forth.ir is not None
    assert (back.ir, back.r2) == pytest.approx((-forth.ir, forth.r2), abs=1e-9)


@given(levels, st.integers(2, 12))
def test_a_flat_curve_has_no_shape(level: float, turns: int) -> None:
    average, *shape = alignment_curve([level] * turns)
    assert average == pytest.approx(level)
    assert shape == [0.0, None, None, None]


@pytest.mark.parametrize(
    "al",
    [
        [0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2],
        [sum([0.1] * 10) * 3, 3.0, 2.9999999999999996],
        [np.mean([0.7] * n) for n in (3, 7, 11, 100)],
        [0.0, 0.0, -0.0],
        [3, None, 3],
    ],
)
def test_the_noise_of_floats_is_flat(al: Al) -> None:
    curve = alignment_curve(al)
    assert (curve.ir, curve.r2, curve.n_ir, curve.n_r2) == (0.0, None, None, None)


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_slope_that_is_tiny_is_a_slope(step: float) -> None:
    curve = alignment_curve([3 + step * k for k in range(10)])
    assert curve.ir == pytest.approx(step, rel=1e-2)
    assert curve.n_ir == pytest.approx(1 / 9, abs=5e-4)


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1e200])
def test_the_unit_of_the_scale_does_not_matter(unit: float) -> None:
    curve = alignment_curve([unit, 3 * unit, 2 * unit])
    assert curve == pytest.approx((2 * unit, unit / 2, 0.25, 0.25, 0.25))


def test_a_single_turn_has_a_mean_and_nothing_else() -> None:
    assert alignment_curve([4]) == Curve(4.0, None, None, None, None)
    assert alignment_curve([None, 4, None]) == Curve(4.0, None, None, None, None)


def test_any_two_turns_lie_on_a_line() -> None:
    assert alignment_curve([3, 3.5]) == pytest.approx((3.25, 0.5, 1, 1, 1))


@pytest.mark.parametrize("al", [[], [None], [None, float("nan")]])
def test_nothing_scored_is_nothing_measured(al: Al) -> None:
    assert alignment_curve(al) == Curve(None, None, None, None, None)


def test_none_and_nan_both_say_that_a_turn_has_no_level() -> None:
    assert alignment_curve([1, None, 4]) == alignment_curve(np.array([1, np.nan, 4]))


@given(st.lists(st.lists(levels | st.just(math.nan), min_size=4, max_size=4), min_size=1, max_size=5))
def test_many_curves_at_once_give_what_each_gives_alone(rows: list[list[float]]) -> None:
    together = np.stack(measures(np.array(rows)), axis=-1)
    alone = [[math.nan if n is None else n for n in alignment_curve(row)] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_the_list_of_measures_has_the_order_of_the_numbers() -> None:
    assert tuple(measure.name for measure in MEASURES) == Measures._fields
