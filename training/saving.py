"""A trained model on disk: its weights, gathered from all processes, with its tokenizer, as a checkpoint folder.

What will be saved is tried before the first step, so that no training is lost at its end.
"""

import shutil
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from peft import PeftModel
from transformers import AutoTokenizer, GenerationConfig, PreTrainedModel, Trainer

from i2a.errors import UsageError
from i2a.models.local.template import PROBE, ChatTemplate
from i2a.runs.training_folder import NO_SPACE, TrainingFolder
from i2a.text import counted, one_line


def gather_weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    """All weights by name, gathered if the model is sharded; called in every process, to be used by the first."""
    state: dict[str, torch.Tensor] = trainer.accelerator.get_state_dict(trainer.model)
    return state


def save_model(trainer: Trainer, state: Mapping[str, torch.Tensor], folder: Path, *, stop_id: int | None) -> None:
    """Write model and tokenizer; full weights in the precision that was computed in.

    `stop_id`: a further token at which generation must stop.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    if isinstance(model, PeftModel):
        model.save_pretrained(folder, state_dict=state, selected_adapters=["default"], save_embedding_layers=False)
    else:
        model.save_pretrained(folder, state_dict=_in(_dtype(trainer), state))
    save_settings(trainer, folder, stop_id=stop_id)


def save_settings(trainer: Trainer, folder: Path, *, stop_id: int | None) -> None:
    """Write all that belongs to the model but its weights."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if isinstance(model, PeftModel):
        model.peft_config["default"].save_pretrained(folder)
    else:
        stops = model.generation_config.eos_token_id
        stops = [stops] if isinstance(stops, int) else stops or []
        model.generation_config.eos_token_id = [*stops, *({stop_id} - {None, *stops})]
        model.generation_config.save_pretrained(folder)
        config = deepcopy(model.config)
        config.dtype = _dtype(trainer)
        config.use_cache = True  # `Trainer` turns it off while it trains
        config.save_pretrained(folder)
    trainer.processing_class.save_pretrained(folder)


def make_savable(model: PreTrainedModel | PeftModel) -> str | None:
    """Drop settings for sampling that transformers takes, but refuses to save; returns what was dropped, in words."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    dropped = []
    names = set(GenerationConfig().to_dict()) - {field.name for field in fields(base.config)} - {"use_cache"}
    if misplaced := sorted(name for name in names if vars(base.config).get(name) is not None):
        for name in misplaced:
            delattr(base.config, name)
        dropped.append(f"{', '.join(misplaced)} of config.json")
    try:
        base.generation_config.validate(strict=True)
    except ValueError as error:
        kept = {
            name: getattr(base.generation_config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
        }
        base.generation_config = GenerationConfig(**kept)
        reason = one_line(str(error)).removeprefix("GenerationConfig is invalid: ")
        dropped.append(f"all of generation_config.json but its tokens ({reason:.160})")
    return f"not saved with the model, as transformers would refuse it: {'; '.join(dropped)}" if dropped else None


def try_saving(trainer: Trainer, folder: TrainingFolder, template: ChatTemplate, *, checkpoints: int) -> None:
    """Save in the folder what will be saved at the end, but the weights, and see that there is room for these.

    `checkpoints`: how many more there will be at once. Raises `UsageError`.
    """
    try:
        with TemporaryDirectory(dir=folder.path, prefix=".trial") as place:
            save_settings(trainer, Path(place), stop_id=template.stop_id)
            reopened = ChatTemplate(AutoTokenizer.from_pretrained(place), today=template.today)
        same = reopened.prompt(PROBE) == template.prompt(PROBE)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, AssertionError) as error:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise
        raise UsageError(f"the model could not be saved after the training: {one_line(str(error)):.200}") from None
    if not same:
        raise UsageError("its tokenizer, once saved and opened again, gives other tokens; save it with AutoTokenizer")
    needed, free = _room_needed(trainer, checkpoints), shutil.disk_usage(folder.path).free
    if needed > free:
        raise UsageError(
            f"{folder.path} needs {needed / 1e9:.1f} GB for the model and {counted(checkpoints, 'checkpoints')}, and "
            f"{free / 1e9:.1f} GB are free; free some space, lower --keep, or choose another --out"
        )


def _room_needed(trainer: Trainer, checkpoints: int) -> int:
    """Bytes of the model that is saved in the end, and of checkpoints with the two moments of AdamW."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    saved = trained if isinstance(model, PeftModel) else list(model.parameters())
    weights: int = sum(weight.numel() * weight.element_size() for weight in saved)
    moments: int = sum(2 * weight.numel() * weight.element_size() for weight in trained)
    last: int = sum(weight.numel() for weight in saved) * _dtype(trainer).itemsize
    return checkpoints * (weights + moments) + last


def _dtype(trainer: Trainer) -> torch.dtype:
    """That of the weights that are saved in the end."""
    return torch.bfloat16 if trainer.args.bf16 else torch.float32


def _in(dtype: torch.dtype, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights in `dtype`; those that share memory still do, for tied weights are to be written once."""
    made: dict[tuple[int, torch.Size], torch.Tensor] = {}
    for weight in state.values():
        if weight.is_floating_point():
            made.setdefault((weight.data_ptr(), weight.shape), weight.to(dtype))
    return {name: made.get((weight.data_ptr(), weight.shape), weight) for name, weight in state.items()}
