"""Several processes: the first one does the work, and all of them go on with what came of it."""

import subprocess
import sys

import pytest

from tests.training.trainings import two_ranks
from training import ranks

WORK = """
from i2a.errors import UsageError
from training import ranks

def fails():
    raise UsageError("the disk is full")

ranks.join()
print(ranks.run_on_first(lambda: f"work of {ranks.is_first()}"))
try:
    ranks.run_on_first(fails)
except UsageError as error:
    print("refused:", error)
"""


def test_all_processes_get_the_result_or_the_error_of_the_first() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORK],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for environment in two_ranks()
    ]
    for process in processes:
        printed, _ = process.communicate(timeout=100)
        assert printed.splitlines() == ["work of True", "refused: the disk is full"]


def test_one_process_is_the_first() -> None:
    assert ranks.is_first()
    assert ranks.run_on_first(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        ranks.run_on_first(lambda: 1 / 0)
