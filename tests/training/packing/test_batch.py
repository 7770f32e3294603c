"""A model gives packed trees the log-probabilities and gradients that it gives their rows alone."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.training.packing.cases import ARCHITECTURES, SLIDING, grown, tiny
from training.packing.batch import (
    additive_mask,
    attention_mask,
    batch_trees,
    block_mask,
    idle,
    row_logps,
    token_logps,
)
from training.packing.tree import PackedTree, Row, pack, pack_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated"),
]

# Of log-probabilities in fp64: of some fifty nats, and norms and eager attention's softmax are fp32 even then.
EXACT = 50 * torch.finfo(torch.float32).eps


def alone(model: Any, row: Row) -> torch.Tensor:
    """Log-probability of a row's scored tokens, as anybody would compute it."""
    ids, start = torch.tensor([row[0]]), row[1]
    logps = model(ids).logits[0, :-1].log_softmax(-1)
    return logps.gather(1, ids[0, 1:, None])[start - 1 :].sum()


def packed(model: Any, tree: PackedTree, **batched: int) -> torch.Tensor:
    batch = batch_trees([tree.feature()], **batched)
    return row_logps(token_logps(model, batch, config=model.config, dtype=model.dtype)[0], batch)


@pytest.mark.parametrize("window", [None, 5])
def test_flex_attention_gets_the_same_mask(window: int | None) -> None:
    batch = batch_trees([tree.feature() for seed in (0, 1) for tree in pack(grown(3, seed))], multiple=128)
    ends, depths = batch["ends"], batch["position_ids"][0]
    blocks, at = block_mask(ends, depths, window), torch.arange(len(ends))
    by_rule = torch.vmap(lambda q: torch.vmap(lambda k: blocks.mask_mod(0, 0, q, k))(at))(at)
    assert len(ends) % 128 == 0
    assert torch.equal(by_rule, additive_mask(ends, depths, window, torch.float32)[0, 0] == 0)


@pytest.mark.parametrize("implementation", ["sdpa", "eager", "flex_attention"])
@pytest.mark.parametrize(("family", "config"), ARCHITECTURES)
def test_log_probabilities_are_those_of_the_rows(family: str, config: Any, implementation: str) -> None:
    net = tiny(family, attn_implementation="sdpa", **config).double()
    pairs = grown(5)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        rows = torch.stack([alone(net, row) for pair in pairs for row in pair])
        net.set_attn_implementation(implementation)
        tree = packed(net, pack(pairs)[0], multiple=128 if implementation == "flex_attention" else 1)
    assert (tree - rows).abs().max() < EXACT


@pytest.mark.parametrize(("family", "config"), ARCHITECTURES)
def test_in_fp64_the_gradient_is_exact_for_trees_that_branch_everywhere(family: str, config: Any) -> None:
    net = tiny(family, **config).double()
    pairs = grown(3, bushy=True)
    weights = torch.linspace(-1, 1, 2 * len(pairs), dtype=torch.float64)
    gradients = []
    rows = torch.stack([alone(net, row) for pair in pairs for row in pair])
    tree = packed(net, pack(pairs)[0])
    for logps in (rows, tree):
        net.zero_grad()
        (logps * weights).sum().backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in net.parameters()]))
    assert (tree - rows).abs().max() < 1e-9
    assert (gradients[0] - gradients[1]).norm() / gradients[0].norm() < 1e-6  # RMSNorm computes in fp32


def test_trees_in_one_sequence_do_not_see_each_other() -> None:
    net, forest = tiny().double(), [pack(grown(turns, turns))[0] for turns in (1, 4, 2)]
    batch = batch_trees([tree.feature() for tree in forest])
    with torch.no_grad():
        together = row_logps(token_logps(net, batch, config=net.config, dtype=net.dtype)[0], batch)
        assert torch.allclose(together, torch.cat([packed(net, tree) for tree in forest]), atol=EXACT)


def test_a_single_row_needs_no_mask() -> None:
    ids = list(range(20))
    batch = batch_trees([pack_rows([(ids[:5], 3), (ids[:9], 7), (ids, 15)]).feature()])
    assert batch["chain"]
    assert not batch_trees([pack_rows([(ids, 3), ([*ids[:5], 9], 3)]).feature()])["chain"]


def test_an_idle_pass_has_a_gradient_of_nothing() -> None:
    net, batch = tiny(), idle(batch_trees([pack(grown(2))[0].feature()]))
    row_logps(token_logps(net, batch, config=net.config, dtype=net.dtype)[0], batch).sum().backward()
    assert all(weight.grad is not None and not weight.grad.any() for weight in net.parameters())


WRONG: dict[str, Callable[..., dict[str, Any]]] = {
    "positions by place": lambda net, batch, mask: {"position_ids": torch.arange(len(batch["ends"]))[None]},
    "no mask": lambda net, batch, mask: {"attention_mask": None},
    "a mask of padding": lambda net, batch, mask: {"attention_mask": torch.ones_like(batch["input_ids"])},
    "a boolean mask, which eager attention adds": lambda net, batch, mask: {"attention_mask": mask == 0},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_silently_wrong_is_far_off(wrong: str) -> None:
    net, pairs = tiny(attn_implementation="eager").double(), grown(5)
    batch = batch_trees([pack(pairs)[0].feature()])
    mask = attention_mask(net.config, batch["ends"], batch["position_ids"][0], net.dtype)
    given = {"input_ids": batch["input_ids"], "attention_mask": mask, "position_ids": batch["position_ids"]}

    def rows(**changed: Any) -> torch.Tensor:
        logits = net(**given | changed, logits_to_keep=batch["predict"], use_cache=False).logits[0]
        return row_logps(-F.cross_entropy(logits, batch["labels"], reduction="none"), batch)

    with torch.no_grad():
        right = torch.stack([alone(net, row) for pair in pairs for row in pair])
        assert (rows() - right).abs().max() < EXACT
        assert (rows(**WRONG[wrong](net, batch, mask)) - right).abs().max() > 0.1


def test_windows_by_place_and_no_windows_are_far_off() -> None:
    net, pairs = tiny("Mistral", **SLIDING).double(), grown(5)
    batch = batch_trees([pack(pairs)[0].feature()])
    places = torch.arange(len(batch["ends"]))
    given = {"input_ids": batch["input_ids"], "position_ids": batch["position_ids"], "use_cache": False}

    def rows(depths: torch.Tensor, window: int | None) -> torch.Tensor:
        mask = additive_mask(batch["ends"], depths, window, net.dtype)
        logits = net(**given, attention_mask=mask, logits_to_keep=batch["predict"]).logits[0]
        return row_logps(-F.cross_entropy(logits, batch["labels"], reduction="none"), batch)

    with torch.no_grad():
        right = torch.stack([alone(net, row) for pair in pairs for row in pair])
        assert (rows(batch["position_ids"][0], 12) - right).abs().max() < EXACT
        assert (rows(places, 12) - right).abs().max() > 0.1
        assert (rows(places, None) - right).abs().max() > 0.1
