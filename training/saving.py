"""The weights of a trained model on disk: gathered from all processes, with its tokenizer, as a checkpoint folder."""

from collections.abc import Mapping
from pathlib import Path

import torch
from peft import PeftModel
from transformers import Trainer


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
        stops = model.generation_config.eos_token_id
        stops = [stops] if isinstance(stops, int) else stops or []
        model.generation_config.eos_token_id = [*stops, *({stop_id} - {None, *stops})]
        dtype = torch.bfloat16 if trainer.args.bf16 else torch.float32
        model.save_pretrained(folder, state_dict=_in(dtype, state))
        model.config.dtype = dtype
        model.config.save_pretrained(folder)
    trainer.processing_class.save_pretrained(folder)


def _in(dtype: torch.dtype, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights in `dtype`; those that share memory still do, for tied weights are to be written once."""
    made: dict[tuple[int, torch.Size], torch.Tensor] = {}
    for weight in state.values():
        if weight.is_floating_point():
            made.setdefault((weight.data_ptr(), weight.shape), weight.to(dtype))
    return {name: made.get((weight.data_ptr(), weight.shape), weight) for name, weight in state.items()}
