"""A causal language model and its tokenizer from a checkpoint folder, an adapter (LoRA) folder or the hub.

Whatever is missing, broken or too large is one `UsageError`. Models are loaded once: clients of one model share it.
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from i2a.errors import UsageError
from i2a.models.local.chat import Chat
from i2a.text import one_line

ADAPTER = "adapter_config.json"
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
TAIL = 2**20


class Source(NamedTuple):
    """What a model is loaded from, and how. `dtype` and `device` may be `auto`."""

    name: str
    revision: str | None
    dtype: str
    device: str


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Loaded:
    """`stops`: the tokens that end a reply. `context`: tokens that fit into prompt and reply together, if known."""

    model: Any
    chat: Chat
    stops: tuple[int, ...]
    context: int | None
    fingerprint: str


LOADED: WeakValueDictionary[Source, Loaded] = WeakValueDictionary()


def load(source: Source) -> Loaded:
    """Raises `UsageError`."""
    loaded = LOADED.get(source)
    if loaded is None:
        loaded = LOADED[source] = _load(source)
    return loaded


def _load(source: Source) -> Loaded:
    device = _device(source)
    folder = find(source.name, source.revision)
    base = _base(folder, source.name)
    with _loading(source):
        has_tokenizer = (folder / "tokenizer_config.json").is_file()
        tokenizer = AutoTokenizer.from_pretrained(folder if has_tokenizer or not base else base)
        chat = Chat(tokenizer, source.name)
        model = AutoModelForCausalLM.from_pretrained(base or folder, dtype=_dtype(source, device))
        if base:
            model = _adapted(model, folder, len(tokenizer))
        model = model.to(device).eval()
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return Loaded(model, chat, _stops(model, chat), context, fingerprint(folder, *([base] if base else ())))


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


def _dtype(source: Source, device: torch.device) -> Any:
    """The checkpoint's own is for GPUs: on a CPU, half precision is slow and rough."""
    if source.dtype == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    return getattr(torch, source.dtype)


def find(name: str, revision: str | None = None) -> Path:
    """The folder with the model's files, downloaded if `name` is that of a model on the hub. Raises `UsageError`."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        for place in (folder, folder / "model"):
            if any((place / file).is_file() for file in ("config.json", ADAPTER)):
                return place
        unfinished = (folder / "checkpoints").is_dir()
        why = "holds a training that is not finished; --resume it first" if unfinished else "holds no model"
        raise UsageError(f"{name} {why}")
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=FILES, etag_timeout=10))
    except (HFValidationError, OSError, ValueError) as error:
        why = f"{name} is no folder, and no model of that name can be had from the Hugging Face hub"
        raise UsageError(f"{why} ({one_line(str(error)):.120})") from None


def _base(folder: Path, name: str) -> Path | None:
    """The folder of the model that an adapter sits on; None if it is not an adapter."""
    if not (folder / ADAPTER).is_file() or (folder / "config.json").is_file():
        return None
    try:
        config = json.loads((folder / ADAPTER).read_text("utf-8"))
        kind, base = config["peft_type"], config["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{folder / ADAPTER} cannot be read; save the adapter again") from None
    if kind != "LORA":
        raise UsageError(f"{name} is an adapter of type {kind}; hf: can use those of type LORA")
    try:
        return find(base, config.get("revision"))
    except UsageError as error:
        raise UsageError(f"{name} is an adapter, and its base is not there: {error}") from None


def _adapted(model: Any, adapter: Path, words: int) -> Any:
    """The base with the adapter merged into its weights."""
    from peft import PeftModel

    if words > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 uses what transformers 5.23 is about to drop
        return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()


def _stops(model: Any, chat: Chat) -> tuple[int, ...]:
    """Where the checkpoint, the tokenizer or the template ends a reply."""
    stops = [chat.tokenizer.eos_token_id, chat.closing()]
    for config in (model.generation_config, model.config.get_text_config()):
        ids = getattr(config, "eos_token_id", None)
        stops += ids if isinstance(ids, list) else [ids]
    return tuple(sorted({id for id in stops if id is not None}))


def fingerprint(*folders: Path) -> str:
    """16 hex digits of configuration, template and weights; of the weights their sizes and their last mebibytes."""
    digest = blake2b(digest_size=8)
    for file in sorted(file for folder in folders for file in folder.iterdir()):
        if file.suffix in (".safetensors", ".bin", ".jinja") or file.name in ("config.json", "tokenizer.json", ADAPTER):
            size = file.stat().st_size
            digest.update(f"{file.name} {size} ".encode())
            with file.open("rb") as data:
                data.seek(max(0, size - TAIL))
                digest.update(data.read())
    return digest.hexdigest()


@contextmanager
def _loading(source: Source) -> Iterator[None]:
    """Silence the progress bar, and name the model in whatever goes wrong."""
    with ExitStack() as after:
        if logging.is_progress_bar_enabled():
            logging.disable_progress_bar()
            after.callback(logging.enable_progress_bar)
        try:
            yield
        except torch.OutOfMemoryError:
            raise UsageError(
                f"{source.name} does not fit into the memory of {source.device}; try dtype=bfloat16"
            ) from None
        except ImportError as error:
            raise UsageError(f"{source.name}: {one_line(str(error)):.200}") from None
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise UsageError(f"{source.name} cannot be loaded: {one_line(str(error)):.200}") from None
