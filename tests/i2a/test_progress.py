"""The bar of whatever takes long."""

import io

import pytest
from rich.console import Console

from i2a import progress
from i2a.progress import ProgressBar


def shown(*lines: str, terminal: bool = False, quiet: bool = False, percent: bool = False) -> str:
    """What three of four steps show."""
    out = io.StringIO()
    with ProgressBar(
        Console(file=out, force_terminal=terminal, width=120), "{task.fields[more]}", percent=percent, quiet=quiet
    ) as bar:
        task = bar.add_task("steps", total=4, more="")
        bar.update(task, completed=3, more="loss 0.5")
        for line in lines:
            bar.line(line)
    return out.getvalue()


def test_a_terminal_has_a_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE", 0.0)
    seen = shown("step 3", terminal=True)
    assert "3/4" in seen
    assert "loss 0.5" in seen
    assert "step 3" not in seen


def test_what_is_not_counted_in_pieces_shows_a_percentage() -> None:
    seen = shown(terminal=True, percent=True)
    assert "75%" in seen
    assert "3/4" not in seen


def test_elsewhere_lines_are_printed_as_they_are_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown("step [3]") == ""
    monkeypatch.setattr(progress, "LINE", 0.0)
    assert shown("step [3]", "step 4") == "step [3]\nstep 4\n"


def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE", 0.0)
    assert shown("step 3", quiet=True) == shown("step 3", quiet=True, terminal=True) == ""
