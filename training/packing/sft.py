"""Supervised fine-tuning on packed trees: the loss on each reply once, every shared prefix computed once.

One row per reply, as a template renders the conversation up to it; along one path that is one sequence with the loss on
all its replies, and on a full tree their branches beside it.
"""

import torch

from training.packing.batch import Batch
from training.packing.trainer import PackedTrainer


class PackedSFTTrainer(PackedTrainer):
    """The mean negative log-likelihood of the scored tokens of a step, as TRL's SFTTrainer has it."""

    dropout = True
    terms = ("nll_loss",)
    weights = (1.0,)

    def counts(self, pack: Batch) -> torch.Tensor:
        return pack["lengths"].sum()[None]

    def losses(self, model: torch.nn.Module, pack: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        logps, likeliest = self.logps(model, pack)
        return -logps[pack["slot"]].sum()[None], {"mean_token_accuracy": likeliest[pack["slot"]].sum()}
