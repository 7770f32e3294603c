"""How often the 95% intervals of an evaluation hold the truth, in worlds where the truth is known.

Scores 1-5 come from crossed effects: profiles, personalities, their pairs, and noise for each reply; candidates share
part of the effects. The truth is what endless cases would give. Three studies: levels, slopes and differences with 20
profiles and 1 to 20 personalities; R2 and N-IR for curves of known shape; eight candidates that differ in nothing. Run:
python benchmarks/interval_coverage.py [--worlds 400] [--resamples 1000]
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from evaluation.bootstrap import Bootstrap, CaseKey, Estimate, Floats, Interval
from evaluation.metrics import MEASURES, measures
from evaluation.results import Counts, JudgeResults, judge_results

TURNS = 10
K = np.arange(1.0, TURNS + 1)
SHOWN = ("AL(1)", "AL(10)", "AVG", "IR", "R2", "N-IR", "dAVG", "dIR", "relAVG")
STRAIGHT, BENDING = 2.6 + 0.04 * K, 2.8 + 0.5 * (1 - np.exp(-K / 4))
# Curve, and the R2 and N-IR that it has; a flat one has neither.
SHAPES = {
    "flat": np.full(TURNS, 3.0),
    "line, .01 a turn": 2.9 + 0.01 * K,
    "line, .04 a turn": 2.6 + 0.04 * K,
    "line, .1 a turn": 2.3 + 0.1 * K,
    "bending": BENDING,
    "jump at turn 2": np.where(K > 1, 3.5, 2.5),
    "zigzag": 3 + 0.3 * (-1.0) ** K,
}


class World(NamedTuple):
    """Standard deviations, in points: of a level; a slope's is a twentieth of it. `own`: of the effects, on top, for
    each candidate on its own. `whole`: scores are whole numbers from 1 to 5."""

    name: str
    profile: float
    personality: float
    pair: float
    noise: float
    height: float = 0.0
    own: float = 0.5
    whole: bool = True

    def scores(self, random: Generator, curves: Sequence[Floats], profiles: int, personalities: int) -> list[Floats]:
        """Of candidates with these curves: (cases, K)."""

        def effect(count: int, size: float) -> Floats:
            slope = random.normal(size=(count, 1)) * (K - K.mean()) / 20
            return np.asarray(size * (random.normal(size=(count, 1)) + slope))

        people, manners = effect(profiles, self.profile), effect(personalities, self.personality)
        found = []
        for curve in curves:
            rows = people + effect(profiles, self.own * self.profile)
            columns = manners + effect(personalities, self.own * self.personality)
            pairs = self.pair * random.normal(size=(profiles, personalities, 1))
            noise = self.noise * random.normal(size=(profiles, personalities, TURNS))
            level = self.height + curve + rows[:, None] + columns[None] + pairs + noise
            found.append((np.clip(np.round(level), 1, 5) if self.whole else level).reshape(-1, TURNS))
        return found

    def truth(self, curves: Sequence[Floats]) -> list[Floats]:
        """The curves that endless cases would give."""
        if not self.whole:
            return list(curves)
        random = np.random.default_rng(0)
        endless = [self.scores(random, curves, 300, 300) for _ in range(20)]
        return [np.asarray(np.mean([each[i].mean(0) for each in endless], axis=0)) for i in range(len(curves))]


WORLDS = (
    World("noise alone", 0.05, 0.05, 0.05, 0.9),
    World("all effects alike", 0.3, 0.3, 0.3, 0.7),
    World("personality counts most", 0.2, 0.6, 0.2, 0.5),
    World("near the floor", 0.4, 0.4, 0.3, 0.5, height=-2.0),
)


def judged(
    world: World, curves: Sequence[Floats], profiles: int, personalities: int, seed: int, resamples: int
) -> JudgeResults:
    """What an evaluation says of one draw from the world; the first candidate is the baseline."""
    scores = world.scores(np.random.default_rng(seed), curves, profiles, personalities)
    cases = [CaseKey(f"{p}/{t}", f"p{p:03}", f"t{t:03}") for p in range(profiles) for t in range(personalities)]
    levels = {str(i): each for i, each in enumerate(scores)}
    scale = Interval(1.0, 5.0) if world.whole else Interval(-np.inf, np.inf)
    counts = dict.fromkeys(levels, Counts(len(cases), (0,) * TURNS))
    return judge_results("", Bootstrap(cases, resamples=resamples, seed=seed), levels, counts, "0", scale)


def holds(estimate: Estimate, truth: float) -> bool:
    return estimate.interval is not None and estimate.interval.low - 1e-9 <= truth <= estimate.interval.high + 1e-9


def levels_and_differences(
    world: World, true: Sequence[Floats], profiles: int, personalities: int, worlds: int, resamples: int
) -> None:
    """The bending curve against the straight one, whose `true` levels these are.

    Coverage and width are of the intervals that were given: one of a shape is withheld where no slope is clear.
    """
    (avg0, ir0, *_), (avg, ir, r2, n_ir, _) = map(measures, true)
    truth = [float(number) for number in (true[1][0], true[1][-1], avg, ir, r2, n_ir)]
    truth += [float(number) for number in (avg - avg0, ir - ir0, (avg - avg0) / avg0)]
    held, given, width = np.zeros((3, len(SHOWN)))
    for seed in range(worlds):
        results = judged(world, (STRAIGHT, BENDING), profiles, personalities, seed, resamples)
        own, (against,) = results.candidates[1], results.differences
        found = [own.al[0], own.al[-1], *(own.measures[measure.name] for measure in MEASURES[:4])]
        found += [against.measures["avg"], against.measures["ir"], against.relative["avg"]]
        held += [holds(estimate, number) for estimate, number in zip(found, truth, strict=True)]
        given += [estimate.interval is not None for estimate in found]
        width += [e.interval.high - e.interval.low if e.interval else 0.0 for e in found]
    print(f"\n{world.name}: {profiles} profiles x {personalities} personalities")
    print(f"{'':10}" + "".join(f"{name:>8}" for name in SHOWN))
    print(f"{'truth':10}" + "".join(f"{number:8.3f}" for number in truth))
    print(f"{'given':10}" + "".join(f"{share:8.1%}" for share in given / worlds))
    if not given.any():
        return
    with np.errstate(invalid="ignore"):
        print(f"{'width':10}" + "".join(f"{number:8.3f}" for number in width / given))
        print(f"{'coverage':10}" + "".join(f"{share:8.1%}" for share in held / given), flush=True)


def shapes(world: World, worlds: int, resamples: int) -> None:
    """R2 and N-IR of single curves; a flat truth has the R2 and N-IR of 0.

    A clear N-IR is `wrong` if its interval does not hold the truth.
    """
    print(f"\nshapes, {world.name}: R2 and N-IR")
    heads = ("R2", 6), ("measured", 10), ("from", 6), ("to", 6), ("held", 8), ("IR clear", 10), ("N-IR clear", 12)
    print(f"{'':18}" + "".join(f"{head:>{width}}" for head, width in (*heads, ("and wrong", 11))))
    for name, curve in SHAPES.items():
        (true,) = world.truth([curve])
        r2, n_ir = (0.0, 0.0) if name == "flat" else (float(measures(true).r2), float(measures(true).n_ir))
        found = [judged(world, [curve], 20, 5, seed, resamples).candidates[0].measures for seed in range(worlds)]
        ends = np.array([each["r2"].interval for each in found])
        held = np.mean([holds(each["r2"], r2) for each in found])
        clear = [[each[which].clear for each in found] for which in ("ir", "n_ir")]
        assert clear[0] == clear[1]
        wrong = np.mean([each["n_ir"].clear and not holds(each["n_ir"], n_ir) for each in found])
        measured, (low, high) = np.mean([each["r2"].value or 0 for each in found]), ends.mean(axis=0)
        shown = f"{name:18}{r2:6.2f}{measured:10.2f}{low:6.2f}{high:6.2f}{held:8.1%}"
        print(f"{shown}{np.mean(clear[0]):10.1%}{np.mean(clear[1]):12.1%}{wrong:11.1%}", flush=True)


def nulls(world: World, personalities: int, worlds: int, resamples: int) -> None:
    """Eight candidates like the baseline: in how many worlds at least one of them differs clearly."""
    every = [judged(world, [STRAIGHT] * 9, 20, personalities, seed, resamples) for seed in range(worlds)]
    for what, names in (("AVG", ("avg",)), ("IR", ("ir",)), ("N-IR", ("n_ir",)), ("AVG or IR", ("avg", "ir"))):
        clear = np.mean([any(d.measures[n].clear for d in w.differences for n in names) for w in every])
        survive = np.mean([any(d.survives(n) for d in w.differences for n in names) for w in every])
        print(
            f"{world.name}, 20 x {personalities}: {what:10} clear {clear:6.1%}   after Holm {survive:6.1%}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=1000)
    args = parser.parse_args()
    for world in WORLDS:
        true = world.truth((STRAIGHT, BENDING))
        for personalities in (1, 2, 3, 5, 20):
            levels_and_differences(world, true, 20, personalities, args.worlds, args.resamples)
    for world in WORLDS[:3]:
        shapes(unrounded(world), args.worlds, args.resamples)
    print("\neight candidates that differ in nothing: worlds with a clear difference")
    for world in WORLDS[:3]:
        for personalities in (2, 5):
            nulls(world, personalities, args.worlds // 2, args.resamples)


def unrounded(world: World) -> World:
    """The same with scores that are not rounded, so that a line stays one."""
    return world._replace(whole=False)


if __name__ == "__main__":
    main()
