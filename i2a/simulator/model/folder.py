"""The folder of a base model's training: the model in the end, and until then what `--resume` needs."""

import shutil

import torch

from i2a.runs.training_folder import TrainingFolder

STATE = "state.pt"


class BaseFolder(TrainingFolder):
    """As that of the other stages; a checkpoint is one file."""

    what, starts = "base training", "i2a train base"

    def save_state(self, number: int, state: dict[str, object]) -> None:
        """A checkpoint, in the place of the one before it."""
        before = self.checkpoint
        here = self.checkpoints / f"checkpoint-{number}"
        here.mkdir(parents=True, exist_ok=True)
        torch.save(state, here / STATE)
        self.complete(number)
        if before and before != here:
            shutil.rmtree(before)

    def load_state(self) -> dict[str, object] | None:
        """The newest state, if there is one."""
        last = self.checkpoint
        return torch.load(last / STATE, weights_only=True) if last else None

    def delete_states(self) -> None:
        """Checkpoints are not needed once the model is saved."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)
