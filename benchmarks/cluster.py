"""Nodes of a Ray cluster are killed while a run uses them: the corpus must be that of an undisturbed run, and no answer
may be paid for twice.

The cluster is Ray's own for tests, with two nodes of one core on this machine; a node that is killed is replaced. Needs
the extra `cluster`. Run: python benchmarks/cluster.py [--kills 10] [--conversations 40] [--turns 6]
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from i2a.runs.outcome import RunResult
from i2a.testing import Request, ScriptedModel, any_answer
from scenarios import Simulation, simulate


async def slow(request: Request) -> str:
    await asyncio.sleep(0.1)
    return any_answer(request)


def grow(out: Path, model: ScriptedModel, size: dict[str, int], **given: Any) -> RunResult:
    return simulate(Simulation(out=out, concurrency=8, quiet=True, **size, **given), clients={"*": model})


def kill_nodes(cluster: Cluster, model: ScriptedModel, kills: int, run: "Future[RunResult]") -> int:
    """Kill a node each time that so many more answers were given, at random; returns how often."""
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    chance, done = random.Random(7), 0
    while done < kills and not run.done():
        wanted = len(model.requests) + chance.randint(10, 60)
        while len(model.requests) < wanted and not run.done():
            time.sleep(0.01)
        if not run.done():
            cluster.remove_node(nodes.pop(0), allow_graceful=False)
            nodes.append(cluster.add_node(num_cpus=1))
            done += 1
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--conversations", type=int, default=40)
    parser.add_argument("--turns", type=int, default=6)
    args = parser.parse_args()
    size = {"conversations": args.conversations, "turns": args.turns}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    ray.init(cluster.address, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
        whole = grow(Path(folder) / "whole", ScriptedModel(any_answer), size)
        model, start = ScriptedModel(slow), time.perf_counter()
        run = threads.submit(grow, Path(folder) / "killed", model, size, workers=2, cluster=cluster.address)
        kills = kill_nodes(cluster, model, args.kills, run)  # Ray wants the main thread for its nodes
        killed = run.result()
        seconds = time.perf_counter() - start
        ray.shutdown()
        cluster.shutdown()
        kept = sum(used.calls for used in killed.usage.by_role().values())
        print(f"{kills} nodes killed in {seconds:.0f} s", flush=True)
        print(f"{kept} answers kept; {len(model.requests) - kept} more were paid for")
        same = [(result.folder / "trees.jsonl").read_bytes() for result in (whole, killed)]
        print(f"the same trees, byte for byte: {'yes' if same[0] == same[1] else 'NO'}")
        if same[0] != same[1] or len(model.requests) != kept:
            sys.exit(1)


if __name__ == "__main__":
    main()
