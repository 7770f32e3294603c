"""Packed trees -> tensors of one forward pass, its attention mask -> log-probabilities of the tokens that carry loss.

Two traps with masks, both silently wrong: eager attention *adds* its mask, so a boolean one masks nothing; and sliding
windows must be measured in depth, while those that transformers builds are measured in places of the sequence.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F
from transformers import PretrainedConfig

from training.packing.tree import Feature, PackedTree

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

    Mask: TypeAlias = torch.Tensor | BlockMask

Batch = dict[str, Any]  # tensors by name, see `batch_trees`
IMPLEMENTATIONS = ("sdpa", "eager", "flex_attention")  # of attention, as transformers names them
# Columns that trainers add to features: `advantages` of each row, `sampled` of each scored token; `reference` of each
# row (DPO) or of each scored token (GRPO).
VALUES = {"reference", "advantages", "sampled"}
LAYER_TYPES = ("full_attention", "sliding_attention")


def batch_trees(features: Sequence[Feature], *, multiple: int = 1) -> Batch:
    """Some trees side by side in one sequence, none of which sees another; filled up to a multiple of tokens.

    `input_ids`, `position_ids` (1, n); `ends` (n); `predict`, `labels` (k): the k distinct scored nodes, as the
    positions that predict them and their tokens; `slot`, `row` (s): for every scored token of every row, which of the k
    it is and whose; `lengths` (rows); `tokens` (2): of the rows, had they not been packed, and of the trees; `chain`: a
    single row, which needs no mask. And what the features have of `VALUES`.
    """
    ids: list[int] = []
    depths: list[int] = []
    parents: list[int] = []
    ends: list[int] = []
    scored: list[int] = []
    lengths: list[int] = []
    rows_tokens = 0
    for tree in map(PackedTree.from_feature, features):
        offset = len(ids)
        ids += tree.ids
        depths += tree.depths
        parents += [parent + offset for parent in tree.parents]
        ends += [end + offset for end in tree.ends]
        scored += [node + offset for node in tree.scored]
        lengths += tree.lengths
        rows_tokens += tree.rows_tokens
    tokens = len(ids)
    filling = -tokens % multiple
    nodes, slot = torch.tensor(scored).unique(return_inverse=True)
    sizes = torch.tensor(lengths)
    batch: Batch = {
        "input_ids": torch.tensor([ids + [0] * filling]),
        "position_ids": torch.tensor([depths + [0] * filling]),
        "ends": torch.tensor(ends + [tokens + at + 1 for at in range(filling)]),
        "predict": torch.tensor(parents)[nodes],
        "labels": torch.tensor(ids)[nodes],
        "slot": slot,
        "row": torch.arange(len(lengths)).repeat_interleave(sizes),
        "lengths": sizes,
        "tokens": torch.tensor([rows_tokens, tokens]),
        "chain": not filling and all(end == tokens for end in ends),
    }
    for name in VALUES & features[0].keys():
        batch[name] = torch.tensor([value for feature in features for value in feature[name]])
    return batch


def idle(batch: Batch) -> Batch:
    """The same forward pass with no row that carries loss."""
    none: Batch = {name: batch[name][:0] for name in {"slot", "row", "lengths", *VALUES} & batch.keys()}
    return {**batch, **none, "tokens": torch.zeros_like(batch["tokens"])}


def token_logps(
    model: torch.nn.Module, batch: Batch, *, config: PretrainedConfig, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each distinct scored token (k), in fp32 or better, and whether it was the likeliest (k)."""
    logits = token_logits(model, batch, config=config, dtype=dtype)
    logps = -F.cross_entropy(logits, batch["labels"], reduction="none")
    return logps, logits.detach().argmax(-1) == batch["labels"]


def token_logits(model: torch.nn.Module, batch: Batch, *, config: PretrainedConfig, dtype: torch.dtype) -> torch.Tensor:
    """Scores of all words in the place of each distinct scored token (k, words), in fp32 or better.

    A branching point predicts several tokens, so predictions are gathered by index where labels would be shifted.
    `config` is the model's, `dtype` that of its queries; the model may be wrapped (PEFT, DDP, FSDP).
    """
    mask = None if batch["chain"] else attention_mask(config, batch["ends"], batch["position_ids"][0], dtype)
    output = model(
        input_ids=batch["input_ids"],
        attention_mask=mask,
        position_ids=batch["position_ids"],
        logits_to_keep=batch["predict"],
        use_cache=False,
    )
    logits: torch.Tensor = output.logits[0]
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def row_logps(logps: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Sum of the scored tokens' log-probabilities of each row (rows)."""
    return logps.new_zeros(len(batch["lengths"])).index_add(0, batch["row"], logps[batch["slot"]])


# What a node may look at, in the form that each attention implementation takes.


def attention_mask(
    config: PretrainedConfig, ends: torch.Tensor, depths: torch.Tensor, dtype: torch.dtype
) -> "Mask | dict[str, Mask]":
    """`attention_mask` for a forward pass over one packed sequence: a (1, 1, n, n) tensor of `dtype` to be added to the
    scores, or a `BlockMask` for flex attention; a dict by layer type where some layers of the model slide."""
    text = config.get_text_config()

    def make(window: int | None) -> "Mask":
        if config._attn_implementation == "flex_attention":
            return block_mask(ends, depths, window)
        return additive_mask(ends, depths, window, dtype)

    types = set(getattr(text, "layer_types", None) or ())
    window = getattr(text, "sliding_window", None)
    if "sliding_attention" in types:
        return {kind: make(window if kind == "sliding_attention" else None) for kind in types}
    return make(None if types else window)


def additive_mask(ends: torch.Tensor, depths: torch.Tensor, window: int | None, dtype: torch.dtype) -> torch.Tensor:
    """0 where the query (row) sees the key (column), the lowest number of `dtype` elsewhere. Not boolean for sdpa
    either: every layer would make an additive copy and keep it for the backward pass."""
    at = torch.arange(len(ends), device=ends.device)
    visible = (at <= at[:, None]) & (at[:, None] < ends)
    if window is not None:
        visible &= depths[:, None] - depths < window
    mask = torch.zeros(visible.shape, dtype=dtype, device=ends.device)
    return mask.masked_fill_(~visible, torch.finfo(dtype).min)[None, None]


def block_mask(ends: torch.Tensor, depths: torch.Tensor, window: int | None) -> "BlockMask":
    """The same for flex attention, whose fully masked blocks of 128 cost nothing."""
    from torch.nn.attention.flex_attention import create_block_mask

    def visible(batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (key <= query) & (query < ends[key])

    def within(batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return visible(batch, head, query, key) & (depths[query] - depths[key] < window)

    size = len(ends)
    rule = visible if window is None else within
    # Not compiled, it would materialise all n x n on the way.
    create = torch.compile(create_block_mask) if ends.device.type == "cuda" else create_block_mask
    mask: BlockMask = create(rule, 1, None, size, size, device=ends.device)
    return mask
