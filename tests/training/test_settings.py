"""Flags, TOML files and Python say the same; defaults are the stage's."""

from pathlib import Path
from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.settings import load
from training.settings import DPO, RUNTIME, SFT

NEEDED: dict[str, Any] = {"runs": ["runs/a"], "model": "m", "out": "runs/b"}


def refusal(stage: type[Any], file: Path | None = None, **flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load(stage, file, flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_adapter_learns_at_ten_times_the_rate_of_full_weights() -> None:
    for stage in (SFT, DPO):
        config = load(stage, None, NEEDED)
        assert config.rate(adapter=True) == pytest.approx(10 * config.rate(adapter=False))


def test_a_given_rate_holds_for_both() -> None:
    config = load(SFT, None, NEEDED | {"learning_rate": 0.5})
    assert config.rate(adapter=True) == config.rate(adapter=False) == 0.5


def test_preferences_are_learnt_more_gently_than_replies() -> None:
    assert load(DPO, None, NEEDED).rate(adapter=False) < load(SFT, None, NEEDED).rate(adapter=False)


def test_flags_win_over_a_file_whose_paths_count_from_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "sft.toml"
    file.write_text('runs = ["a", "b"]\nmodel = "some/model"\nout = "c"\nbatch = 4\nepochs = 2')
    config = load(SFT, file, {"batch": 8})
    assert config.runs == [tmp_path / "a", tmp_path / "b"]
    assert (config.out, config.model, config.batch, config.epochs) == (tmp_path / "c", "some/model", 8, 2.0)


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_asked_for_with_an_example(name: str) -> None:
    said = refusal(SFT, **{other: value for other, value in NEEDED.items() if other != name})
    flag = "RUN" if name == "runs" else f"--{name}"
    assert said.startswith(f"{flag} is required: ")
    assert ", e.g. " in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"batch": 0}, "--batch"),
        ({"keep": 1}, "--keep"),
        ({"mix_ratio": 1.0}, "--mix-ratio"),
        ({"dtype": "fp16"}, "--dtype"),
        ({"report_to": ["mlflow"]}, "--report-to"),
        ({"packing": "forest"}, "--packing"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_flag(flags: dict[str, Any], said: str) -> None:
    assert said in refusal(SFT, **NEEDED | flags)


def test_labels_are_smoothed_for_the_loss_that_knows_how() -> None:
    assert load(DPO, None, NEEDED | {"label_smoothing": 0.1}).label_smoothing == 0.1
    said = refusal(DPO, **NEEDED | {"label_smoothing": 0.1, "loss": "ipo"})
    assert said == "--label-smoothing: it is for the sigmoid loss only, not 0.1"


def test_a_value_in_a_file_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "dpo.toml"
    file.write_text("beta = -1")
    assert f"{file}: beta" in refusal(DPO, file, **NEEDED)
    file.write_text("betta = 1")
    assert "did you mean 'beta'?" in refusal(DPO, file, **NEEDED)


def test_runtime_knobs_are_no_part_of_what_a_training_is() -> None:
    config = load(DPO, None, NEEDED)
    other = load(DPO, None, NEEDED | {"micro_batch": 1, "save_every": 7, "resume": True, "quiet": True})
    assert config.identity == other.identity
    assert config.identity != load(DPO, None, NEEDED | {"beta": 0.2}).identity
    assert set(DPO.model_fields) >= RUNTIME
