"""A checkpoint ready for inference: model, chat template, and the tokens that end a reply.

A model is loaded once: clients of one model share it. Anything missing, broken or too large raises a `UsageError`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

import torch

from i2a.errors import UsageError
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.template import ChatTemplate

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Source(NamedTuple):
    """What a model is loaded from, and how. `dtype` and `device` may be `auto`."""

    name: str
    revision: str | None
    dtype: str
    device: str


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Loaded:
    """`stops`: the tokens that end a reply. `context`: the most tokens of prompt and reply together, if known."""

    model: "PreTrainedModel"
    chat: ChatTemplate
    stops: tuple[int, ...]
    context: int | None
    fingerprint: str


LOADED: WeakValueDictionary[Source, Loaded] = WeakValueDictionary()


def load(source: Source) -> Loaded:
    """Raises `UsageError`."""
    loaded = LOADED.get(source)
    if loaded is None:
        loaded = LOADED[source] = _load(source)
    return loaded


def _load(source: Source) -> Loaded:
    device = _device(source)
    checkpoint = Checkpoint.find(source.name, source.revision)
    if checkpoint.adapter_type not in (None, "LORA"):
        raise UsageError(
            f"{source.name} is an adapter of type {checkpoint.adapter_type}; hf: can use those of type LORA"
        )
    template = ChatTemplate(checkpoint.tokenizer(), source.name)
    model = checkpoint.load(_dtype(source, device))
    try:
        model = model.to(device).eval()
    except torch.OutOfMemoryError:
        raise UsageError(f"{source.name} does not fit into the memory of {source.device}; try dtype=bfloat16") from None
    return Loaded(model, template, _stops(model, template), checkpoint.context, checkpoint.fingerprint)


def _device(source: Source) -> torch.device:
    if source.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(source.device)
    except RuntimeError:
        raise UsageError(f"there is no device {source.device!r}; write cpu, cuda or cuda:0") from None
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= there.get(device.type, 0):
        has = ", ".join(f"{kind} ({count})" for kind, count in there.items() if count)
        raise UsageError(f"this machine has no device {source.device}; it has {has}, and device=auto takes the best")
    return device


def _dtype(source: Source, device: torch.device) -> torch.dtype:
    """The checkpoint's own dtype on GPUs; float32 on a CPU, where half precision is slow and inaccurate."""
    if source.dtype == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    return getattr(torch, source.dtype)


def _stops(model: "PreTrainedModel", template: ChatTemplate) -> tuple[int, ...]:
    """Where the checkpoint, the tokenizer or the template ends a reply."""
    stops = [template.tokenizer.eos_token_id, template.stop_id]
    for config in (model.generation_config, model.config.get_text_config()):
        ids = getattr(config, "eos_token_id", None)
        stops += ids if isinstance(ids, list) else [ids]
    return tuple(sorted({id for id in stops if id is not None}))
