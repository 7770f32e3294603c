"""The bootstrap: repeatable, clustered, paired, and open about what it cannot say."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.bootstrap import Bootstrap, CaseKey, Estimate, Floats, Interval, estimates, level_curves, widened

CROSSED = [CaseKey(f"p{p}+t{t}", f"p{p}", f"t{t}") for p in range(12) for t in range(5)]


def mean_level(curves: Sequence[Floats]) -> Floats:
    return np.asarray(curves[0].mean(-1, keepdims=True))


def minus(curves: Sequence[Floats]) -> Floats:
    return np.asarray((curves[0] - curves[1]).mean(-1, keepdims=True))


def estimate(cases: Sequence[CaseKey], *scores: Floats, seed: int = 0, resamples: int = 2000) -> Estimate:
    statistic = mean_level if len(scores) == 1 else minus
    draws = Bootstrap(cases, resamples=resamples, seed=seed).draws(scores, statistic)
    (found,) = estimates(statistic(level_curves(scores)), draws, shape=[False])
    return found


def width(found: Estimate) -> float:
    assert found.interval is not None
    return found.interval.high - found.interval.low


def scores(
    seed: int = 0, *, profile: float = 0.0, personality: float = 0.0, cases: Sequence[CaseKey] = CROSSED
) -> Floats:
    """Three turns around 3, with noise and with effects of the two halves."""
    random = np.random.default_rng(seed)
    effects = {half: random.normal() for case in cases for half in (case.profile, case.personality)}
    rows = [profile * effects[case.profile] + personality * effects[case.personality] for case in cases]
    return np.asarray(3 + np.array(rows)[:, None] + random.normal(size=(len(cases), 3)))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    levels = scores()
    assert estimate(CROSSED, levels, seed=1) == estimate(CROSSED, levels, seed=1)
    assert estimate(CROSSED, levels, seed=1) != estimate(CROSSED, levels, seed=2)


def test_the_order_of_the_cases_does_not_matter() -> None:
    levels = scores()
    order = np.random.default_rng(3).permutation(len(CROSSED))
    there, back = estimate(CROSSED, levels), estimate([CROSSED[i] for i in order], levels[order])
    assert there.value == pytest.approx(back.value)
    assert there.interval == pytest.approx(back.interval)


def test_the_estimate_lies_in_its_interval() -> None:
    found = estimate(CROSSED, scores())
    assert found.value is not None
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high


def test_what_never_varies_has_an_interval_of_no_width() -> None:
    assert estimate(CROSSED, np.full((len(CROSSED), 3), 4.0)) == Estimate(4.0, Interval(4.0, 4.0))


def test_clusters_count_and_not_replies() -> None:
    """The same variance of scores makes a wide interval if it lies between personalities, of which there are five."""
    noise = scores()
    clustered = scores(personality=3.0)
    clustered = (clustered - clustered.mean()) / clustered.std() * noise.std() + 3
    assert width(estimate(CROSSED, clustered)) > 3 * width(estimate(CROSSED, noise))


def test_pairing_takes_away_what_two_candidates_have_in_common() -> None:
    cases = scores(1, profile=1.0, personality=1.0)
    better = cases + 0.3 + 0.2 * np.random.default_rng(2).normal(size=cases.shape)
    difference = estimate(CROSSED, better, cases)
    assert difference.interval is not None
    assert 0 < difference.interval.low < 0.3 < difference.interval.high
    assert width(difference) < 0.3 * width(estimate(CROSSED, better))


def test_fewer_scores_make_wider_intervals() -> None:
    levels = scores()
    lost = np.where(np.random.default_rng(4).random(levels.shape) < 0.7, np.nan, levels)
    assert width(estimate(CROSSED, lost)) > 1.2 * width(estimate(CROSSED, levels))


def test_a_turn_without_scores_has_no_level_and_no_interval() -> None:
    levels = scores()
    levels[:, 1] = np.nan
    draws = Bootstrap(CROSSED, resamples=200).draws([levels], lambda curves: curves[0])
    first, second, _ = estimates(level_curves([levels])[0], draws, shape=[False] * 3)
    assert first.interval is not None
    assert second == Estimate(None, None, 1.0)


def test_a_number_that_many_resamples_lack_has_no_interval_and_the_share_is_told() -> None:
    levels = np.full((len(CROSSED), 1), np.nan)
    levels[0] = 4  # drawn in less than half of the resamples
    found = estimate(CROSSED, levels)
    assert (found.value, found.interval) == (4, None)
    assert 0.4 < found.undefined < 0.8


def test_about_the_estimate_or_by_percentiles() -> None:
    levels = scores()
    draws = Bootstrap(CROSSED, resamples=2000).draws([levels], mean_level)
    value = mean_level(level_curves([levels]))
    (percentile,), (about,) = (estimates(value, draws, shape=[shape]) for shape in (False, True))
    assert about.value is not None
    assert about.interval is not None
    assert about.interval.high - about.value == pytest.approx(about.value - about.interval.low)
    assert percentile.interval == pytest.approx(about.interval, abs=0.05)


def test_a_half_that_all_share_is_held() -> None:
    """Nothing is known of other personalities, so that the interval is that of profiles drawn alone."""
    one = [CaseKey(str(i), f"p{i}", "t") for i in range(30)]
    two = [CaseKey(str(i), "p", f"t{i}") for i in range(30)]
    levels = scores(cases=one)
    assert width(estimate(one, levels)) == pytest.approx(width(estimate(two, levels)), rel=0.1)
    expected = 2 * 2.05 * levels.mean(1).std() / np.sqrt(29)
    assert width(estimate(one, levels)) == pytest.approx(expected, rel=0.15)


def test_halves_that_come_in_pairs_are_drawn_once() -> None:
    paired = [CaseKey(str(i), f"p{i}", f"t{i}") for i in range(30)]
    alone = [CaseKey(str(i), f"p{i}", "t") for i in range(30)]
    levels = scores(cases=alone)
    assert width(estimate(paired, levels)) == pytest.approx(width(estimate(alone, levels)), rel=0.1)


def test_profiles_with_one_personality_each_are_clusters_of_personalities() -> None:
    nested = [CaseKey(str(i), f"p{i}", f"t{i % 4}") for i in range(32)]
    alone = [CaseKey(str(i), f"p{i}", "t") for i in range(32)]
    levels = scores(personality=1.0, cases=nested)
    assert width(estimate(nested, levels)) > 2 * width(estimate(alone, levels))


def test_repetitions_of_one_persona_are_drawn_themselves() -> None:
    repeated = [CaseKey(str(i), "p", "t") for i in range(30)]
    assert 0.3 < width(estimate(repeated, scores(cases=repeated))) < 0.6


def test_a_single_case_has_no_interval() -> None:
    assert estimate([CaseKey("c", "p", "t")], np.array([[3.0, 4.0]])) == Estimate(3.5, None)


def test_few_levels_widen_an_interval() -> None:
    assert widened([(100_000, 1.0)]) == pytest.approx(1.96, abs=1e-3)
    assert widened([(5, 1.0)]) == pytest.approx(2.776 * np.sqrt(5 / 4), abs=1e-3)
    assert widened([(5, 0.0), (20, 1.0)]) == widened([(20, 1.0)])
    assert widened([(5, 0.0)]) == pytest.approx(1.96, abs=1e-3)


@given(st.lists(st.tuples(st.integers(2, 400), st.floats(1e-6, 1)), min_size=1, max_size=2))
def test_an_interval_reaches_at_least_as_far_as_that_of_a_normal_and_no_farther_than_the_fewest_levels_ask(
    variances: list[tuple[int, float]],
) -> None:
    fewest = min(n for n, _ in variances)
    assert 1.95996 <= widened(variances) <= widened([(fewest, 1.0)]) + 1e-9


def test_the_interval_of_a_mean_holds_the_truth_about_as_often_as_it_says() -> None:
    """A small study; benchmarks/interval_coverage.py is the large one."""
    worlds = [scores(seed, profile=0.5, personality=0.5) for seed in range(120)]
    found = [estimate(CROSSED, world, seed=i, resamples=500).interval for i, world in enumerate(worlds)]
    assert 0.88 <= np.mean([interval is not None and interval.low <= 3 <= interval.high for interval in found]) <= 0.99
