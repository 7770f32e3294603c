"""The steps of the demo: what they depend on, and how long they are said to take."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from i2a.cli.demo import Step, splits, spoken, steps
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
    assert DemoOptions(turns=3).sizes == (1000, 400, 3, 60)
    assert DemoOptions(small=True, seed=3).folder == Path("runs/demo-3-small")
    whole, small = (sum(step.seconds for step in steps(DemoOptions(small=small))) for small in (False, True))
    assert whole > 10 * small


def test_the_splits_meet_people_of_whose_lives_no_training_text_tells() -> None:
    unseen, *_, report = splits(DemoOptions())
    assert flags(unseen)["--model"] == "offline?values=unseen"
    assert flags(report)["--out"] == "runs/demo/splits.html"


def test_as_json_what_the_steps_print_goes_to_standard_error() -> None:
    code = "from i2a.cli.demo import Step, run; run([Step('say it', 1, ['--version'])], err=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "[1/1] say it" in done.stderr
    assert "\ni2a 0." in done.stderr


def test_sigterm_ends_the_step_that_runs() -> None:
    code = "import sys, typer; from i2a.cli.demo import call\n"
    code += "try: call(['serve', '--port', '0'])\nexcept typer.Exit as end: sys.exit(end.exit_code)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("openai:offline@")
        demo.send_signal(signal.SIGTERM)
        demo.stdout.read()  # ends when nobody is left who could write
        assert demo.wait() == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "5 s"), (43, "45 s"), (89, "90 s"), (91, "2 min"), (601, "10 min")]
)
def test_seconds_are_spoken_roundly(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
