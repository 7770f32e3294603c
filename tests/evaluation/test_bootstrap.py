"""The bootstrap: repeatable, clustered, paired, and open about what it cannot say."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import t as student

from evaluation.bootstrap import Bootstrap, CaseKey, Estimate, Floats, Interval, estimates, level_curves

CROSSED = [CaseKey(f"p{p}+t{t}", f"p{p}", f"t{t}") for p in range(12) for t in range(5)]


def mean_level(curves: Sequence[Floats]) -> Floats:
    return np.asarray(curves[0].mean(-1, keepdims=True))


def minus(curves: Sequence[Floats]) -> Floats:
    return np.asarray((curves[0] - curves[1]).mean(-1, keepdims=True))


def estimate(cases: Sequence[CaseKey], *scores: Floats, seed: int = 0, resamples: int = 2000) -> Estimate:
    statistic = mean_level if len(scores) == 1 else minus
    draws = Bootstrap(cases, resamples=resamples, seed=seed).draws(scores, statistic)
    (found,) = estimates(statistic(level_curves(scores)), draws)
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
    assert estimate(CROSSED, np.full((len(CROSSED), 3), 4.0)) == Estimate(4.0, Interval(4.0, 4.0), p=0.0)


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
    first, second, _ = estimates(level_curves([levels])[0], draws)
    assert first.interval is not None
    assert second == Estimate(None, None, 1.0)


def test_a_number_that_many_resamples_lack_has_no_interval_and_the_share_is_told() -> None:
    levels = np.full((len(CROSSED), 1), np.nan)
    levels[0] = 4  # drawn in less than half of the resamples
    found = estimate(CROSSED, levels)
    assert (found.value, found.interval) == (4, None)
    assert 0.25 < found.undefined < 0.6
    assert found.reason == f"no interval: undefined in {found.undefined:.0%} of the resamples"


def test_an_interval_is_that_of_students_t_with_the_degrees_of_freedom_of_the_half_with_fewer_levels() -> None:
    """Where nothing but personalities differs, it is the interval of the mean of so few numbers."""
    of_personality = np.array([2.0, 2.5, 3.5, 3.75, 4.0])
    found = estimate(CROSSED, np.tile(of_personality, 12)[:, None], resamples=20_000)
    error = of_personality.std(ddof=1) / 5**0.5
    assert found.interval == pytest.approx(student.interval(0.95, 4, of_personality.mean(), error), abs=0.05)
    assert found.p == pytest.approx(2 * student.sf(of_personality.mean() / error, 4), rel=0.1)


def test_of_one_half_that_all_share_nothing_is_known_of_others_so_there_is_no_interval_and_it_says_why() -> None:
    one = [CaseKey(str(i), f"p{i}", "t") for i in range(30)]
    two = [CaseKey(str(i), "p", f"t{i}") for i in range(30)]
    repeated = [CaseKey(str(i), "p", "t") for i in range(30)]
    why = "no interval: one {}, which cannot tell how others would score"
    for cases, halves in ((one, "personality"), (two, "profile"), (repeated, "profile and one personality")):
        levels = scores(cases=cases)
        found = estimate(cases, levels)
        assert found.value == pytest.approx(levels.mean())
        assert (found.interval, found.p, found.reason) == (None, None, why.format(halves))


def crossed(personalities: int) -> list[CaseKey]:
    return [CaseKey(f"p{p}+t{t}", f"p{p}", f"t{t}") for p in range(12) for t in range(personalities)]


def test_fewer_personalities_make_a_wider_interval() -> None:
    """On average twice as wide at least for each one less: 12.7, 4.3 and 2.8 standard errors for 2, 3 and 5."""

    def mean_width(personalities: int) -> float:
        cases = crossed(personalities)
        worlds = (scores(seed, profile=0.3, personality=0.3, cases=cases) for seed in range(40))
        return float(np.mean([width(estimate(cases, world, resamples=300)) for world in worlds]))

    two, three, five = map(mean_width, (2, 3, 5))
    assert two > 2 * three > 3 * five


def test_halves_that_come_in_pairs_are_drawn_once() -> None:
    paired = [CaseKey(str(i), f"p{i}", f"t{i}") for i in range(30)]
    levels = scores(cases=paired)
    expected = 2 * student.ppf(0.975, 29) * levels.mean(1).std(ddof=1) / 30**0.5
    assert width(estimate(paired, levels)) == pytest.approx(expected, rel=0.1)


def test_profiles_with_one_personality_each_are_clusters_of_personalities() -> None:
    nested = [CaseKey(str(i), f"p{i}", f"t{i % 4}") for i in range(32)]
    levels = scores(personality=1.0, cases=nested)
    means = np.array([levels[i::4].mean() for i in range(4)])
    expected = 2 * student.ppf(0.975, 3) * means.std(ddof=1) / 4**0.5
    assert width(estimate(nested, levels)) == pytest.approx(expected, rel=0.1)


def test_a_single_case_has_no_interval() -> None:
    found = estimate([CaseKey("c", "p", "t")], np.array([[3.0, 4.0]]))
    assert (found.value, found.interval) == (3.5, None)


@pytest.mark.parametrize("personalities", [2, 3, 5])
def test_the_interval_of_a_mean_holds_the_truth_about_as_often_as_it_says(personalities: int) -> None:
    """A small study; benchmarks/interval_coverage.py is the large one."""
    cases = crossed(personalities)
    worlds = [scores(seed, profile=0.5, personality=0.5, cases=cases) for seed in range(120)]
    found = [estimate(cases, world, seed=i, resamples=300).interval for i, world in enumerate(worlds)]
    assert np.mean([interval is not None and interval.low <= 3 <= interval.high for interval in found]) >= 0.9
