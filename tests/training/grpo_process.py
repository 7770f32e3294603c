"""`python -m tests.training.grpo_process MODEL OUT [WHERE]`: the training of `test_grpo`, where it can be killed.

WHERE: `talk`, in the middle of the second iteration, or `save`, as soon as the second checkpoint is begun.
"""

import os
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

from i2a import train_grpo
from i2a.testing import Request, ScriptedModel
from tests.training.test_grpo import SMALL, user

CALLS = 7  # of the user, two conversations of two turns an iteration


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def watch(out: Path) -> None:
    while not (out / f"checkpoints/checkpoint-{2 * SMALL['updates']}").exists():
        time.sleep(0.002)
    die()


def main(model: str, out: str, where: str = "") -> None:
    number = count(1)

    def speaks(request: Request) -> str:
        if where == "talk" and next(number) == CALLS:
            die()
        return user(request)

    if where == "save":
        threading.Thread(target=watch, args=[Path(out)], daemon=True).start()
    talkers = {"user": ScriptedModel(speaks), "judge": ScriptedModel()}
    train_grpo(model=model, out=Path(out), clients=talkers, **SMALL)


if __name__ == "__main__":
    main(*sys.argv[1:])
