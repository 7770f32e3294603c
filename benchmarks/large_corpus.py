"""What a tree costs in a corpus of 1,000, 10,000 and 100,000 offline conversations, and whether memory stays flat.

Seconds of CPU per tree: to grow it, to read it, to find it in the index. Memory is that of the process of the run, and
of its largest worker, when 5,000 trees are finished and at the end. 100,000 take some half an hour of two free cores.
Run: python benchmarks/large_corpus.py [--sizes 1000 10000] [--turns 4] [--workers 1]
"""

import argparse
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i2a.personas.growth import grow_pool
from i2a.personas.settings import Growth
from i2a.trees.index import TreeIndex
from i2a.trees.json import read
from i2a.trees.summary import Summary
from scenarios import Simulation, simulate

FIRST = 5000  # trees after which memory should not grow
MIB = 2**20


def cpu() -> float:
    """Seconds, of this process and of those that it has started and that have ended."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in found)


def memory(pid: int | str = "self") -> float:
    """Resident memory of a process, in MiB."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / MIB


def workers() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@contextmanager
def watched(file: Path) -> Iterator[dict[int, tuple[float, float]]]:
    """Memory here and of the largest worker, by how many trees were finished, seen twice a second."""
    found: dict[int, tuple[float, float]] = {}
    through = threading.Event()

    def watch() -> None:
        lines, read_to = 0, 0
        while not through.wait(0.5):
            if file.exists():
                with file.open("rb") as source:
                    source.seek(read_to)
                    new = source.read()
                lines, read_to = lines + new.count(b"\n"), read_to + len(new)
            if lines:
                found[lines] = memory(), max(map(memory, workers()), default=0.0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        through.set()
        watcher.join()


def at(found: dict[int, tuple[float, float]], trees: int) -> str:
    here, worker = found[min(found, key=lambda count: abs(count - trees))]
    return f"{here:.0f} MiB" + (f" + {worker:.0f} MiB" if worker else "")


def measured(folder: Path, size: int, turns: int, count: int) -> None:
    out, start = folder / str(size), cpu()
    with watched(out / "trees.jsonl") as found:
        simulate(
            Simulation(
                out=out,
                conversations=size,
                turns=turns,
                workers=count,
                profiles=folder / "profile.jsonl",
                personalities=folder / "personality.jsonl",
                quiet=True,
            )
        )
    grown = (cpu() - start) / size
    start = cpu()
    summary = Summary.of(read(out / "trees.jsonl"))
    assert summary.trees == size
    reading = (cpu() - start) / size
    start = cpu()
    with TreeIndex.open(out) as index:
        while index.update(1000):
            pass
        indexing = (cpu() - start) / size
        begun = time.perf_counter()
        index.find(limit=50, offset=size // 2)
        page = time.perf_counter() - begun
    megabytes, early = (out / "trees.jsonl").stat().st_size / MIB, min(FIRST, size)
    print(
        f"{size:,} trees, {megabytes:,.0f} MiB; CPU of each: grown in {grown * 1e3:.2f} ms, read in "
        f"{reading * 1e3:.2f}, indexed in {indexing * 1e3:.2f}; a page is found in {page * 1e3:.0f} ms\n"
        f"  memory at {early:,} trees: {at(found, early)}; at the end: {at(found, size)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("profile", "personality"):
            grow_pool(Growth(kind=kind, out=folder / f"{kind}.jsonl", target=331, encoder="tfidf", quiet=True))
        for size in args.sizes:
            measured(folder, size, args.turns, args.workers)


if __name__ == "__main__":
    main()
