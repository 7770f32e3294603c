"""Several processes of one training, as `accelerate launch` starts them: the first one writes, the others follow."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from i2a.errors import I2AError

# The others wait while the first one reads and tokenizes the corpus.
PATIENCE = timedelta(hours=6)
Value = TypeVar("Value")


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return int(os.environ.get("RANK", "0")) == 0


def join() -> int:
    """Meet the other processes; returns how many there are."""
    processes: int = PartialState(cpu=not torch.accelerator.is_available(), timeout=PATIENCE).num_processes
    return processes


def run_on_first(work: Callable[[], Value]) -> Value:
    """Do `work` in the first process. Every process gets what it returns, or raises the error that it raised."""
    result: list[Value | I2AError | None] = [None]
    if is_first():
        try:
            result = [work()]
        except I2AError as error:
            broadcast_object_list([error])
            raise
    broadcast_object_list(result)
    [value] = result
    if isinstance(value, I2AError):
        raise value
    return value  # type: ignore[return-value]


def sharded() -> bool:
    """Whether the launcher has asked for FSDP."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def deepspeed() -> bool:
    """Whether the launcher has asked for DeepSpeed."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true"
