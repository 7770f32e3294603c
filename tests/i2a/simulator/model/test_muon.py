"""The optimizer of the base model: torch's in bf16, and the same to rounding in fp32."""

import torch

from i2a.simulator.model.muon import Muon, orthogonal

SHAPES = ((8, 24), (24, 8), (16, 16))


def trained(optimizer: str, dtype: torch.dtype) -> list[torch.Tensor]:
    """Three matrices after some steps towards others."""
    torch.manual_seed(0)
    matrices = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    targets = [torch.randn(shape) for shape in SHAPES]
    if optimizer == "torch":
        steps = torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    else:
        steps = Muon(matrices, 0.02, dtype=dtype)
    for _ in range(6):
        steps.zero_grad()
        sum((one - other).square().sum() for one, other in zip(matrices, targets, strict=True)).backward()
        steps.step()
    return [matrix.detach() for matrix in matrices]


def test_in_bf16_it_is_that_of_torch() -> None:
    for one, other in zip(trained("torch", torch.bfloat16), trained("ours", torch.bfloat16), strict=True):
        assert torch.equal(one, other)


def test_in_fp32_it_differs_by_rounding_alone() -> None:
    halves, whole = trained("ours", torch.bfloat16), trained("ours", torch.float32)
    torch.manual_seed(0)
    for shape, one, other in zip(SHAPES, halves, whole, strict=True):
        moved = (other - torch.randn(shape)).norm()
        assert 0 < (one - other).norm() < 0.02 * moved


def test_the_singular_values_of_what_it_steps_by_are_near_one() -> None:
    torch.manual_seed(1)
    for shape in SHAPES:
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape, dtype=torch.float64)))
        assert values.min() > 0.3
        assert values.max() < 1.3
