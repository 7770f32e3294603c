"""How much faster several processes are than one, with the offline engine; the bytes must be the same.

Each round runs both, one after the other, each begun in a process of its own, for the engine is twice as fast on people
that it has met before. Wall time says what a user waits; the seconds of CPU say what it costs, and what the process
that keeps journal and budget has of them. Wall time means little on a machine that does other work.
Run: python benchmarks/workers.py [--conversations 400] [--turns 10] [--workers 2] [--rounds 3]
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from scenarios import Simulation, simulate


class Took(NamedTuple):
    """Seconds: by the clock, of the CPU in this process, and in worker processes."""

    wall: float
    here: float
    workers: float


def apart(*args: Any) -> Took:
    """`grow` in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(grow, args)


def grow(out: Path, conversations: int, turns: int, workers: int) -> Took:
    start, here, others = time.perf_counter(), used(resource.RUSAGE_SELF), used(resource.RUSAGE_CHILDREN)
    simulate(Simulation(out=out, conversations=conversations, turns=turns, workers=workers, quiet=True))
    return Took(
        time.perf_counter() - start,
        used(resource.RUSAGE_SELF) - here,
        used(resource.RUSAGE_CHILDREN) - others,
    )


def used(who: int) -> float:
    found = resource.getrusage(who)
    return found.ru_utime + found.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=400)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.rounds):
            one, several = (Path(folder) / f"{number}-{kind}" for kind in ("one", "several"))
            alone = apart(one, args.conversations, args.turns, 1)
            shared = apart(several, args.conversations, args.turns, args.workers)
            ratios.append(alone.wall / shared.wall)
            cpu = (shared.here + shared.workers) / alone.here
            print(
                f"one process {alone.wall:.1f} s; {args.workers} workers {shared.wall:.1f} s: x {ratios[-1]:.2f}; "
                f"CPU x {cpu:.2f}, of which {shared.here / (shared.here + shared.workers):.0%} in the first process",
                flush=True,
            )
            if (one / "trees.jsonl").read_bytes() != (several / "trees.jsonl").read_bytes():
                sys.exit("the trees differ")
    print(f"median: x {statistics.median(ratios):.2f}, the same bytes")


if __name__ == "__main__":
    main()
