"""What a model would write at the scored places of a batch."""

from typing import Any

import torch

from i2a.simulator.model.batches import Batch


def predicted(model: Any, batch: Batch) -> torch.Tensor:
    """The logits (places, vocabulary). The head is applied at scored places only, half the work of a step."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(batch.ids, use_cache=False).last_hidden_state
        logits: torch.Tensor = model.lm_head(hidden[batch.row, batch.at])
    return logits.float()
