"""Models small enough to make in a test: a tokenizer of bytes with any chat template, a few thousand weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(
    template: str | None = CHATML,
    *,
    specials: tuple[str, ...] = ("<|im_start|>", "<|im_end|>"),
    merges: Sequence[tuple[str, str]] = (),
    **kwargs: Any,
) -> Any:
    """Every byte is a token; `specials` are tokens of their own, the last of them the end of a turn (EOS).

    `merges` make one token of two, e.g. `("a", "b")`, wherever these stand together; a space is `Ġ`, a line end `Ċ`.
    `kwargs` go to `PreTrainedTokenizerFast`, e.g. `bos_token="<s>"`.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*alphabet, *(one + other for one, other in merges)]
    inner = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=list(merges)))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not merges)
    inner.decoder = decoders.ByteLevel()
    special = {"pad_token": "<|pad|>", "eos_token": specials[-1] if specials else "<|pad|>"} | kwargs
    made = PreTrainedTokenizerFast(tokenizer_object=inner, **special)
    made.add_special_tokens({"additional_special_tokens": list(specials)})
    made.chat_template = template
    return made


def model(tokenizer: Any, *, family: str = "Llama", seed: int = 0, **config: Any) -> Any:
    """A randomly initialised causal LM of a transformers family (`Llama`, `Qwen2`, `Mistral`, `Gemma2`, ...)."""
    import torch
    import transformers

    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        "initializer_range": 0.05,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    } | config
    torch.manual_seed(seed)
    made = getattr(transformers, f"{family}ForCausalLM")(getattr(transformers, f"{family}Config")(**sizes))
    return made.eval()


def checkpoint(folder: Path, **config: Any) -> Path:
    """A model and its tokenizer, saved in `folder`."""
    words = tokenizer()
    model(words, **config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
