"""What a node of a packed tree may look at, in the form that each attention implementation of transformers takes.

Two traps, both silently wrong: eager attention *adds* its mask, so a boolean one masks nothing; and sliding windows
must be measured in depth, while those that transformers builds are measured in places of the sequence.
"""

from typing import Any

import torch

IMPLEMENTATIONS = ("sdpa", "eager", "flex_attention")
LAYER_TYPES = ("full_attention", "sliding_attention")


def attention_mask(config: Any, ends: torch.Tensor, depths: torch.Tensor, dtype: torch.dtype) -> Any:
    """`attention_mask` for a forward pass over one packed sequence: a (1, 1, n, n) tensor of `dtype` to be added to the
    scores, or a `BlockMask` for flex attention; a dict by layer type where some layers of the model slide."""
    text = config.get_text_config()

    def make(window: int | None) -> Any:
        if config._attn_implementation == "flex_attention":
            return block_mask(ends, depths, window)
        return additive_mask(ends, depths, window, dtype)

    types = set(getattr(text, "layer_types", None) or ())
    window = getattr(text, "sliding_window", None)
    if "sliding_attention" in types:
        return {kind: make(window if kind == "sliding_attention" else None) for kind in types}
    return make(None if types else window)


def additive_mask(ends: torch.Tensor, depths: torch.Tensor, window: int | None, dtype: torch.dtype) -> torch.Tensor:
    """0 where the query (row) sees the key (column), the least number of `dtype` elsewhere. Not boolean for sdpa
    either: every layer would make an additive copy of its own and keep it for the backward pass."""
    at = torch.arange(len(ends), device=ends.device)
    visible = (at <= at[:, None]) & (at[:, None] < ends)
    if window is not None:
        visible &= depths[:, None] - depths < window
    mask = torch.zeros(visible.shape, dtype=dtype, device=ends.device)
    return mask.masked_fill_(~visible, torch.finfo(dtype).min)[None, None]


def block_mask(ends: torch.Tensor, depths: torch.Tensor, window: int | None) -> Any:
    """The same for flex attention, whose blocks of 128 that nobody sees cost nothing."""
    from torch.nn.attention.flex_attention import create_block_mask

    def visible(batch: Any, head: Any, query: Any, key: Any) -> Any:
        return (key <= query) & (query < ends[key])

    def within(batch: Any, head: Any, query: Any, key: Any) -> Any:
        return visible(batch, head, query, key) & (depths[query] - depths[key] < window)

    size = len(ends)
    rule = visible if window is None else within
    # Not compiled, it would materialise all n x n on the way.
    return create_block_mask(rule, 1, None, size, size, device=ends.device, _compile=ends.device.type == "cuda")
