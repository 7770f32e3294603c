"""How often the 95% intervals of an evaluation hold the truth, in worlds where the truth is known.

Scores 1-5 come from crossed effects: profiles, personalities, their pairs, and noise for each reply; two candidates
share part of the effects. The truth is what endless cases would give. Run:
python benchmarks/interval_coverage.py [--worlds 400] [--resamples 2000]
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from evaluation.bootstrap import Bootstrap, CaseKey, Estimate, Floats
from evaluation.metrics import MEASURES, measures
from evaluation.results import Counts, judge_results

TURNS = 10
K = np.arange(1, TURNS + 1)
SHOWN = ("AL(1)", "AL(10)", "AVG", "IR", "R2", "N-IR", "dAVG", "dIR", "dN-IR", "relAVG")


class World(NamedTuple):
    """Standard deviations, in points: of a level; a slope's is a twentieth of it. `shared` by both candidates."""

    name: str
    profiles: int
    personalities: int
    profile: float
    personality: float
    pair: float
    noise: float
    height: float = 2.6
    own: float = 0.5  # of the effects, on top, for each candidate on its own

    def scores(self, random: Generator, profiles: int, personalities: int) -> list[Floats]:
        """Of a straight and of a bent curve: (cases, K)."""

        def effect(count: int, size: float) -> Floats:
            slope = random.normal(size=(count, 1)) * (K - K.mean()) / 20
            return np.asarray(size * (random.normal(size=(count, 1)) + slope))

        people, manners = effect(profiles, self.profile), effect(personalities, self.personality)
        found = []
        for curve in (self.height + 0.04 * K, self.height + 0.2 + 0.5 * (1 - np.exp(-K / 4))):
            rows = people + effect(profiles, self.own * self.profile)
            columns = manners + effect(personalities, self.own * self.personality)
            pairs = self.pair * random.normal(size=(profiles, personalities, 1))
            noise = self.noise * random.normal(size=(profiles, personalities, TURNS))
            level = curve + rows[:, None] + columns[None] + pairs + noise
            found.append(np.clip(np.round(level), 1, 5).reshape(-1, TURNS))
        return found


WORLDS = (
    World("noise alone", 20, 5, 0.05, 0.05, 0.05, 0.9),
    World("all effects alike", 20, 5, 0.3, 0.3, 0.3, 0.7),
    World("personality counts most", 20, 5, 0.2, 0.6, 0.2, 0.5),
    World("near the floor", 20, 5, 0.4, 0.4, 0.3, 0.5, height=0.6),
    World("20 personalities", 20, 20, 0.3, 0.3, 0.3, 0.7),
)


def numbers(candidate: Floats, baseline: Floats) -> list[float]:
    """The true values of what is SHOWN, from two curves."""
    (avg, ir, r2, n_ir, _), (avg0, ir0, _, n_ir0, _) = measures(candidate), measures(baseline)
    own = [candidate[0], candidate[-1], avg, ir, r2, n_ir]
    return [float(number) for number in (*own, avg - avg0, ir - ir0, n_ir - n_ir0, (avg - avg0) / avg0)]


def estimated(scores: Sequence[Floats], bootstrap: Bootstrap) -> list[Estimate]:
    """What an evaluation says about the same, the bent curve against the straight one."""
    counts = Counts(len(bootstrap.cases), (0,) * TURNS)
    levels = dict(zip(("straight", "bent"), scores, strict=True))
    results = judge_results("", bootstrap, levels, dict.fromkeys(levels, counts), "straight")
    own, (against,) = results.candidates[1], results.differences
    return [
        *(own.al[0], own.al[-1], *(own.measures[measure.name] for measure in MEASURES[:4])),
        *(against.measures[name] for name in ("avg", "ir", "n_ir")),
        against.relative["avg"],
    ]


def study(world: World, worlds: int, resamples: int) -> None:
    random = np.random.default_rng(0)
    endless = [world.scores(random, 300, 300) for _ in range(60)]
    straight, bent = (np.mean([both[i].mean(0) for both in endless], axis=0) for i in (0, 1))
    truth = numbers(bent, straight)
    cases = [
        CaseKey(f"{p}/{t}", f"p{p:03}", f"t{t:03}") for p in range(world.profiles) for t in range(world.personalities)
    ]
    held, width, value = np.zeros((3, len(SHOWN)))
    for seed in range(worlds):
        scores = world.scores(random, world.profiles, world.personalities)
        found = estimated(scores, Bootstrap(cases, resamples=resamples, seed=seed))
        for i, (estimate, true) in enumerate(zip(found, truth, strict=True)):
            assert estimate.value is not None
            assert estimate.interval is not None
            low, high = estimate.interval
            held[i] += low <= true <= high
            width[i] += high - low
            value[i] += estimate.value
    print(f"\n{world.name}: {world.profiles} profiles x {world.personalities} personalities")
    print(f"{'':10}" + "".join(f"{name:>8}" for name in SHOWN))
    for name, row in (("truth", truth), ("estimate", value / worlds), ("width", width / worlds)):
        print(f"{name:10}" + "".join(f"{number:8.3f}" for number in row))
    print(f"{'coverage':10}" + "".join(f"{share:8.1%}" for share in held / worlds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=2000)
    args = parser.parse_args()
    for world in WORLDS:
        study(world, args.worlds, args.resamples)


if __name__ == "__main__":
    main()
