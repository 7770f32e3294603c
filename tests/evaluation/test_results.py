"""Candidates against the baseline: what may be said of many, of few personalities, and of curves without a slope."""

import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap, CaseKey, Floats, Interval
from evaluation.results import Counts, Difference, JudgeResults, Significance, corrected, judge_results

K = np.arange(1.0, 11)
FLAT, RISING, BENT = np.full(10, 2.6), 2.4 + 0.1 * K, 3.3 - np.exp(-K / 2)


def judged(
    seed: int,
    curves: dict[str, Floats],
    *,
    profiles: int = 20,
    personalities: int = 5,
    noise: float = 0.7,
    own: float = 0.2,
    resamples: int = 200,
) -> JudgeResults:
    """A world with these true curves, and effects of profiles and personalities: shared by all, and of each alone."""
    random = np.random.default_rng(seed)
    cases = [CaseKey(f"p{p}+t{t}", f"p{p}", f"t{t}") for p in range(profiles) for t in range(personalities)]

    def effects(size: float) -> Floats:
        rows, columns = random.normal(size=(profiles, 1, 1)), random.normal(size=(1, personalities, 1))
        return np.asarray(size * (rows + columns) + np.zeros((profiles, personalities, 10)))

    common = effects(0.3)
    levels = {
        name: (curve + common + effects(own) + noise * random.normal(size=common.shape)).reshape(-1, 10)
        for name, curve in curves.items()
    }
    counts = dict.fromkeys(curves, Counts(len(cases), (0,) * 10))
    bootstrap = Bootstrap(cases, resamples=resamples, seed=seed)
    return judge_results("", bootstrap, levels, counts, next(iter(curves)), Interval(1.0, 5.0))


def test_eight_candidates_that_differ_in_nothing_seldom_show_a_difference() -> None:
    """One family in twenty may; without the correction it is every second or third."""
    nulls = {f"c{i}": FLAT for i in range(9)}
    worlds = [judged(seed, nulls) for seed in range(40)]
    assert all(world.comparisons == 16 for world in worlds)
    uncorrected = [any(d.measures[m].clear for d in world.differences for m in d.tests) for world in worlds]
    survive = [any(d.survives(m) for d in world.differences for m in d.tests) for world in worlds]
    assert np.mean(uncorrected) > 0.1
    assert np.mean(survive) <= 0.05


def test_a_true_difference_survives_among_seven_that_are_none() -> None:
    curves = {f"c{i}": FLAT for i in range(8)} | {"better": RISING}
    worlds = [judged(seed, curves) for seed in range(10)]
    better = [world.difference("better") for world in worlds]
    assert np.mean([d is not None and d.survives("ir") for d in better]) >= 0.9


def test_holms_correction_counts_the_smallest_p_most_and_keeps_the_order() -> None:
    def difference(name: str, avg: float, ir: float) -> Difference:
        tests = {"avg": Significance(avg, avg), "ir": Significance(ir, ir)}
        return Difference(name, "base", 1, (), {}, {}, tests)

    one, two = corrected([difference("a", 0.01, 0.04), difference("b", 0.03, 0.5)])
    assert [one.tests["avg"].holm, one.tests["ir"].holm] == pytest.approx([0.04, 0.09])
    assert [two.tests["avg"].holm, two.tests["ir"].holm] == pytest.approx([0.09, 0.5])
    assert (one.survives("avg"), two.survives("avg")) == (True, False)


@pytest.mark.parametrize(
    ("base", "other", "why"),
    [
        (FLAT, RISING, "the baseline's curve is not clearly sloped"),
        (RISING, FLAT, "the candidate's curve is not clearly sloped"),
        (FLAT, FLAT, "neither curve is clearly sloped"),
    ],
)
def test_a_difference_in_shape_is_withheld_where_a_curve_has_no_clear_slope(
    base: Floats, other: Floats, why: str
) -> None:
    (difference,) = judged(1, {"base": base, "other": other}).differences
    for name in ("r2", "n_ir", "n_r2"):
        said = {"value": None, "interval": None, "undefined": 0.0, "reason": f"withheld: {why}"}
        assert difference.measures[name].as_json() == said
        assert difference.relative[name].as_json() == said
    assert difference.measures["ir"].value is not None


def test_between_two_clear_slopes_a_difference_in_shape_is_told() -> None:
    (difference,) = judged(1, {"base": RISING, "other": BENT + 0.05 * K}, noise=0.3).differences
    for name in ("r2", "n_ir"):
        interval = difference.measures[name].interval
        assert interval is not None
        assert interval.low <= (difference.measures[name].value or 0) <= interval.high


def test_no_interval_leaves_the_scale() -> None:
    """Two personalities say so little that an interval would."""
    (candidate, _) = judged(0, {"base": FLAT, "other": FLAT}, personalities=2).candidates
    ends = [estimate.interval for estimate in (*candidate.al, candidate.measures["avg"])]
    assert all(end is not None and 1 <= end.low < end.high <= 5 for end in ends)


def test_with_one_personality_there_are_numbers_but_no_interval_no_test_and_a_reason() -> None:
    found = judged(0, {"base": FLAT, "other": RISING}, personalities=1)
    (difference,) = found.differences
    assert found.comparisons == 0
    for estimate in (found.candidates[1].measures["avg"], difference.measures["avg"], difference.al[0]):
        assert estimate.value is not None
        assert estimate.interval is None
        assert estimate.reason == "no interval: one personality, which cannot tell how others would score"
