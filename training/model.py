"""Models in and out: a checkpoint folder, an adapter or a hub id, trained as full weights or through LoRA.

Full fine-tuning keeps the weights in fp32 and computes in bf16 where that is asked for: at the learning rates of
fine-tuning, bf16 weights would swallow most updates. With LoRA the frozen weights are in bf16, the adapter is in fp32.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils.peft_utils import find_adapter_config_file

from i2a.errors import UsageError
from i2a.models.local.loading import fingerprint as fingerprint_of
from i2a.text import one_line

ADAPTER = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Start:
    """The model that a training starts from. `base`: what it sits on, if it is an adapter.

    A local folder is named by its absolute path, so that an adapter finds its base from anywhere.
    """

    source: str
    revision: str | None = None
    base: str | None = None

    @classmethod
    def find(cls, model: str, revision: str | None = None) -> Self:
        """Raises `UsageError`: a training that is not finished, or an adapter without its base."""
        folder = Path(model)
        if not folder.is_dir():
            with _loading(model):
                file = find_adapter_config_file(model, revision=revision)
            return cls(model, revision, _base(Path(file), model) if file else None)
        if not any((folder / name).exists() for name in ("config.json", ADAPTER)):
            unfinished = (folder / "checkpoints").is_dir()
            why = "holds a training that is not finished; --resume it first" if unfinished else "holds no model"
            raise UsageError(f"{model} {why}")
        adapter = folder / ADAPTER
        return cls(str(folder.resolve()), None, _base(adapter, model) if adapter.exists() else None)

    @property
    def adapter(self) -> bool:
        return self.base is not None

    @property
    def context(self) -> int:
        """The most tokens that the model can read."""
        return getattr(self._config().get_text_config(), "max_position_embeddings", None) or sys.maxsize

    @property
    def identity(self) -> dict[str, Any]:
        return {"source": self.source, "revision": self.revision, "fingerprint": self.fingerprint}

    @property
    def fingerprint(self) -> str | None:
        """That of the folder; None for a model of the hub."""
        folder = Path(self.source)
        return fingerprint_of(folder) if folder.is_dir() else None

    def tokenizer(self) -> Any:
        """Raises `UsageError`."""
        folder = Path(self.source)
        bare = self.base is not None and folder.is_dir() and not (folder / "tokenizer_config.json").exists()
        with _loading(self.source):
            return AutoTokenizer.from_pretrained(self.base if bare else self.source, revision=self.revision)

    def skeleton(self, *, adapter: bool) -> Any:
        """What `load` returns, without weights: on the meta device. Raises `UsageError`."""
        with _loading(self.source), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(self._config())
            if self.base is None or not adapter:
                return model
            return get_peft_model(model, PeftConfig.from_pretrained(self.source, revision=self.revision))

    def load(self, *, adapter: bool, bf16: bool) -> Any:
        """The model, ready to be trained; an adapter it comes with goes on as such or, if not `adapter`, is merged.

        Raises `UsageError`.
        """
        dtype = torch.bfloat16 if adapter and bf16 else torch.float32
        with _loading(self.source):
            if self.base is None:
                return AutoModelForCausalLM.from_pretrained(self.source, revision=self.revision, dtype=dtype)
            base = AutoModelForCausalLM.from_pretrained(self.base, dtype=dtype)
            model = PeftModel.from_pretrained(base, self.source, revision=self.revision, is_trainable=adapter)
            return model if adapter else model.merge_and_unload().requires_grad_(True)

    def _config(self) -> Any:
        with _loading(self.source):
            return AutoConfig.from_pretrained(self.base or self.source, revision=None if self.base else self.revision)


def _base(adapter: Path, model: str) -> str:
    """The base that an adapter names."""
    base = json.loads(adapter.read_text("utf-8")).get("base_model_name_or_path")
    if not base or (Path(base).is_absolute() and not Path(base).is_dir()):
        raise UsageError(f"{model} is an adapter, and its base {base} is not there; put it back, or edit {ADAPTER}")
    return str(base)


@contextmanager
def _loading(source: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        where = "" if Path(source).is_dir() else " from the Hugging Face hub, and it is no folder"
        raise UsageError(f"{source} cannot be loaded{where}: {one_line(str(error)):.300}") from error


def new_adapter(rank: int, alpha: int) -> LoraConfig:
    """LoRA on every linear layer but the head."""
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")


def weights(trainer: Any) -> dict[str, torch.Tensor]:
    """All weights by name, gathered if the model is sharded; called in every process, to be used by the first."""
    state: dict[str, torch.Tensor] = trainer.accelerator.get_state_dict(trainer.model)
    return state


def save(trainer: Any, state: Mapping[str, torch.Tensor], folder: Path, *, stop_id: int) -> None:
    """Write model and tokenizer; full weights in the precision that was computed in.

    `stop_id`: the token at which generation is to stop, besides those at which it does.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    if isinstance(model, PeftModel):
        model.save_pretrained(folder, state_dict=state, selected_adapters=["default"], save_embedding_layers=False)
    else:
        stops = model.generation_config.eos_token_id
        stops = [stops] if isinstance(stops, int) else stops or []
        model.generation_config.eos_token_id = [*stops, *({stop_id} - {*stops})]
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
