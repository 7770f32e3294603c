"""What is shown and written while it trains."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from i2a import progress
from i2a.errors import UsageError
from i2a.runs.training_folder import TrainingFolder, read_log
from training.progress import AlreadyFinished, LogCallback, ProgressCallback, StopCallback, in_words

CPU = SimpleNamespace(device=torch.device("cpu"))


def state(step: int, steps: int = 10, *, first: bool = True) -> Any:
    return SimpleNamespace(global_step=step, max_steps=steps, is_world_process_zero=first)


def shown(*, terminal: bool = False, quiet: bool = False, first: bool = True, **more: float) -> str:
    """What three steps show."""
    out = io.StringIO()
    show = ProgressCallback(Console(file=out, force_terminal=terminal, width=120), quiet=quiet)
    show.on_train_begin(None, state(0, first=first), None)
    for step in (1, 2, 3):
        show.on_log(None, state(step, first=first), None, {"loss": 2.0 / step, "rewards/margins": 0.25, **more})
    show.on_train_end(None, state(3), None)
    return out.getvalue()


def test_where_there_is_no_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE", 0.0)
    lines = shown().splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("step 2/10, loss 1, margin 0.25, ")
    assert lines[1].endswith(" s left")


def test_lines_come_now_and_then_and_not_with_every_step() -> None:
    assert shown() == ""


def test_a_terminal_has_a_bar_with_loss_and_margin() -> None:
    seen = shown(terminal=True)
    assert "3/10" in seen
    assert "loss 0.6667, margin 0.25" in seen


def test_what_trees_save_is_said_once() -> None:
    assert shown(tokens_saved=7.93) == "Packed as trees: 7.9 times fewer tokens than the rows have.\n"


def test_the_quiet_and_the_other_processes_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE", 0.0)
    assert shown(quiet=True, tokens_saved=2.0) == shown(quiet=True, terminal=True) == shown(first=False) == ""


def test_only_known_metrics_are_put_into_words() -> None:
    assert in_words({"loss": 1.23456, "entropy": 3.0, "rewards/accuracies": 0.5}) == "loss 1.235, accuracy 0.5"


def test_a_resumed_log_goes_on_where_the_checkpoint_was(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in (1, 2, 3)) + '{"step"')
    writer = LogCallback(TrainingFolder(tmp_path))
    writer.on_train_begin(None, state(2), None)
    writer.on_log(None, state(3), None, {"loss": 0.5})
    writer.on_log(None, state(3), None, {"train_runtime": 1.0})
    assert [(line["step"], line["loss"]) for line in read_log(log)] == [(1, 1.0), (2, 1.0), (3, 0.5)]


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    writer = LogCallback(TrainingFolder(tmp_path))
    writer.on_train_begin(None, state(0, first=False), None)
    writer.on_log(None, state(1, first=False), None, {"loss": 0.5})
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"loss at step 4 is nan.*--learning-rate"):
        LogCallback(TrainingFolder(tmp_path)).on_log(None, state(4), None, {"loss": float("nan")})


def test_ctrl_c_ends_after_the_step_and_a_second_one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = StopCallback(Console(quiet=True))
    control = SimpleNamespace(should_save=False, should_training_stop=False)
    before = signal.getsignal(signal.SIGINT)
    with stop.listening():
        stop.on_step_end(CPU, state(1), control)
        assert not control.should_save
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # the launcher's echo of the first
        stop.on_step_end(CPU, state(2), control)
        assert stop.stopped
        assert control.should_save
        assert control.should_training_stop
        monkeypatch.setattr(StopCallback, "GRACE", -1.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


# A native operation that takes minutes and lets other threads run, in which Python hears of no signal.
DEAF = """
import sqlite3, sys
from rich.console import Console
from training.progress import StopCallback

StopCallback.GRACE, StopCallback.DEAF, StopCallback.PATIENCE = 0.2, 0.2, 0.5
console = Console(stderr=True)
with StopCallback(console, lambda: console.print("the checkpoint is there")).listening():
    print("working", flush=True)
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) SELECT sum(i) FROM n"
    sqlite3.connect(":memory:").execute(rows).fetchone()
"""


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGTERM,) * 2])
def test_signals_end_it_even_in_the_middle_of_a_native_operation(signals: tuple[signal.Signals, ...]) -> None:
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        for number in signals:
            process.send_signal(number)
            time.sleep(0.3)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert said.startswith("Stopping after this step.")
    assert said.endswith("the checkpoint is there\n")


def test_ctrl_c_in_the_last_step_is_no_interruption() -> None:
    stop = StopCallback(Console(quiet=True))
    with stop.listening():
        signal.raise_signal(signal.SIGTERM)
        stop.on_step_end(CPU, state(10), SimpleNamespace())
    assert not stop.stopped


def test_after_the_last_step_there_is_no_other() -> None:
    StopCallback(Console(quiet=True)).on_step_begin(None, state(9), None)
    with pytest.raises(AlreadyFinished):
        StopCallback(Console(quiet=True)).on_step_begin(None, state(10), None)
