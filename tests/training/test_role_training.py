"""From a scenario of three roles without labels to two trained models; what is in their rows."""

from pathlib import Path

import pytest

from i2a import simulate
from tests.training.trainings import SMALL, refusal, train
from training.settings import SFT
from training.sft import sft_trainer

DOCTOR = str(Path(__file__).parents[2] / "examples/doctor.py")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("doctor") / "run"
    simulate(out=out, conversations=5, turns=2, scenario=DOCTOR)
    return out


def test_sft_and_then_dpo_learn_what_the_doctor_asks(run: Path, base: Path, tmp_path: Path) -> None:
    first = train("sft", run, base, tmp_path / "sft", role="doctor", min_score=2)
    assert first["last"]["loss"] < first["first"]["loss"]
    second = train("dpo", run, tmp_path / "sft", tmp_path / "dpo", role="doctor", min_margin=1)
    assert second["last"]["rewards/margins"] > 0
    assert 0 < second["rows"] <= 10


def test_what_is_trained_on_begins_with_the_prompt_of_the_role(run: Path, base: Path, tmp_path: Path) -> None:
    trainer = sft_trainer(
        SFT(**{**SMALL, "runs": [run], "model": str(base), "out": tmp_path / "sft", "role": "doctor"})
    )
    assert trainer.train_dataset is not None
    for row in trainer.train_dataset:
        assert "You are a doctor." in trainer.processing_class.decode(row["input_ids"])


def test_a_training_that_cannot_be_is_refused_in_a_line_that_says_what_could(
    run: Path, base: Path, tmp_path: Path
) -> None:
    assert "; the roles: patient (" in refusal("sft", run, base, tmp_path / "out")
    assert "--role takes one of patient (" in refusal("sft", run, base, tmp_path / "out", role="nurse")
    assert "replies that stand alone" in refusal("dpo", run, base, tmp_path / "out", role="patient")
