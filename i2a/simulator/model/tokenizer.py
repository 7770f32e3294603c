"""The base model's tokenizer: byte-level BPE, learnt from its own documents, with a chat template."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from i2a.simulator.model.documents import ASSISTANT, END, USER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SYSTEM, PAD = "<|system|>", "<|pad|>"
SPECIALS = (PAD, END, SYSTEM, USER, ASSISTANT)
# Every turn is closed by the token that ends the text; the assistant's are marked as what a model learns to write.
TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + eos_token -}}{%- endgeneration -%}"
    "{%- else -%}{{- message['content'] + eos_token -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def learn(texts: Iterable[str], *, size: int) -> "PreTrainedTokenizerFast":
    """A tokenizer of `size` tokens learnt from texts, the special ones atomic. The same texts give the same one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=TEMPLATE,
        padding_side="left",
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )
