"""`make demo` as a newcomer types it, with tiny sizes: killed in the middle, gone on with, and not done twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("sklearn", reason="the extra `evaluate` is not installed")
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")

TINY = "--conversations 8 --pairs 6 --turns 2 --cases 4"
CONTROLS = ("generic", "parrot", "facts", "salad", "manner", "babble", "retrieval")
NAMES = ("base", "sft", "dpo", "oracle", "shuffled", "last", "brief", *CONTROLS)


def start(demo: Path) -> subprocess.Popen[str]:
    """`make demo` in the environment of this test, as a process group of its own."""
    here = [f"FLAGS={TINY} --out {demo}", f"I2A={sys.executable} -m i2a.cli", "READY="]
    # Not as a part of a `make test` that this may run in.
    outer = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
    env = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.Popen(
        ["make", "demo", "SMALL=1", *here],
        cwd=Path(__file__).parents[2],
        env=env | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def made(demo: Path) -> list[str]:
    """What it says on the way, line by line."""
    process = start(demo)
    said, complaints = process.communicate(timeout=500)
    assert process.returncode == 0, complaints
    assert "Traceback" not in complaints
    assert "Warning" not in complaints
    return said.splitlines()


def killed_once(file: Path, demo: Path) -> None:
    """Start, and kill everything as soon as `file` is there."""
    process = start(demo)
    try:
        while not file.exists():
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def profiles(file: Path) -> set[str]:
    return {json.loads(line)["profile"] for line in file.read_text("utf-8").splitlines()}


@pytest.mark.timeout(900)  # a dozen commands, most of which load torch
def test_killed_it_goes_on_ends_with_a_report_and_is_not_done_twice(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    killed_once(demo / "sft/manifest.json", demo)
    corpus = (demo / "corpus/trees.jsonl").read_bytes()

    said = made(demo)
    assert (demo / "corpus/trees.jsonl").read_bytes() == corpus
    report = demo / "report.html"
    ended = said[said.index("These numbers mean nothing: --small only shows that everything runs.") :]
    assert any(line.startswith(f"The report is {report}: ") for line in ended)
    assert [line.split()[1] for line in ended if line.startswith("  i2a ")] == ["show", "train", "simulate"]
    steps = [line for line in said if "; until the report " in line]
    assert [line.partition("]")[0] for line in steps] == [f"[{number}/12" for number in range(1, 13)]
    page = report.read_text("utf-8")
    assert page.index("Choice, without a judge: choice") < page.index("Results: evaluation")
    assert all(f'"{name}"' in page or f">{name}<" in page for name in NAMES)
    trained, test = (profiles(demo / f"personas/{name}profiles.jsonl") for name in ("", "test-"))
    assert len(trained | test) == len(trained) + len(test) == 320

    scores = demo / "evaluation/scores.jsonl"
    before = (scores.read_bytes(), scores.stat().st_mtime_ns, report.stat().st_mtime_ns)
    again = made(demo)
    assert not any(line.startswith("$ ") for line in again)
    assert again[-len(ended) :] == ended
    assert (scores.read_bytes(), scores.stat().st_mtime_ns, report.stat().st_mtime_ns) == before
