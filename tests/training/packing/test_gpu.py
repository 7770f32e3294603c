"""Packed trees on a GPU, with either kind of attention, against their rows alone."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from training.packing.batch import batch_trees, token_logps
from training.packing.check import check_packable
from training.packing.tree import Row, pack_rows

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore"),  # of what torch compiles, about itself
]


def start(attention: str) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=300,
        initializer_range=0.2,
    )
    model = LlamaForCausalLM(config).cuda().train()
    model.set_attn_implementation(attention)
    return model


def dialogue(turns: int) -> list[Row]:
    """Three replies to each message, one of which goes on."""
    chance = random.Random(turns)

    def said() -> list[int]:
        return [chance.randrange(300) for _ in range(chance.randint(5, 40))]

    rows: list[Row] = []
    history = said()
    for _ in range(turns):
        replies = [said() for _ in range(3)]
        rows += [(history + reply, len(history)) for reply in replies]
        history = history + chance.choice(replies) + said()
    return rows


def gradients(model: Any, packs: Sequence[Sequence[Row]]) -> torch.Tensor:
    """Of the sum of all scored tokens' log-probabilities, each pack with a pass of its own (weights)."""
    model.zero_grad()
    for rows in packs:
        batch = batch_trees([pack_rows(rows).feature()], multiple=128)
        batch = {name: value.cuda() if torch.is_tensor(value) else value for name, value in batch.items()}
        logps, _ = token_logps(model, batch, config=model.config, dtype=torch.float32)
        logps[batch["slot"]].sum().backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


@pytest.mark.parametrize("attention", ["sdpa", "flex_attention"])
def test_a_tree_has_the_gradients_of_its_rows(attention: str) -> None:
    model, rows = start(attention), dialogue(9)
    alone = gradients(model, [[row] for row in rows])
    assert (gradients(model, [rows]) - alone).norm() < 1e-4 * alone.norm()


def test_flex_attention_passes_the_self_test() -> None:
    check_packable(start("flex_attention"))
