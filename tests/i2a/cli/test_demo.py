"""The steps of the demo: what they depend on, and how long they are said to take."""

import os
import signal
from pathlib import Path
from threading import Timer

import pytest
import typer

from i2a.cli.demo import Step, call, splits, spoken, steps
from i2a.cli.settings import DemoOptions


def flags(step: Step) -> dict[str, str]:
    """The last value of each flag."""
    pairs = zip(step.args, step.args[1:], strict=False)
    return {name: value for name, value in pairs if name.startswith("--")}


def test_a_seed_changes_people_corpora_trainings_and_cases_and_each_has_its_folder() -> None:
    one, other = (steps(DemoOptions(seed=seed)) for seed in (1, 2))
    for first, second in zip(one, other, strict=True):
        if "--seed" in first.args:
            assert flags(first)["--seed"] != flags(second)["--seed"]
        assert flags(first)["--out"].startswith("runs/demo/")
        assert flags(second)["--out"].startswith("runs/demo-2/")
    outs = [flags(step)["--out"] for step in one]
    assert len(set(outs)) == len(outs) == 12


def test_it_begins_with_the_model_that_comes_with_i2a() -> None:
    (sft,) = (step for step in steps(DemoOptions()) if step.args[:2] == ("train", "sft"))
    assert flags(sft)["--model"] == "small"


def test_the_small_one_is_smaller_and_a_size_can_be_set() -> None:
    assert DemoOptions(small=True).sizes == (30, 20, 4, 12)
    assert DemoOptions(small=True, cases=4).sizes == (30, 20, 4, 4)
    assert DemoOptions(turns=3).sizes == (1500, 500, 3, 100)
    assert DemoOptions(small=True, seed=3).folder == Path("runs/demo-3-small")
    whole, small = (sum(step.seconds for step in steps(DemoOptions(small=small))) for small in (False, True))
    assert whole > 10 * small


def test_the_splits_meet_people_of_whose_lives_no_training_text_tells() -> None:
    unseen, *_, report = splits(DemoOptions())
    assert flags(unseen)["--model"] == "offline?values=unseen"
    assert flags(report)["--out"] == "runs/demo/splits.html"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "5 s"), (43, "45 s"), (89, "90 s"), (91, "2 min"), (601, "10 min")]
)
def test_seconds_are_spoken_roundly(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_and_no_other_follows(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM reaches this process alone and is sent on; after Ctrl-C, which the step gets too, it may end well."""
    sizes = ("--conversations", "20000" if number == signal.SIGTERM else "1", "--turns", "2")
    timer = Timer(1.0 if number == signal.SIGTERM else 0.2, os.kill, (os.getpid(), number))
    timer.start()
    try:
        with pytest.raises(typer.Exit) as ended:
            call(["simulate", *sizes, "--out", str(tmp_path / "run")])
    finally:
        timer.cancel()
    assert ended.value.exit_code != 0
