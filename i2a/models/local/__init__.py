"""Local models of transformers: the model string `hf:FOLDER_OR_HUB_ID`, `hf:FILE.gguf` or `hf:smollm2`."""

from i2a.models.local.client import HFModel

__all__ = ["HFModel"]
