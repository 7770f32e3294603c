"""A whole corpus on the offline engine: CPU per call, and whether memory stays flat as the corpus grows.

Grows a quarter of the conversations and then all of them, each in a process of its own, and compares. Run:
python benchmarks/corpus.py [--conversations 3000] [--profiles FILE --personalities FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    trees: int
    calls: int
    cpu: float  # seconds
    wall: float  # seconds
    peak: float  # MiB


def grow(out: Path, conversations: int, flags: list[str]) -> Cost:
    command = [sys.executable, "-m", "i2a.cli", "simulate", "--conversations", str(conversations), "--out", str(out)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, *flags, "--seed", "1", "--quiet", "--json"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        result = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    calls = sum(role["calls"] for role in result["roles"].values())
    wall = time.perf_counter() - start
    return Cost(result["summary"]["trees"], calls, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=3000)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--profiles", type=Path)
    parser.add_argument("--personalities", type=Path)
    args = parser.parse_args()
    flags = ["--turns", str(args.turns)]
    if args.profiles and args.personalities:
        flags += ["--profiles", str(args.profiles), "--personalities", str(args.personalities)]
    with tempfile.TemporaryDirectory() as folder:
        part, whole = (grow(Path(folder) / str(n), n, flags) for n in (args.conversations // 4, args.conversations))
    for cost in (part, whole):
        print(
            f"{cost.trees:5} trees, {cost.calls:7,} calls, {cost.wall:6.1f} s, peak memory {cost.peak:4.0f} MiB, "
            f"{cost.cpu / cost.calls * 1e6:5.0f} us of CPU per call, engine included"
        )
    print(f"ratio, whole to quarter: peak memory {whole.peak / part.peak:.2f}, CPU per call ", end="")
    print(f"{(whole.cpu / whole.calls) / (part.cpu / part.calls):.2f}")


if __name__ == "__main__":
    main()
