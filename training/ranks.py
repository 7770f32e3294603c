"""Several processes of one training, as `accelerate launch` starts them: the first one writes, the others follow."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from i2a.errors import I2AError

# The others wait while the first one reads and tokenises the corpus.
PATIENCE = timedelta(hours=6)


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return int(os.environ.get("RANK", "0")) == 0


def join() -> int:
    """Meet the other processes; returns how many there are."""
    processes: int = PartialState(cpu=not torch.accelerator.is_available(), timeout=PATIENCE).num_processes
    return processes


def tell(value: Any = None) -> Any:
    """What the first process says, in every process."""
    said = [value]
    broadcast_object_list(said, from_process=0)
    return said[0]


def sharded() -> bool:
    """Whether the launcher has asked for FSDP."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def deepspeed() -> bool:
    """Whether the launcher has asked for DeepSpeed."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true"


@contextmanager
def told() -> Iterator[None]:
    """Around the work of the first process: an error of it is told to the others, who would wait for its word."""
    try:
        yield
    except I2AError as error:
        tell(error)
        raise


def hear() -> Any:
    """In the other processes: what the first one tells. Raises the error that ended its work."""
    said = tell()
    if isinstance(said, I2AError):
        raise said
    return said
