"""A GGUF file, the form of llama.cpp's models: converted once into a checkpoint folder, which is what others open.

The weights are dequantised into float32, which holds each of them as it is. The folder is kept in $I2A_CACHE, else in
i2a of $XDG_CACHE_HOME or of ~/.cache.
"""

import json
import os
import shutil
import sys
from contextlib import nullcontext, redirect_stderr
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TypedDict

import torch
from filelock import FileLock
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from i2a.digests import digest_of_file
from i2a.errors import UsageError
from i2a.extras import needs

ORIGIN = "gguf.json"
# Splits that llama.cpp knows and transformers 5.23 does not: each digit is a token.
DIGITS = {"smollm", "starcoder", "refact", "command-r", "exaone", "codeshell"}


class Origin(TypedDict):
    """What a folder was converted from: `file`, its `fingerprint` in 16 hex digits, and as what it was stored."""

    file: str
    fingerprint: str
    quantization: str


def is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf")


def cache_folder() -> Path:
    """Where converted models are kept. Raises `UsageError` where there is no place."""
    if own := os.environ.get("I2A_CACHE"):
        return Path(own).expanduser()
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "i2a"
    except RuntimeError:  # a user without a home
        raise UsageError("there is no home folder for converted models; set I2A_CACHE to a folder") from None


def converted(file: Path) -> Path:
    """The folder with the model of a GGUF file. Two processes make it once.

    Raises `UsageError`, and what transformers raises for a file that it cannot read.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    with needs("train", "a GGUF file"):
        import gguf  # noqa: F401 - transformers needs it, and would say so less clearly
    fingerprint = digest_of_file(file)
    folder = cache_folder() / f"{file.stem}-{fingerprint}"
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_name(f".{folder.name}.lock")):
                if not folder.is_dir():
                    _convert(file, folder, fingerprint)
        except OSError as error:
            if error.errno is None:  # transformers' own complaints about the file
                raise
            reason = error.strerror or type(error).__name__
            raise UsageError(f"no converted copy in {folder.parent} ({reason}); set I2A_CACHE to a folder") from None
    return folder


def origin_of(folder: Path) -> Origin | None:
    """What the model in a folder was converted from, if it was."""
    file = folder / ORIGIN
    if not file.is_file():
        return None
    stored = json.loads(file.read_text("utf-8"))
    return Origin(file=stored["file"], fingerprint=stored["fingerprint"], quantization=stored["quantization"])


def _convert(file: Path, folder: Path, fingerprint: str) -> None:
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    place = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
    with nullcontext() if sys.stderr.isatty() else redirect_stderr(StringIO()):  # a bar that nothing else turns off
        tokenizer = AutoTokenizer.from_pretrained(**place)
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    kind = _split_as_trained(tokenizer, file)
    # Dequantised it is an ordinary model, and as a quantised one it could not be saved.
    del model.config.quantization_config
    model.is_quantized, model.hf_quantizer = False, None
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    _drop_tokens(part / "tokenizer.json", beyond=model.config.get_text_config().vocab_size)
    origin = Origin(file=file.name, fingerprint=fingerprint, quantization=kind)
    details = {"dtype": "float32", "transformers": version("transformers"), "gguf": version("gguf")}
    (part / ORIGIN).write_text(json.dumps(origin | details, indent=2) + "\n", "utf-8")
    part.rename(folder)


def _drop_tokens(file: Path, *, beyond: int) -> None:
    """Take out the tokens that transformers' class for such tokenizers adds, and the model does not know."""
    stored = json.loads(file.read_text("utf-8"))
    stored["added_tokens"] = [token for token in stored["added_tokens"] if token["id"] < beyond]
    file.write_text(json.dumps(stored, ensure_ascii=False), "utf-8")


def _split_as_trained(tokenizer: PreTrainedTokenizerBase, file: Path) -> str:
    """Make the tokenizer split text as llama.cpp does where transformers would not; returns the quantization."""
    from gguf import GGMLQuantizationType, GGUFReader

    reader = GGUFReader(file)
    split = reader.get_field("tokenizer.ggml.pre")
    if split is not None and split.contents() in DIGITS:
        tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
        )
    kinds = [tensor.tensor_type for tensor in reader.tensors]
    return str(GGMLQuantizationType(max(set(kinds), key=kinds.count)).name)
