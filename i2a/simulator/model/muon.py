"""Muon in any precision: torch's computes in bf16, which many processors can only emulate."""

from collections.abc import Iterable

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal (Jordan 2024), for matrices; steps have the size of AdamW's (Liu et al. 2025).

    The same as `torch.optim.Muon(adjust_lr_fn="match_rms_adamw", weight_decay=0)`, but that `dtype` is computed in.
    """

    def __init__(
        self, matrices: Iterable[torch.Tensor], lr: float, *, dtype: torch.dtype, momentum: float = 0.95
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum})
        self._dtype = dtype

    def step(self) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    self._step(weight, **group)

    def _step(self, weight: torch.Tensor, *, lr: float, momentum: float, **_: object) -> None:
        mean = self.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
        mean.lerp_(weight.grad, 1 - momentum)
        update = orthogonal(weight.grad.lerp(mean, momentum).to(self._dtype))
        weight.add_(update, alpha=-lr * 0.2 * max(weight.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix with orthonormal rows or columns, roughly: five steps of a Newton-Schulz iteration."""
    first, second, third = COEFFICIENTS
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(STEPS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=second, alpha=third), wide, beta=first)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
