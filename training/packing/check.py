"""The self-test: may this model be trained on packed trees? What cannot be exact is read off its modules, the rest is
tried.

Some architectures are silently wrong (a recurrence or ALiBi depends on places in the sequence), so every training
begins with the trial: log-probabilities of a small tree against those of its rows alone, in fp32.
"""

import copy
import inspect
import random
from collections.abc import Iterator

import torch
from transformers import PreTrainedModel

from i2a.errors import UsageError
from i2a.text import one_line
from training.packing.batch import IMPLEMENTATIONS, LAYER_TYPES, batch_trees, token_logps
from training.packing.tree import Row, pack_rows

# Nats, the largest over all tokens of the trial. Right architectures stay under 2e-5, wrong ones come out above 0.1.
TOLERANCE = 1e-3


class NotPackable(UsageError):
    """Packed trees are not exact for this model, or could not be tried; rows are."""


def check_packable(model: torch.nn.Module, *, dropout: bool = False) -> None:
    """Raises `NotPackable` with the reason. `dropout`: accept it. Where the loss is linear in log-probabilities
    (SFT, not DPO), tokens that share a dropout sample add variance, but no bias."""
    base = _base(model)
    for reason in _refusals(model, dropout=dropout):
        raise _not_packable(base, reason)
    try:
        deviation = _deviation(_shrunken(base))
        if _can_be_tried(model, base):
            deviation = max(deviation, _deviation(model))
    except Exception as error:  # whatever an unknown architecture raises, it cannot be packed
        reason = f"the trial failed with {type(error).__name__}: {one_line(str(error)):.200}"
        raise _not_packable(base, reason) from error
    if not deviation < TOLERANCE:  # nan does not pass either
        raise _not_packable(base, f"in a trial they differed from their rows by {deviation:.2g} nats a token")


def no_dropout(model: torch.nn.Module) -> None:
    """Turn dropout off, as TRL's DPO trainer does; `check_packable` refuses what this does not reach."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def _not_packable(base: PreTrainedModel, reason: str) -> NotPackable:
    return NotPackable(f"trees cannot be packed for {type(base).__name__}: {reason}")


def _can_be_tried(model: torch.nn.Module, base: PreTrainedModel) -> bool:
    """Only fp32 has the margin; and on a CPU, flex attention would have to be compiled first."""
    if base.config._attn_implementation == "flex_attention" and base.device.type == "cpu":
        return False
    precise = (torch.float32, torch.float64)
    return all(weight.dtype in precise and not weight.is_meta for weight in model.parameters())


def _base(model: torch.nn.Module) -> PreTrainedModel:
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _refusals(model: torch.nn.Module, *, dropout: bool) -> Iterator[str]:
    base = _base(model)
    config = base.config.get_text_config()
    if base.config._attn_implementation not in IMPLEMENTATIONS:
        yield f"{base.config._attn_implementation} takes no custom mask (load it with attn_implementation='sdpa')"
    if base.config.is_encoder_decoder:
        yield "it has an encoder"
    for kind in sorted(set(getattr(config, "layer_types", None) or ()) - set(LAYER_TYPES)):
        yield f"its {kind} layers depend on places in the sequence"
    for name in ("position_ids", "logits_to_keep"):
        if name not in inspect.signature(base.forward).parameters:
            yield f"its forward takes no {name}"
    if getattr(config, "router_aux_loss_coef", 0) and hasattr(config, "output_router_logits"):
        yield "its load-balancing loss counts the tokens of every row (set router_aux_loss_coef to 0)"
    if any(getattr(adapter, "is_prompt_learning", False) for adapter in getattr(model, "peft_config", {}).values()):
        yield "its adapter puts a learned prompt before every sequence"
    if not dropout:
        yield from _dropouts(model)


def _dropouts(model: torch.nn.Module) -> Iterator[str]:
    """Dropout modules that are on, and the rates that modules keep for `nn.functional.dropout`."""
    for name, module in model.named_modules():
        rates = {key: value for key, value in vars(module).items() if "drop" in key and isinstance(value, float)}
        if isinstance(module, torch.nn.Dropout):
            rates["p"] = module.p
        for key, rate in rates.items():
            if rate > 0:
                yield f"dropout is on ({name}.{key} = {rate})"


def _shrunken(base: PreTrainedModel) -> PreTrainedModel:
    """The same architecture with few random weights, in fp32, with short windows and a layer of every type."""
    config = copy.deepcopy(base.config)
    text = config.get_text_config()
    layers, types = text.num_hidden_layers, getattr(text, "layer_types", None)
    kept = sorted({types.index(kind) for kind in types}) if types else [0]
    if len(kept) == 1 and layers > 1:
        kept.append(layers - 1)  # the first layers of some models are simpler than the rest
    for name, value in list(vars(text).items()):
        if isinstance(value, list | tuple) and len(value) == layers > 1:
            setattr(text, name, [value[layer] for layer in kept])
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    shared = (getattr(text, "num_key_value_heads", None) or text.num_attention_heads) < text.num_attention_heads
    sizes = {
        "num_hidden_layers": len(kept),
        "num_attention_heads": 2,
        "num_key_value_heads": 1 if shared else 2,
        "hidden_size": 2 * head,
        "intermediate_size": 4 * head,
        "moe_intermediate_size": head,
        "vocab_size": 128,
        "sliding_window": 12,
        "pad_token_id": 0,
    }
    for name, size in sizes.items():
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


def _deviation(model: torch.nn.Module) -> float:
    """The largest difference between tree and rows over all tokens, in nats."""
    was_training = model.training
    model.eval()
    base = _base(model)
    rows = _trial_rows(base.config.get_text_config().vocab_size)
    multiple = 128 if base.config._attn_implementation == "flex_attention" else 1
    try:
        tree = _logps(model, rows, base, multiple)
        alone = torch.cat([_logps(model, [row], base, multiple) for row in rows])
    finally:
        model.train(was_training)
    return float((tree - alone).abs().max())


def _logps(model: torch.nn.Module, rows: list[Row], base: PreTrainedModel, multiple: int) -> torch.Tensor:
    batch = batch_trees([pack_rows(rows).feature()], multiple=multiple)
    batch = {name: value.to(base.device) if torch.is_tensor(value) else value for name, value in batch.items()}
    with torch.no_grad():
        logps, _ = token_logps(model, batch, config=base.config, dtype=base.dtype)
    return logps[batch["slot"]].float().cpu()


def _trial_rows(vocabulary: int) -> list[Row]:
    """Two replies at each of four turns, either of which may be continued, of unequal lengths."""
    chance = random.Random(0)

    def utterance() -> list[int]:
        return [chance.randrange(vocabulary) for _ in range(chance.randint(3, 9))]

    rows: list[Row] = []
    history = utterance()
    for _ in range(4):
        replies = [utterance(), utterance()]
        rows += [(history + reply, len(history)) for reply in replies]
        history = history + chance.choice(replies) + utterance()
    return rows
