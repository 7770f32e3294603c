"""How close many conversations over HTTP come to what the server allows, and whether they grow the same trees.

The bound is max(calls x latency / slots, turns x 3 x latency): the server's slots, or the three calls of a turn that
must follow each other.
Run: python benchmarks/http_bound.py [--conversations 256] [--slots 256] [--latency 0.2] [--workers 1]
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i2a.runs.outcome import RunResult
from scenarios import Simulation, simulate


@contextmanager
def server(*flags: str) -> Iterator[str]:
    """`i2a serve` in a process of its own; gives the model string to use."""
    command = [sys.executable, "-m", "i2a.cli", "serve", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"openai:\S+", line)
        assert found, f"the server said: {line!r}"
        try:
            yield found[0]
        finally:
            process.terminate()


def grow(folder: Path, model: str, conversations: int, turns: int, workers: int = 1) -> tuple[RunResult, float]:
    start = time.perf_counter()
    config = Simulation(
        out=folder,
        conversations=conversations,
        turns=turns,
        concurrency=conversations,
        model=model,
        seed=1,
        workers=workers,
    )
    result = simulate(config)
    return result, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=256)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        with server("--latency", str(args.latency), "--slots", str(args.slots)) as model:
            grow(here / "warm-up", model, 8, 1)
            result, seconds = grow(here / "http", model, args.conversations, args.turns, args.workers)
        calls = sum(count.calls for count in result.usage.by_role().values())
        bound = max(calls * args.latency / args.slots, args.turns * 3 * args.latency)
        print(f"{calls} calls in {seconds:.2f} s; the bound is {bound:.2f} s; ratio {seconds / bound:.3f}")
        grow(here / "in-process", "offline", args.conversations, args.turns)
        same = (here / "http/trees.jsonl").read_bytes() == (here / "in-process/trees.jsonl").read_bytes()
        print(f"the same trees as in process, byte for byte: {'yes' if same else 'NO'}")
        if not same:
            sys.exit(1)


if __name__ == "__main__":
    main()
