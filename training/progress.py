"""What a training shows and writes down while it runs: a bar or plain lines, log.jsonl, and checkpoints when stopped.

Callbacks of `transformers.Trainer`, for any trainer; only the first process shows and writes.
"""

import json
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text
from transformers import TrainerCallback

from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.runs.training_folder import TrainingFolder, read_log

LINE = 10.0
SHOWN = {"loss": "loss", "eval_loss": "held-out loss", "rewards/margins": "margin", "rewards/accuracies": "accuracy"}


def in_words(metrics: dict[str, float]) -> str:
    """The metrics that people look at, in one line."""
    return ", ".join(f"{label} {metrics[key]:.4g}" for key, label in SHOWN.items() if key in metrics)


class Show(TrainerCallback):
    """Progress on `console`: a bar in a terminal, else a line now and then; nothing if `quiet`."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._latest: dict[str, float] = {}
        self._last_line = self._began = time.monotonic()
        self._first_step = 0
        self._said_saved = False
        self._progress = Progress(
            TextColumn("steps"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[metrics]}"),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._began, self._first_step = time.monotonic(), state.global_step
            self._progress.start()
            self._task = self._progress.add_task("", total=state.max_steps, completed=state.global_step, metrics="")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if not state.is_world_process_zero or self._quiet:
            return
        self._latest |= logs
        if "tokens_saved" in logs and not self._said_saved:
            self._said_saved = True
            self._console.print(f"Packed as trees: {logs['tokens_saved']:.1f} times fewer tokens than the rows have.")
        self._progress.update(self._task, completed=state.global_step, metrics=in_words(self._latest))
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= LINE:
            self._last_line = now
            pace = (now - self._began) / max(1, state.global_step - self._first_step)
            left = round(pace * (state.max_steps - state.global_step))
            line = f"step {state.global_step}/{state.max_steps}, {in_words(self._latest)}, {left} s left"
            self._console.print(Text(line))

    def stop(self) -> None:
        self._progress.stop()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.stop()


class Log(TrainerCallback):
    """Writes log.jsonl, marks what is complete, and refuses to go on once the loss is no number."""

    def __init__(self, folder: TrainingFolder) -> None:
        self._folder = folder

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            kept = read_log(self._folder.log_file, upto=state.global_step)
            with atomic_write(self._folder.log_file) as file:
                file.writelines(json.dumps(line).encode() + b"\n" for line in kept)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if not math.isfinite(logs.get("loss", 0.0)):
            raise UsageError(
                f"the loss at step {state.global_step} is {logs['loss']}: the training diverged; "
                "start again in another --out, with a lower --learning-rate"
            )
        if state.is_world_process_zero and "train_runtime" not in logs:
            with self._folder.log_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": state.global_step, **logs}) + "\n")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.distributed.is_initialized():
            torch.distributed.barrier()  # every rank has written its random state
        if state.is_world_process_zero:
            self._folder.complete(state.global_step)


class Through(Exception):
    """The checkpoint that the training goes on from is that of its last step."""


class Stop(TrainerCallback):
    """Ctrl-C or SIGTERM: finish the step, save a checkpoint, end. A second Ctrl-C ends at once."""

    GRACE = 1.0  # a launcher passes on the Ctrl-C that its processes have had already

    def __init__(self, console: Console) -> None:
        self._console = console
        self._asked: float | None = None
        self.stopped = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked is None:
            self._asked = now
            self._console.print("Stopping: this step is finished and saved first. Ctrl-C again to stop at once.")
        elif number == signal.SIGINT and now - self._asked > self.GRACE:
            raise KeyboardInterrupt

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            raise Through  # where the last step is not an epoch's, `Trainer` would take one more

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._somebody_asked(args.device) and state.global_step < state.max_steps:
            self.stopped = control.should_save = control.should_training_stop = True

    def _somebody_asked(self, device: torch.device) -> bool:
        """On whichever rank: all must stop at the same step."""
        asked = self._asked is not None
        if torch.distributed.is_initialized():
            flag = torch.tensor(int(asked), device=device)
            torch.distributed.all_reduce(flag)
            asked = bool(flag)
        return asked
