"""A judge that is too kind is put right by a slice that people rated, and the interval says how surely."""

import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap, CaseKey, Floats
from evaluation.calibration import Calibrated, calibrate

CASES = [CaseKey(f"p{p}+t{t}", f"p{p}", f"t{t}") for p in range(20) for t in range(5)]


def world(seed: int, share: float) -> tuple[Floats, Floats]:
    """What a judge gives, a point above what people give and noisier, and what people gave this share of replies."""
    random = np.random.default_rng(seed)
    effects = {half: 0.3 * random.normal() for case in CASES for half in (case.profile, case.personality)}
    of_case = np.array([effects[case.profile] + effects[case.personality] for case in CASES])
    people = 2.5 + of_case[:, None] + 0.4 * random.normal(size=(100, 10))
    judge = people + 1 + 0.5 * random.normal(size=people.shape)
    return judge, np.where(random.random(people.shape) < share, people, np.nan)


def calibrated(seed: int, share: float) -> Calibrated:
    judge, people = world(seed, share)
    return calibrate(judge, people, Bootstrap(CASES, resamples=300, seed=seed))


def test_the_calibrated_mean_is_what_people_would_give() -> None:
    found = [calibrated(seed, 0.1) for seed in range(80)]
    assert np.mean([each.avg.value or 0 for each in found]) == pytest.approx(2.5, abs=0.05)
    held = [each.avg.interval is not None and each.avg.interval.low <= 2.5 <= each.avg.interval.high for each in found]
    assert np.mean(held) >= 0.9
    assert all(60 < each.ratings < 140 for each in found)


def test_fewer_ratings_make_a_wider_interval() -> None:
    few, many = ([calibrated(seed, share).avg.interval for seed in range(10)] for share in (0.05, 0.9))
    widths = [np.mean([each.high - each.low for each in found if each]) for found in (few, many)]
    assert widths[0] > widths[1]


def test_a_judge_who_agrees_with_people_changes_nothing() -> None:
    judge, _ = world(0, 0.0)
    found = calibrate(judge, np.where(np.arange(10) < 3, judge, np.nan), Bootstrap(CASES, resamples=100))
    assert found.avg.value == pytest.approx(judge.mean())


def test_too_few_ratings_are_refused_with_the_number() -> None:
    judge, people = world(0, 0.0)
    people[:2] = judge[:2]
    found = calibrate(judge, people, Bootstrap(CASES, resamples=50))
    assert found.avg.as_json()["value"] is None
    assert found.avg.reason == "withheld: 20 of its replies are rated by people, need 30"


def test_ratings_of_one_personality_are_refused() -> None:
    judge, people = world(0, 0.0)
    people[::5] = judge[::5]
    found = calibrate(judge, people, Bootstrap(CASES, resamples=50))
    assert found.avg.reason == "withheld: people rated one personality, which cannot tell how others would score"
