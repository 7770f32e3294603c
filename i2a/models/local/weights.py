"""Do the weights of a checkpoint fit its configuration and its tokenizer? What does not is an error that names it.

The libraries fill up whatever is missing with random numbers, and leave out what they have no place for.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from i2a.errors import UsageError

SHOWN = 3
# Buffers that older releases of transformers saved, and that are computed today.
COMPUTED = re.compile(r"(^|\.)(inv_freq|masked_bias|attn\.bias|attention\.bias|position_ids)$")


def refuse_misfits(model: Any, info: Mapping[str, Any]) -> None:
    """Raise `UsageError` for weights that are missing, of another shape, or have no place in the model.

    `info`: what `from_pretrained(..., output_loading_info=True)` says of it. Weights of parts that are not used here
    may be there: other heads, a vision tower, layers that predict further tokens.
    """
    problems = {
        "has no weights for": _named(info["missing_keys"]),
        "has weights of another shape for": _named(
            f"{key}, {_shape(stored)} instead of {_shape(wanted)}" for key, stored, wanted in info["mismatched_keys"]
        ),
        "has weights that the model has no place for:": _named(
            key for key in info["unexpected_keys"] if not _is_quantized(model) and _is_of_the_body(model, key)
        ),
    }
    found = [f"{what} {names}" for what, names in problems.items() if names]
    if not found:
        return
    prefix = _prefix(info["missing_keys"], info["unexpected_keys"])
    if prefix:
        advice = f"save it again without the prefix {prefix!r}"
    elif info["missing_keys"] and len(found) == 1:
        advice = "save or download it again"
    else:
        advice = "config.json and weights do not belong together"
    raise UsageError(f"it {'; it '.join(found)}; {advice}")


def refuse_adapter_misfits(model: Any, folder: Path) -> None:
    """Raise `UsageError` if the weights of the adapter in `folder` are not those that `model`, a `PeftModel`, has."""
    from peft import load_peft_weights, set_peft_model_state_dict

    advice = "the adapter was made for another base"
    result = set_peft_model_state_dict(model, load_peft_weights(str(folder), device="cpu"))
    if result.unexpected_keys:
        raise UsageError(f"its base has no place for {_named(result.unexpected_keys)}; {advice}")
    own = [key for key in result.missing_keys if model.base_model.prefix in key and "vector_bank" not in key]  # shared
    if own:
        raise UsageError(f"it has no weights for {_named(own)}; {advice}")


def fit_embeddings(model: Any, words: int) -> None:
    """Give the model an embedding for each of `words` tokens, if it has fewer: a new one begins as the mean of all.

    The same in every process and every session. Raises what transformers raises for a model that cannot be resized.
    """
    known = model.get_input_embeddings().num_embeddings
    if words <= known:
        return
    model.resize_token_embeddings(words, mean_resizing=False)
    with torch.no_grad():
        for table in (model.get_input_embeddings(), model.get_output_embeddings()):
            if table is not None:
                table.weight[known:] = table.weight[:known].float().mean(0).to(table.weight.dtype)


def words_of(tokenizer: Any) -> int:
    """One more than the largest id that the tokenizer knows."""
    return 1 + max(tokenizer.get_vocab().values(), default=-1)


def _is_of_the_body(model: Any, key: str) -> bool:
    """Whether a weight of this name would belong to the layers, the embeddings or the head of the model."""
    if COMPUTED.search(key) or any(re.search(known, key) for known in model._keys_to_ignore_on_load_unexpected or ()):
        return False
    parts = {name for name, _ in model.named_children()} | {name for name, _ in model.base_model.named_children()}
    return key.removeprefix(f"{model.base_model_prefix}.").partition(".")[0] in parts - {model.base_model_prefix}


def _is_quantized(model: Any) -> bool:
    """Whether weights are stored in parts whose names the quantizer knows alone."""
    return getattr(model.config, "quantization_config", None) is not None


def _prefix(missing: Collection[str], unexpected: Iterable[str]) -> str:
    """What all names in the file begin with, if they are the missing ones but for that."""
    for key in unexpected:
        for name in missing:
            if key.endswith(f".{name}") or key.replace("._orig_mod.", ".") == name:
                return key.removesuffix(name) if key.endswith(name) else "_orig_mod."
    return ""


def _named(keys: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    names: Sequence[str] = sorted(keys)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _shape(size: Sequence[int]) -> str:
    return "x".join(map(str, size)) or "a number"
