"""What a training shows and writes while it runs: a bar or plain lines, log.jsonl, and a checkpoint when stopped.

Callbacks of `transformers.Trainer`, for any trainer; only the first process shows and writes.
"""

import math
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean
from threading import Thread
from types import FrameType

import torch
from rich.console import Console
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from i2a import jsonl
from i2a.errors import Interrupted, UsageError
from i2a.progress import ProgressBar
from i2a.runs.training_folder import TrainingFolder, rewrite_log

SHOWN = {"loss": "loss", "eval_loss": "held-out loss", "rewards/margins": "margin", "rewards/accuracies": "accuracy"}
SHOWN |= {"reward": "reward", "reward_spread": "spread", "kl": "KL"}


def in_words(metrics: dict[str, float]) -> str:
    """The metrics that people look at, in one line."""
    return ", ".join(f"{label} {metrics[key]:.4g}" for key, label in SHOWN.items() if key in metrics)


def first_and_last(log: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """The means of these metrics over the first steps of a log and over the last, up to ten of each."""
    steps = [line for line in log if "loss" in line]
    some = min(10, -(-len(steps) // 4))
    return _means(steps[:some]), _means(steps[-some:])


def _means(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found = {name: [line[name] for line in lines if name in line] for name in SHOWN}
    return {name: fmean(values) for name, values in found.items() if values}


class ProgressCallback(TrainerCallback):
    """Progress on `console`: a bar in a terminal, else a line every ten seconds; nothing if `quiet`."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._latest: dict[str, float] = {}
        self._began = time.monotonic()
        self._first_step = 0
        self._savings_shown = False
        self._progress = ProgressBar(console, "{task.fields[metrics]}", quiet=quiet)

    def on_train_begin(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        if state.is_world_process_zero:
            self._began, self._first_step = time.monotonic(), state.global_step
            self._progress.start()
            self._task = self._progress.add_task(
                "steps", total=state.max_steps, completed=state.global_step, metrics=""
            )

    def on_log(self, args: object, state: TrainerState, control: object, logs: dict[str, float], **_: object) -> None:
        if not state.is_world_process_zero or self._quiet:
            return
        self._latest |= logs
        if "tokens_saved" in logs and not self._savings_shown:
            self._savings_shown = True
            self._console.print(f"Packed as trees: {logs['tokens_saved']:.1f} times fewer tokens than the rows have.")
        self._progress.update(self._task, completed=state.global_step, metrics=in_words(self._latest))
        pace = (time.monotonic() - self._began) / max(1, state.global_step - self._first_step)
        left = round(pace * (state.max_steps - state.global_step))
        self._progress.line(f"step {state.global_step}/{state.max_steps}, {in_words(self._latest)}, {left} s left")

    def stop(self) -> None:
        self._progress.stop()

    def on_train_end(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        self.stop()


class LogCallback(TrainerCallback):
    """Writes log.jsonl, marks complete checkpoints, and ends a training whose loss is not a number."""

    def __init__(self, folder: TrainingFolder) -> None:
        self._folder = folder

    def on_train_begin(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        if state.is_world_process_zero:
            rewrite_log(self._folder.log_file, upto=state.global_step)

    def on_log(self, args: object, state: TrainerState, control: object, logs: dict[str, float], **_: object) -> None:
        if not math.isfinite(logs.get("loss", 0.0)):
            raise UsageError(
                f"the loss at step {state.global_step} is {logs['loss']}: the training diverged; "
                "start again in another --out, with a lower --learning-rate"
            )
        if state.is_world_process_zero and "train_runtime" not in logs:
            jsonl.append(self._folder.log_file, jsonl.dumps({"step": state.global_step, **logs}))

    def on_save(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        if torch.distributed.is_initialized():
            torch.distributed.barrier()  # every rank has written its random state
        if state.is_world_process_zero:
            self._folder.complete(state.global_step)


class AlreadyFinished(Exception):
    """The checkpoint to resume from is that of the last step."""


class Received:
    """The first signal: which, and when it came."""

    def __init__(self, number: int) -> None:
        self.number, self.when = number, time.monotonic()

    def is_followed_by(self, number: int, grace: float) -> bool:
        """Whether a signal that comes now is a second one, and no echo of this one."""
        return time.monotonic() - self.when > grace and number in (signal.SIGINT, self.number)


class StopCallback(TrainerCallback):
    """On Ctrl-C or SIGTERM: finishes the step, saves a checkpoint, stops. A second one stops immediately.

    Python hears of a signal only between native operations, and one of these can take minutes on a CPU. So a thread
    listens too: it answers at once, and where the main thread does not react in time, calls `at_once` and ends the
    process. Without `at_once` it never does. `every`: it stops after so many steps only, or a multiple of them.
    """

    GRACE = 1.0  # a launcher passes on the Ctrl-C that its processes have had already
    DEAF = 3.0  # seconds in which a process has to react that was told to stop immediately
    PATIENCE = 20.0  # on a CPU, seconds after SIGTERM in which a step has to end; what sends it soon sends SIGKILL

    def __init__(self, console: Console, at_once: Callable[[], None] | None = None, *, every: int = 1) -> None:
        self._console, self._at_once, self._every = console, at_once, every
        self._first: Received | None = None
        self.stopped = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
        here, there = socket.socketpair()
        there.setblocking(False)
        others = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
        thread = Thread(target=self._answer, args=(here,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(others)
            there.close()
            thread.join()
            here.close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, once it runs Python."""
        if self._first is None:
            self._first = Received(number)
        elif self._first.is_followed_by(number, self.GRACE):
            raise KeyboardInterrupt

    def _answer(self, signals: socket.socket) -> None:
        """In a thread of its own: as signals come in, until the other end is closed."""
        first: Received | None = None
        limit: float | None = None
        while True:
            signals.settimeout(None if limit is None else max(0.001, limit - time.monotonic()))
            try:
                numbers = signals.recv(16)
            except TimeoutError:
                limit = None
                if not self.stopped and self._at_once:  # else it is saving its checkpoint
                    self._at_once()
                    os._exit(Interrupted.exit_code)
                continue
            if not numbers:
                return
            for number in numbers:
                if first is None:
                    first = Received(number)
                    self._console.print("Stopping after this step. Press Ctrl-C again to stop immediately.")
                    if number == signal.SIGTERM and not torch.accelerator.is_available():
                        limit = first.when + self.PATIENCE
                elif first.is_followed_by(number, self.GRACE):
                    limit = time.monotonic() + self.DEAF

    def on_step_begin(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        if state.global_step >= state.max_steps:
            raise AlreadyFinished  # where the last step is not an epoch's, `Trainer` would take one more

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if (
            state.global_step % self._every == 0
            and self._stop_requested(args.device)
            and state.global_step < state.max_steps
        ):
            self.stopped = control.should_save = control.should_training_stop = True

    def _stop_requested(self, device: torch.device) -> bool:
        """In any of the processes: all must stop at the same step."""
        requested = self._first is not None
        if torch.distributed.is_initialized():
            flag = torch.tensor(int(requested), device=device)
            torch.distributed.all_reduce(flag)
            requested = bool(flag)
        return requested
