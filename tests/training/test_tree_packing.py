"""Packed trees hold their rows and nothing else, and a model answers for them as it answers for the rows alone."""

import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import model, tokenizer
from training.packing.batch import batch_trees, idle, row_logps, token_logps
from training.packing.check import NotPackable, check_packable
from training.packing.masks import additive_mask, attention_mask, block_mask
from training.packing.tree import PackedTree, Row, pack, pack_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated"),
]

SLIDING = {"sliding_window": 12}
MIXED = {"use_sliding_window": True, "sliding_window": 12, "layer_types": ["full_attention", "sliding_attention"]}
FAMILIES = [("Llama", {}), ("Qwen2", {}), ("Qwen2", MIXED), ("Mistral", SLIDING), ("Gemma", {})]
WORDS = tokenizer()

# Of log-probabilities in fp64: of some fifty nats, and norms and eager attention's softmax are fp32 even then.
EXACT = 50 * torch.finfo(torch.float32).eps


def tiny(family: str = "Llama", **config: Any) -> Any:
    """Weights large enough that attention matters."""
    return model(WORDS, family=family, initializer_range=0.2, **config)


def grown(turns: int, seed: int = 0, *, bushy: bool = False) -> list[tuple[Row, Row]]:
    chance = random.Random(seed)

    def said() -> list[int]:
        return [chance.randrange(250) for _ in range(chance.randint(2, 8))]

    def grow(history: list[int], left: int) -> list[tuple[Row, Row]]:
        prompt = history + said()
        replies = prompt + said(), prompt + said()
        pairs: list[tuple[Row, Row]] = [((replies[0], len(prompt)), (replies[1], len(prompt)))]
        for reply in (replies if bushy else [chance.choice(replies)]) if left > 1 else []:
            pairs += grow(reply, left - 1)
        return pairs

    return grow(said(), turns)


def alone(model: Any, row: Row) -> torch.Tensor:
    """Log-probability of a row's scored tokens, as anybody would compute it."""
    ids, start = torch.tensor([row[0]]), row[1]
    logps = model(ids).logits[0, :-1].log_softmax(-1)
    return logps.gather(1, ids[0, 1:, None])[start - 1 :].sum()


def packed(model: Any, tree: PackedTree, **batched: int) -> torch.Tensor:
    batch = batch_trees([tree.feature()], **batched)
    return row_logps(token_logps(model, batch, config=model.config, dtype=model.dtype)[0], batch)


# Rows over three tokens share prefixes often, are prefixes of each other and come twice.
ROWS = st.lists(
    st.lists(st.integers(0, 2), min_size=2, max_size=12).flatmap(
        lambda ids: st.tuples(st.just(ids), st.integers(1, len(ids) - 1))
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS)
@settings(deadline=None)
def test_the_paths_of_the_tree_are_the_rows(rows: list[Row]) -> None:
    assert pack_rows(rows).rows() == rows


@given(ROWS)
@settings(deadline=None)
def test_every_shared_prefix_stands_once(rows: list[Row]) -> None:
    prefixes = {tuple(ids[: end + 1]) for ids, _ in rows for end in range(len(ids))}
    assert pack_rows(rows).tokens == len(prefixes)


@given(ROWS)
@settings(deadline=None)
def test_a_node_sees_itself_and_its_ancestors_and_nothing_else(rows: list[Row]) -> None:
    tree = pack_rows(rows)
    for query in range(tree.tokens):
        ancestors, node = [], query
        while node >= 0:
            ancestors.append(node)
            node = tree.parents[node]
        assert [key for key in range(query + 1) if query < tree.ends[key]] == ancestors[::-1]
        assert tree.depths[query] == len(ancestors) - 1


def test_a_conversation_of_ten_turns_costs_a_fraction_of_its_rows() -> None:
    [tree] = pack(grown(10))
    assert tree.rows_tokens > 6 * tree.tokens


def test_a_tree_that_is_too_large_is_cut_between_pairs() -> None:
    pairs = grown(4, bushy=True)
    trees = pack(pairs, max_tokens=90)
    assert len(trees) > 2
    assert all(tree.tokens <= 90 for tree in trees)
    assert sorted(row for tree in trees for row in tree.rows()) == sorted(row for pair in pairs for row in pair)
    assert all(tree.rows()[0][0][: tree.rows()[0][1]] == tree.rows()[1][0][: tree.rows()[1][1]] for tree in trees)


@pytest.mark.parametrize("start", [0, 3])
def test_a_row_without_a_loss_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match="row 1: the loss starts at token"):
        pack_rows([([1, 2, 3], 1), ([1, 2, 4], start)])


@pytest.mark.parametrize("window", [None, 5])
def test_flex_attention_gets_the_same_mask(window: int | None) -> None:
    batch = batch_trees([tree.feature() for seed in (0, 1) for tree in pack(grown(3, seed))], multiple=128)
    ends, depths = batch["ends"], batch["position_ids"][0]
    blocks, at = block_mask(ends, depths, window), torch.arange(len(ends))
    by_rule = torch.vmap(lambda q: torch.vmap(lambda k: blocks.mask_mod(0, 0, q, k))(at))(at)
    assert len(ends) % 128 == 0
    assert torch.equal(by_rule, additive_mask(ends, depths, window, torch.float32)[0, 0] == 0)


@pytest.mark.parametrize("implementation", ["sdpa", "eager", "flex_attention"])
@pytest.mark.parametrize(("family", "config"), FAMILIES)
def test_log_probabilities_are_those_of_the_rows(family: str, config: Any, implementation: str) -> None:
    net = tiny(family, attn_implementation="sdpa", **config).double()
    pairs = grown(5)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        rows = torch.stack([alone(net, row) for pair in pairs for row in pair])
        net.set_attn_implementation(implementation)
        tree = packed(net, pack(pairs)[0], multiple=128 if implementation == "flex_attention" else 1)
    assert (tree - rows).abs().max() < EXACT


@pytest.mark.parametrize(("family", "config"), FAMILIES)
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


WRONG = {
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


@pytest.mark.parametrize(("family", "config"), [*FAMILIES, ("Qwen3", {}), ("Gemma2", {"attn_implementation": "eager"})])
def test_ordinary_architectures_pass_the_trial(family: str, config: Any) -> None:
    check_packable(tiny(family, **config))
    check_packable(tiny(family, **config).bfloat16())


def prompted(net: Any) -> Any:
    from peft import PromptTuningConfig, get_peft_model

    return get_peft_model(net, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))


def with_dropout(net: Any) -> Any:
    net.model.layers[0].mlp.drop = torch.nn.Dropout(0.1)
    return net


def with_config(net: Any, **changed: Any) -> Any:
    for name, value in changed.items():
        setattr(net.config, name, value)
    return net


REFUSED = {
    "flash_attention_2 takes no mask": lambda: with_config(tiny(), _attn_implementation="flash_attention_2"),
    "its linear_attention layers": lambda: with_config(tiny("Qwen2"), layer_types=["linear_attention"] * 2),
    "its load-balancing loss": lambda: tiny("Mixtral", num_local_experts=2, router_aux_loss_coef=0.01),
    "a learnt prompt stands before": lambda: prompted(tiny()),
    r"dropout is on \(model.layers.0.self_attn.attention_dropout = 0.1\)": lambda: tiny(attention_dropout=0.1),
    r"dropout is on \(model.layers.0.mlp.drop.p = 0.1\)": lambda: with_dropout(tiny()),
    "its forward takes no position_ids": lambda: tiny("Mpt"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_refusal_names_its_reason(reason: str) -> None:
    with pytest.raises(NotPackable, match=reason):
        check_packable(REFUSED[reason]())


def test_dropout_passes_where_the_loss_is_linear() -> None:
    check_packable(tiny(attention_dropout=0.1), dropout=True)


def test_an_architecture_that_goes_by_places_is_caught_by_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    honest = LlamaForCausalLM.forward

    def by_place(
        self: Any, input_ids: Any = None, position_ids: Any = None, logits_to_keep: Any = 0, **rest: Any
    ) -> Any:
        return honest(self, input_ids=input_ids, logits_to_keep=logits_to_keep, **rest)

    monkeypatch.setattr(LlamaForCausalLM, "forward", by_place)
    with pytest.raises(NotPackable, match=r"in a trial they differed from their rows by [0-9.]+ nats"):
        check_packable(tiny().bfloat16())


def test_an_architecture_that_cannot_be_shrunk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    monkeypatch.setattr(LlamaForCausalLM, "_from_config", lambda config, **kwargs: config.number_of_flux_capacitors)
    with pytest.raises(NotPackable, match="the trial failed with AttributeError"):
        check_packable(tiny())
