"""Local models of transformers: the model string `hf:FOLDER_OR_HUB_ID`."""

from i2a.models.local.client import HFModel

__all__ = ["HFModel"]
