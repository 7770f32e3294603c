"""A checkpoint ready for inference: model, chat template, and the tokens that end a reply.

A model is loaded once: clients of one model share it. Anything missing, broken or too large raises a `UsageError`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple
from weakref import WeakValueDictionary

import torch

from i2a.errors import UsageError
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.generation import Batching
from i2a.models.local.precision import INFERENCE, Measure, measure, on_cpu
from i2a.models.local.template import ChatTemplate
from i2a.models.local.trial import NOTES, sound_batching

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
    """`stops`: the tokens that end a reply. `context`: the most tokens of prompt and reply together, if known.
    `warnings`: how limits of the model are handled, in sentences."""

    model: "PreTrainedModel"
    chat: ChatTemplate
    stops: tuple[int, ...]
    context: int | None
    fingerprint: str
    batching: Batching
    warnings: tuple[str, ...]


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
    template = ChatTemplate(checkpoint.tokenizer(), source.name)
    dtype, slow = _dtype(source, device, checkpoint)
    model = checkpoint.load(dtype)
    try:
        model = model.to(device).eval()
    except torch.OutOfMemoryError:
        raise UsageError(f"{source.name} does not fit into the memory of {source.device}; try dtype=bfloat16") from None
    batching = sound_batching(model)
    warnings = (*slow, *template.warnings, *checkpoint.warnings, *([NOTES[batching]] if batching in NOTES else []))
    stops, context = _stops(model, template), checkpoint.context
    return Loaded(model, template, stops, context, checkpoint.fingerprint, batching, warnings)


def around(model: "PreTrainedModel", template: ChatTemplate, fingerprint: str) -> Loaded:
    """The same of a model that is in memory already. An adapter of PEFT stays on its base, and answers with it."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    context = getattr(whole.config.get_text_config(), "max_position_embeddings", None)
    batching, stops = sound_batching(whole), _stops(whole, template)
    return Loaded(whole, template, stops, context, fingerprint, batching, template.warnings)


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


def _dtype(
    source: Source, device: torch.device, checkpoint: Checkpoint, timing: Measure = measure
) -> tuple[torch.dtype | str, tuple[str, ...]]:
    """The checkpoint's own dtype on GPUs. On a CPU its own bfloat16 where that is faster, else float32, which is more
    exact. Second, a warning where the dtype that is asked for is slow."""
    stored, asked = checkpoint.config().dtype, source.dtype
    if device.type != "cpu" or asked not in ("auto", "bfloat16"):
        return "auto" if asked == "auto" else getattr(torch, asked), ()
    if asked == "auto" and stored != torch.bfloat16:
        return torch.float32, ()
    width = checkpoint.config().get_text_config().hidden_size
    wanted: Literal["auto", "bf16"] = "auto" if asked == "auto" else "bf16"
    found = on_cpu(wanted, rows=INFERENCE, width=width, flag=f"{source.name}?dtype=bfloat16", timing=timing)
    return found.dtype, (found.warning,) if found.warning else ()


def _stops(model: "PreTrainedModel", template: ChatTemplate) -> tuple[int, ...]:
    """Where the checkpoint, the tokenizer or the template ends a reply."""
    stops = [template.tokenizer.eos_token_id, template.stop_id]
    for config in (model.generation_config, model.config.get_text_config()):
        ids = getattr(config, "eos_token_id", None)
        stops += ids if isinstance(ids, list) else [ids]
    words = model.get_output_embeddings().weight.shape[0]
    return tuple(sorted({id for id in stops if id is not None and 0 <= id < words}))
