"""Rows are put together only where it changes no answer; a trial of the architecture in small says where."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers

from i2a.models.local.generation import Generator
from i2a.models.local.trial import sound_batching
from tests import tiny
from tests.i2a.models.local.test_generation import COUNT, STOP, WORDS, replies, rows


def recurrent(family: str, **config: Any) -> Any:
    """A model whose configuration knows no heads."""
    torch.manual_seed(0)
    sizes = {"vocab_size": len(WORDS), "hidden_size": 64, "num_hidden_layers": 2, **config}
    return getattr(transformers, f"{family}ForCausalLM")(getattr(transformers, f"{family}Config")(**sizes)).eval()


def openai_gpt() -> Any:
    torch.manual_seed(0)
    config = transformers.OpenAIGPTConfig(vocab_size=len(WORDS), n_embd=32, n_layer=2, n_head=2)
    return transformers.OpenAIGPTLMHeadModel(config).eval()


WAYS: dict[str, tuple[str, Callable[[], Any]]] = {
    "Llama": ("split", lambda: tiny.model(WORDS)),
    "GPTNeoX": ("split", lambda: tiny.model(WORDS, family="GPTNeoX")),
    "Mistral, with a window": ("padded", lambda: tiny.model(WORDS, family="Mistral", sliding_window=8)),
    "Bloom": ("padded", lambda: recurrent("Bloom", n_head=4)),
    "Mamba": ("padded", lambda: recurrent("Mamba")),
    "OpenAI GPT, whose positions count the padding": ("padded", openai_gpt),
    "RWKV": ("alone", lambda: recurrent("Rwkv")),
}


@pytest.mark.parametrize("name", WAYS)
def test_an_architecture_is_batched_as_far_as_its_answers_stay_the_same(name: str) -> None:
    way, make = WAYS[name]
    assert sound_batching(make()) == way


@pytest.mark.parametrize("name", ["Bloom", "RWKV", "Mistral, with a window"])
def test_what_was_found_in_small_holds_for_the_model_itself(name: str) -> None:
    model = WAYS[name][1]()
    way = sound_batching(model)
    alone = replies(Generator(model, [STOP], keep=0), rows(limit=30), at_once=1)
    assert replies(Generator(model, [STOP], keep=1000, batching=way), rows(limit=30), at_once=COUNT) == alone
