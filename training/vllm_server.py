"""A vLLM server that draws the policy's replies and is given its weights before each iteration, through TRL's client.

Started as TRL wants it, with as many GPUs as it is given; the training has others:

    VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --weight-transfer-config '{"backend": "nccl"}' \\
        --logprobs-mode processed_logprobs
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import torch
from trl.import_utils import is_vllm_available

from i2a.errors import UsageError
from i2a.text import one_line

ANSWER = 10.0  # seconds for a sign of life
LOGPROBS = "processed_logprobs"  # at the sampling temperature


class VLLMServer:
    """`url`: where it is, without `/v1`; `served`: the model's name there.

    Raises `UsageError` if it cannot be reached or takes no weights, or if vLLM is not installed here, whose NCCL
    transport TRL's client uses.
    """

    def __init__(self, url: str, device: torch.device | str) -> None:
        if not is_vllm_available():
            raise UsageError("--vllm-server needs vLLM here too, which sends it the weights: pip install vllm")
        from trl.generation.vllm_client import VLLMClient

        self.url = url.rstrip("/").removesuffix("/v1")
        with self._trouble("cannot be used"):
            requests.get(f"{self.url}/health", timeout=ANSWER).raise_for_status()  # TRL's would ask for ever
            self._client = VLLMClient(self.url)
            self.served: str = self._client.model
            mode = self._client.get_server_info()["model_config"]["logprobs_mode"]
            if mode != LOGPROBS:
                raise UsageError(f"it is started with --logprobs-mode {mode}; it must be {LOGPROBS}")
            self._client.init_communicator(device)

    def update(self, model: Any) -> None:
        """Send it all weights; an adapter's are merged into a copy of its base. Raises `UsageError`."""
        whole = copy.deepcopy(model).merge_and_unload() if hasattr(model, "peft_config") else model
        with self._trouble("did not take the weights"):
            self._client.update_model_params(whole)
            self._client.reset_prefix_cache()

    @contextmanager
    def _trouble(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # TRL 1.16 raises `Exception` itself for whatever the server answers
            why = f"{one_line(str(error)):.300}"
            raise UsageError(f"the vLLM server at {self.url} {what}: {why}; start it anew, then --resume") from error
