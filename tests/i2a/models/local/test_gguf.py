"""A GGUF file is opened as the model that it was made of, converted once, and refused in one line if it is none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

from i2a.errors import UsageError
from i2a.extras import install
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.template import ChatTemplate
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
HEADS = 2
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_attention_layernorm": "ffn_norm",
    "input_layernorm": "attn_norm",
    "model.layers": "blk",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("I2A_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(file: Path, *, pre: str = "smollm") -> Any:
    """A tiny model as llama.cpp's converter writes a Llama, in fp32; returns the model."""
    words = tiny.tokenizer(merges=[("a", "b"), ("Ġ", "Ġ")])
    model = tiny.model(words)
    writer = GGUFWriter(file, "llama", use_temp_file=False)
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(model.config.rms_norm_eps)
    writer.add_rope_freq_base(model.config.rope_parameters["rope_theta"])
    writer.add_vocab_size(len(words))
    pieces = words.convert_ids_to_tokens(list(range(len(words))))
    special = set(words.all_special_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(pieces)
    writer.add_token_types([TokenType.CONTROL if piece in special else TokenType.NORMAL for piece in pieces])
    writer.add_token_merges(["a b", "Ġ Ġ"])
    writer.add_eos_token_id(words.eos_token_id)
    writer.add_pad_token_id(words.pad_token_id)
    writer.add_chat_template(tiny.CHATML)
    for name, weight in model.state_dict().items():
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        values = weight.numpy()
        if "attn_q" in name or "attn_k" in name:  # llama.cpp rotates neighbours, transformers halves
            values = values.reshape(HEADS, 2, -1, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)
        writer.add_tensor(name, values, raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def test_it_is_the_model_that_the_file_was_made_of(tmp_path: Path) -> None:
    expected = write(tmp_path / "tiny.gguf")
    found = Checkpoint.find(str(tmp_path / "tiny.gguf"))
    model = found.load(torch.float32)
    ids = torch.arange(20)[None]
    with torch.no_grad():
        assert torch.allclose(model(ids).logits, expected(ids).logits, atol=1e-5)
    assert found.context == 512
    assert found.origin == {"file": "tiny.gguf", "fingerprint": found.folder.name[-16:], "quantization": "F32"}
    model.save_pretrained(tmp_path / "saved")
    assert "quantization_config" not in json.loads((tmp_path / "saved/config.json").read_text("utf-8"))
    assert ChatTemplate.for_training(found.tokenizer()).stop_id == found.tokenizer().eos_token_id


def test_digits_are_tokens_of_their_own_where_the_model_learnt_them_so(tmp_path: Path) -> None:
    for pre, spaces in (("smollm", 1), ("gpt-2", 0)):
        write(tmp_path / f"{pre}.gguf", pre=pre)
        words = Checkpoint.find(str(tmp_path / f"{pre}.gguf")).tokenizer()
        assert words.tokenize("x  5").count("ĠĠ") == spaces


def test_an_adapter_names_the_file_and_finds_it_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "tiny.gguf")
    monkeypatch.chdir(tmp_path)
    model = Checkpoint.find("tiny.gguf").load(torch.float32)
    assert model.name_or_path == str(tmp_path / "tiny.gguf")
    monkeypatch.chdir("/")
    assert Checkpoint.find(model.name_or_path).context == 512


def test_two_processes_convert_it_once_and_one_killed_leaves_nothing_in_the_way(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "tiny.gguf")
    command = (
        "import sys; from i2a.models.local.checkpoint import Checkpoint; print(Checkpoint.find(sys.argv[1]).folder)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", command, str(tmp_path / "tiny.gguf")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    folders = {process.communicate(timeout=100)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    (folder,) = map(Path, folders)
    assert [file for file in cache.iterdir() if not file.name.startswith(".")] == [folder]
    (cache / f".{folder.name}.part").mkdir()
    (cache / f".{folder.name}.part/config.json").write_text("{", "utf-8")
    folder.rename(tmp_path / "away")
    assert Checkpoint.find(str(tmp_path / "tiny.gguf")).load(torch.float32)


def test_what_is_no_model_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torn.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(40))
    write(tmp_path / "tiny.gguf")
    assert "there is no file" in refusal(tmp_path / "none.gguf")
    assert "torn.gguf" in refusal(tmp_path / "torn.gguf")
    monkeypatch.setenv("I2A_CACHE", str(tmp_path / "torn.gguf/below"))
    assert "set I2A_CACHE to a folder" in refusal(tmp_path / "tiny.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)
    assert f"needs the package gguf: {install('train')}" in refusal(tmp_path / "tiny.gguf")


def refusal(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        Checkpoint.find(str(file))
    assert "\n" not in str(caught.value)
    return str(caught.value)
