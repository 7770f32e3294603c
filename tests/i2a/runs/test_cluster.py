"""A run whose workers are actors of a Ray cluster, of which nodes die. In processes of their own, as Ray leaves much
behind."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray (extra: cluster)"),
    pytest.mark.timeout(200),
]
BENCHMARK = Path(__file__).parents[3] / "benchmarks/cluster.py"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=180, check=False)


def test_nodes_that_die_lose_nothing_and_the_bytes_are_those_of_one_process() -> None:
    done = run(str(BENCHMARK), "--kills", "2", "--conversations", "10", "--turns", "4")
    assert done.returncode == 0, done.stderr
    assert "2 nodes killed in" in done.stdout
    assert "0 more were paid for" in done.stdout


def test_where_there_is_no_cluster_it_says_so(tmp_path: Path) -> None:
    flags = ("--conversations", "2", "--workers", "2", "--cluster", "127.0.0.1:1", "--out", str(tmp_path / "a"))
    done = run("-m", "i2a.cli", "simulate", *flags)
    assert done.returncode == 2
    assert "no Ray cluster there" in done.stderr.splitlines()[-1]
