"""A checkpoint on disk or on the hub: finding its files, and loading tokenizer and model from them.

The same for inference and for training: a folder, the `model` folder in it, a GGUF file, a name of `names.NAMES` or on
the Hugging Face hub, or an adapter on a base model at its own revision. Anything missing or broken raises a
`UsageError`.
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.models.local.gguf import Origin, converted, is_gguf, origin_of
from i2a.models.local.names import NAMES
from i2a.models.local.weights import fit_embeddings, refuse_adapter_misfits, refuse_misfits, words_of
from i2a.text import counted, one_line

ADAPTER = "adapter_config.json"
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
OTHER_FILES = ["*/*", "consolidated*"]  # the same weights in other forms
TAIL = 2**20
HUB_TIMEOUT = 10  # seconds
# The bases are the errors of the HTTP library that the hub's client has.
HUB_ERRORS = (HFValidationError, OSError, ValueError, *HfHubHTTPError.__bases__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`name`: as the user wrote it. `folder`: where its files are. `revision`: of a model on the hub, if one was
    requested. `base`: the base model of an adapter; `adapter_type`: as PEFT names it."""

    name: str
    folder: Path
    revision: str | None = None
    base: "Checkpoint | None" = None
    adapter_type: str | None = None

    @classmethod
    def find(cls, name: str, revision: str | None = None) -> Self:
        """Downloads what is on the hub. Raises `UsageError`: there is no such model, or no base of an adapter."""
        folder = _find(name, revision)
        if _is_local(name) or name in NAMES:
            revision = None
        if not (folder / ADAPTER).is_file() or (folder / "config.json").is_file():
            return cls(name, folder, revision)
        try:
            config = json.loads((folder / ADAPTER).read_text("utf-8"))
            kind, base = str(config["peft_type"]), str(config["base_model_name_or_path"])
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"{folder / ADAPTER} cannot be read; save the adapter again") from None
        try:
            return cls(name, folder, revision, cls.find(_moved(base, folder), config.get("revision")), kind)
        except UsageError as error:
            raise UsageError(
                f"{name} is an adapter, and its base is not there: {error}; put the base back, or change "
                f"base_model_name_or_path in {folder / ADAPTER}"
            ) from None

    @property
    def source(self) -> str:
        """A name that works from any folder: the absolute path of a folder or file, else the name as it is."""
        return str(Path(self.name).expanduser().resolve()) if _is_local(self.name) else self.name

    @property
    def identity(self) -> dict[str, object]:
        """As JSON, for the manifest of a training or run that uses it."""
        identity = {"source": self.source, "revision": self.revision, "fingerprint": self.fingerprint}
        return identity | ({"gguf": self.origin} if self.origin else {})

    @property
    def origin(self) -> Origin | None:
        """The GGUF file that it was converted from, if it was."""
        return origin_of(self.folder)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of configuration, template and weights, also of the base; of the weights their sizes and their
        last mebibytes."""
        folders = [self.folder, *([self.base.folder] if self.base else [])]
        parts = []
        for file in sorted(file for folder in folders for file in folder.iterdir()):
            if file.suffix in (".safetensors", ".bin", ".jinja") or file.name in (
                "config.json",
                "tokenizer.json",
                ADAPTER,
            ):
                size = file.stat().st_size
                with file.open("rb") as data:
                    data.seek(max(0, size - TAIL))
                    parts += [f"{file.name} {size} ".encode(), data.read()]
        return digest(b"".join(parts))

    @property
    def context(self) -> int | None:
        """The context length in tokens, if the configuration has one."""
        return getattr(self.config().get_text_config(), "max_position_embeddings", None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What `load` does about tokens that the model has no embeddings for, in sentences."""
        lacking = words_of(self.tokenizer()) - self.config().get_text_config().vocab_size
        if lacking <= 0:
            return ()
        return (f"{counted(lacking, 'tokens')} had no embedding: each starts as the mean of all",)

    def config(self) -> PretrainedConfig:
        """The configuration of the model, without its weights. Raises `UsageError`."""
        if self.base:
            return self.base.config()
        with _opening(self.name):
            config = AutoConfig.from_pretrained(self.folder)
            text = config.get_text_config()
            pad = getattr(text, "pad_token_id", None)
            if isinstance(pad, int) and not 0 <= pad < text.vocab_size:  # torch makes no table that lacks its padding
                text.pad_token_id = None
            return config

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Its own, or that of the base if an adapter has none. Raises `UsageError`."""
        if self.base and not (self.folder / "tokenizer_config.json").is_file():
            return self.base.tokenizer()
        with _opening(self.name):
            return AutoTokenizer.from_pretrained(self.folder)

    def skeleton(self, *, adapter: bool) -> PreTrainedModel:
        """What `load` returns, without weights: on the meta device. Raises `UsageError`."""
        with _opening(self.name), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(self.config())
            if self.base is None or not adapter:
                return model
            from peft import PeftConfig, get_peft_model

            return get_peft_model(model, PeftConfig.from_pretrained(str(self.folder)))

    def load(self, dtype: torch.dtype, *, trainable_adapter: bool = False) -> PreTrainedModel:
        """The model, on the CPU. An adapter is merged into its base or, if `trainable_adapter`, stays an adapter.

        `dtype` is torch's, or "auto" for that of the weights. Raises `UsageError`.
        """
        words = words_of(self.tokenizer())
        if self.base is None:
            model = self._weights(dtype)
            with _opening(self.name):
                fit_embeddings(model, words)
            return model
        model = self.base.load(dtype) if self.base.base else self.base._weights(dtype)
        with _opening(self.name), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 uses what transformers 5.23 is about to drop
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error here
            from peft import PeftConfig, PeftModel

            fit_embeddings(model, words)
            if PeftConfig.from_pretrained(str(self.folder)).is_prompt_learning:
                raise UsageError(f"an adapter of type {self.adapter_type} has no weights that could be merged")
            model = PeftModel.from_pretrained(model, str(self.folder), is_trainable=trainable_adapter)
            refuse_adapter_misfits(model, self.folder)
            return model if trainable_adapter else model.merge_and_unload()

    def _weights(self, dtype: torch.dtype | str) -> PreTrainedModel:
        """The model as it is stored."""
        config = self.config()
        with _opening(self.name):
            model, info = AutoModelForCausalLM.from_pretrained(
                self.folder, config=config, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True
            )
            refuse_misfits(model, info)
        # A new adapter writes down this name of its base, and must find it from anywhere.
        folder = _is_local(self.name) and not is_gguf(self.name)
        model.name_or_path = str(self.folder.resolve()) if folder else self.source
        return model


def _is_local(name: str) -> bool:
    return Path(name).expanduser().is_dir() or is_gguf(name)


def _find(name: str, revision: str | None) -> Path:
    """The folder with the model's files."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        for place in (folder, folder / "model"):
            if any((place / file).is_file() for file in ("config.json", ADAPTER)):
                return place
        unfinished = (folder / "checkpoints").is_dir()
        why = "contains an unfinished training; --resume it first" if unfinished else "holds no model"
        raise UsageError(f"{name} {why}")
    if name in NAMES or is_gguf(name):
        place = NAMES[name]() if name in NAMES else folder
        with _opening(name):
            return converted(place) if is_gguf(place.name) else place
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        raise UsageError(f"there is no folder {name}")
    try:
        # Asked first, as a download waits for a hub that does not answer for minutes.
        HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT)
        unreachable = None
    except HUB_ERRORS as error:
        unreachable = error
    try:
        path = snapshot_download(
            name,
            revision=revision,
            allow_patterns=FILES,
            ignore_patterns=OTHER_FILES,
            etag_timeout=HUB_TIMEOUT,
            local_files_only=unreachable is not None,
        )
    except HUB_ERRORS as error:
        why = f"{name} is no folder, and no model of that name can be downloaded from the Hugging Face hub"
        raise UsageError(f"{why} ({one_line(str(unreachable or error)):.120})") from None
    return Path(path)


def _moved(base: str, adapter: Path) -> str:
    """The base of an adapter: where it says, or where that is now if both were moved together.

    PEFT writes an absolute path. If that is gone, it is looked for in the same place relative to a folder above the
    adapter: `/old/runs/base` is `/new/runs/base` for an adapter in `/new/runs/sft/model`.
    """
    stored = Path(base)
    if not stored.is_absolute() or stored.is_dir():
        return base
    for start in range(1, len(stored.parts)):
        for above in adapter.resolve().parents:
            candidate = above.joinpath(*stored.parts[start:])
            if candidate.is_dir() and adapter.resolve() not in (candidate, candidate / "model"):
                return str(candidate)
    return base


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """Silence progress bar and reports, and name the model in errors."""
    with ExitStack() as after:
        after.callback(logging.set_verbosity, logging.get_verbosity())
        logging.set_verbosity_error()
        if logging.is_progress_bar_enabled():
            logging.disable_progress_bar()
            after.callback(logging.enable_progress_bar)
        try:
            yield
        except ImportError as error:
            raise UsageError(f"{name}: {one_line(str(error)):.200}") from None
        except UsageError as error:
            raise UsageError(f"{name} cannot be used: {error}") from None
        except (OSError, ValueError, TypeError, LookupError, RuntimeError, AssertionError, SafetensorError) as error:
            raise UsageError(f"{name} cannot be loaded: {one_line(str(error)):.200}") from None
