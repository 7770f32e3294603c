"""The intervals of R2 and N-IR: honest near 0 and 1, and of one mind with that of IR."""

from typing import NamedTuple

import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap, CaseKey, Estimate, Floats
from evaluation.results import CandidateResult, Counts, judge_results

K = np.arange(1.0, 11)
CASES = [CaseKey(f"p{p}+t{t}", f"p{p}", f"t{t}") for p in range(20) for t in range(5)]
FLAT, SMALL, STEEP, JUMP = np.full(10, 3.0), 2.9 + 0.01 * K, 2.3 + 0.1 * K, np.where(K > 1, 3.5, 2.5)
WORLDS = 40


def r2_of(curve: Floats) -> float:
    return float(np.corrcoef(K, curve)[0, 1] ** 2)


def candidate(curve: Floats, seed: int, noise: float = 0.9) -> CandidateResult:
    """Measured in a world where this is the true curve and half a point lies between profiles and personalities."""
    random = np.random.default_rng(seed)
    effects = {half: 0.3 * random.normal() for case in CASES for half in (case.profile, case.personality)}
    of_case = np.array([effects[case.profile] + effects[case.personality] for case in CASES])
    scores = curve + of_case[:, None] + noise * random.normal(size=(len(CASES), 10))
    counts = {"it": Counts(len(CASES), (0,) * 10)}
    return judge_results("", Bootstrap(CASES, resamples=200, seed=seed), {"it": scores}, counts, "it").candidates[0]


class Study(NamedTuple):
    """Of the worlds with one true curve, what the intervals of R2, IR and N-IR say."""

    r2: Floats
    found: list[CandidateResult]

    @classmethod
    def of(cls, curve: Floats) -> "Study":
        found = [candidate(curve, seed) for seed in range(WORLDS)]
        return cls(np.array([each.measures["r2"].interval for each in found]), found)

    def holds(self, r2: float) -> float:
        """The share of worlds whose interval holds this R2."""
        return float(np.mean((self.r2[:, 0] <= r2 + 1e-9) & (r2 - 1e-9 <= self.r2[:, 1])))


@pytest.mark.parametrize("curve", [SMALL, STEEP])
def test_the_r2_of_an_exact_line_is_1_however_much_noise_bends_what_is_measured(curve: Floats) -> None:
    study = Study.of(curve)
    assert study.holds(1.0) >= 0.95
    if curve is SMALL:
        assert np.mean([each.measures["r2"].value or 0 for each in study.found]) < 0.5, "noise bends it"


def test_a_flat_truth_leaves_0_in_the_interval_of_r2() -> None:
    assert Study.of(FLAT).holds(0.0) >= 0.95


def test_a_bend_that_is_larger_than_the_noise_keeps_r2_from_1_and_a_steep_line_from_0() -> None:
    jumped = [candidate(JUMP, seed, noise=0.3).measures["r2"].interval for seed in range(WORLDS)]
    assert np.mean([r2 is not None and r2.low <= r2_of(JUMP) <= r2.high for r2 in jumped]) >= 0.95
    assert np.mean([r2 is not None and r2.high < 0.9 for r2 in jumped]) > 0.9
    assert np.mean(Study.of(STEEP).r2[:, 0]) > 0.5


@pytest.mark.parametrize("curve", [FLAT, SMALL, SMALL + 0.02 * K, STEEP])
def test_the_verdict_on_n_ir_is_that_on_ir(curve: Floats) -> None:
    for each in Study.of(curve).found:
        ir, n_ir = each.measures["ir"], each.measures["n_ir"]
        assert ir.clear == n_ir.clear
        assert n_ir.value is not None
        if n_ir.interval is None:
            assert n_ir.reason == "no interval: the curve is not clearly sloped"
        else:
            assert n_ir.interval.low <= n_ir.value <= n_ir.interval.high


def test_the_n_ir_of_a_steep_line_is_held_and_no_interval_is_steeper_than_a_step() -> None:
    found: list[Estimate] = [each.measures["n_ir"] for each in Study.of(STEEP).found]
    assert np.mean([e.interval is not None and e.interval.low <= 1 / 9 <= e.interval.high for e in found]) >= 0.95
    assert all(e.interval is not None and abs(e.interval.high) <= 12.5 / 82.5 + 1e-9 for e in found)


def test_without_noise_the_interval_is_the_number() -> None:
    scores = np.tile(JUMP, (len(CASES), 1))
    counts = {"it": Counts(len(CASES), (0,) * 10)}
    measured = judge_results("", Bootstrap(CASES, resamples=50), {"it": scores}, counts, "it").candidates[0].measures
    assert measured["r2"].interval == pytest.approx((r2_of(JUMP), r2_of(JUMP)))
