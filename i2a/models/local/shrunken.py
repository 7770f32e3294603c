"""The same architecture as a model's in small, to try out what its size has nothing to do with."""

import copy
from typing import Any

import torch


def shrunken(base: Any, *, narrow: bool = True) -> Any:
    """The same architecture with few random weights, in fp32, with short windows and a layer of every type.

    `narrow`: heads and widths are small too; not every architecture can be made so. Raises whatever
    an architecture raises that cannot be made so small.
    """
    config = copy.deepcopy(base.config)
    text = config.get_text_config()
    layers, types = text.num_hidden_layers, getattr(text, "layer_types", None)
    kept = sorted({types.index(kind) for kind in types}) if types else [0]
    if len(kept) == 1 and layers > 1:
        kept.append(layers - 1)  # the first layers of some models are simpler than the rest
    for name, value in list(vars(text).items()):
        if isinstance(value, list | tuple) and len(value) == layers > 1:
            setattr(text, name, [value[layer] for layer in kept])
    sizes = {"num_hidden_layers": len(kept), "vocab_size": 128, "sliding_window": 12, "pad_token_id": 0}
    for name, size in (sizes | (_widths(text) if narrow else {})).items():
        if getattr(text, name, None) is not None:
            setattr(text, name, size)
    flex = config._attn_implementation == "flex_attention" and torch.cuda.is_available()
    device = "cuda" if flex else "cpu" if base.device.type == "meta" else base.device
    with torch.random.fork_rng():
        torch.manual_seed(0)
        small = type(base)._from_config(config, dtype=torch.float32)
        for weight in small.parameters():
            if weight.ndim > 1:  # strong enough that attention matters, whatever the configuration says
                torch.nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    return small.to(device)


def _widths(text: Any) -> dict[str, int]:
    """Of a model with attention; of others they depend on each other in ways of their own, and stay."""
    heads = getattr(text, "num_attention_heads", None)
    if not heads:
        return {}
    head = getattr(text, "head_dim", None) or text.hidden_size // heads
    return {
        "num_attention_heads": 2,
        "num_key_value_heads": 1 if (getattr(text, "num_key_value_heads", None) or heads) < heads else 2,
        "hidden_size": 2 * head,
        "intermediate_size": 4 * head,
        "moe_intermediate_size": head,
    }
