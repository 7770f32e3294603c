"""In Python, the trainer of a stage can be had before its first step: TRL's or transformers', to be taken apart."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from trl import DPOTrainer, SFTTrainer

from i2a.errors import UsageError
from tests.training.trainings import SMALL, equal, refusal, train, weights
from training.dpo import dpo_trainer
from training.packing.dpo import PackedDPOTrainer
from training.packing.sft import PackedSFTTrainer
from training.settings import DPO, SFT
from training.sft import sft_trainer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
TRAINERS: dict[tuple[str, str], Any] = {
    ("sft", "rows"): SFTTrainer,
    ("sft", "tree"): PackedSFTTrainer,
    ("dpo", "rows"): DPOTrainer,
    ("dpo", "tree"): PackedDPOTrainer,
}


def made(stage: str, **settings: Any) -> Any:
    return sft_trainer(SFT(**settings)) if stage == "sft" else dpo_trainer(DPO(**settings))


@pytest.mark.parametrize(("stage", "packing"), TRAINERS)
def test_the_trainer_trains_as_the_command_does(
    corpus: Path, base: Path, tmp_path: Path, stage: str, packing: str
) -> None:
    settings: dict[str, Any] = SMALL | {"packing": packing, "max_steps": 2, "runs": [corpus], "model": str(base)}
    trainer: Any = made(stage, out=tmp_path / "mine", **settings)
    assert isinstance(trainer, TRAINERS[stage, packing])
    seen: list[int] = []

    class Watch(transformers.TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            seen.append(state.global_step)

    trainer.add_callback(Watch())
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    assert seen == [1, 2]
    train(stage, corpus, base, tmp_path / "theirs", packing=packing, max_steps=2)
    mine: dict[str, torch.Tensor] = trainer.model.state_dict()
    assert equal(weights(tmp_path / "theirs"), {name: mine[name] for name in weights(tmp_path / "theirs")})


def test_the_folder_can_be_trained_to_its_end_afterwards(corpus: Path, base: Path, tmp_path: Path) -> None:
    settings = SMALL | {"max_steps": 2, "runs": [corpus], "model": str(base), "out": tmp_path / "out"}
    made("dpo", **settings)
    assert "--resume" in refusal("dpo", corpus, base, tmp_path / "out", max_steps=2)
    assert train("dpo", corpus, base, tmp_path / "out", max_steps=2, resume=True)["steps"] == 2
    with pytest.raises(UsageError, match="holds a finished training; choose another --out"):
        made("dpo", **settings, resume=True)
