"""Chat templates like those of well-known families, each with what its tokenizer needs."""

from typing import Any, NamedTuple

from tests.tiny import CHATML, tokenizer

LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}"
    "<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# Alternating roles only; the system message stands in the last message, if that is the user's.
MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set rest = messages[1:] %}"
    "{% else %}{% set rest = messages %}{% endif %}{{ bos_token }}{% for m in rest %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}[INST] {% if loop.last and system is defined %}{{ system }}\n\n{% endif %}"
    "{{ m.content }}[/INST]{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
QWEN = "{% if messages[0].role != 'system' %}<|im_start|>system\nBe helpful.<|im_end|>\n{% endif %}" + CHATML
# One token is both BOS and EOS, and the role names are plain text.
OLMO = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '' if loop.last and m.role == 'assistant' else '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
MARKED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Thoughts are dropped from what went before; the last reply has some, if only empty ones.
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% set said = m.content.split('</think>')[-1].lstrip('\n') %}"
    "{% if m.role == 'assistant' and loop.last %}{% if '</think>' in m.content %}{{ m.content }}{% else %}"
    "<think>\n\n</think>\n\n{{ said }}{% endif %}{% else %}{{ said }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# What opens a reply is not what the rendering of a reply begins with.
REASONING = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


class Family(NamedTuple):
    """`before` and `scored`: what DIALOGUE renders to, up to where the loss begins and from there on."""

    template: str
    tokenizer: dict[str, Any]
    before: str
    scored: str

    def make(self) -> Any:
        return tokenizer(self.template, **self.tokenizer)


DIALOGUE = [
    {"role": "user", "content": "I row."},
    {"role": "assistant", "content": "On a lake?"},
    {"role": "user", "content": "On the sea."},
]
REPLY = "Brave!"
CHATML_BEFORE = (
    "<|im_start|>user\nI row.<|im_end|>\n<|im_start|>assistant\nOn a lake?<|im_end|>\n"
    "<|im_start|>user\nOn the sea.<|im_end|>\n<|im_start|>assistant\n"
)
LLAMA3_SPECIALS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
FAMILIES = {
    "Llama-3": Family(
        LLAMA3,
        {"bos_token": "<|begin_of_text|>", "specials": LLAMA3_SPECIALS},
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nI row.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nOn a lake?<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nOn the sea.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "Brave!<|eot_id|>",
    ),
    "Mistral": Family(
        MISTRAL,
        {"bos_token": "<s>", "specials": ("[INST]", "[/INST]", "</s>")},
        "<s>[INST] I row.[/INST] On a lake?</s>[INST] On the sea.[/INST]",
        " Brave!</s>",
    ),
    "Qwen": Family(QWEN, {}, f"<|im_start|>system\nBe helpful.<|im_end|>\n{CHATML_BEFORE}", "Brave!<|im_end|>\n"),
    "OLMo": Family(
        OLMO,
        {"specials": ("<|endoftext|>",), "bos_token": "<|endoftext|>"},
        "<|endoftext|><|user|>\nI row.\n<|assistant|>\nOn a lake?<|endoftext|>\n<|user|>\nOn the sea.\n<|assistant|>\n",
        "Brave!<|endoftext|>",
    ),
    "Gemma": Family(
        GEMMA,
        {"bos_token": "<bos>", "eos_token": "<eos>", "specials": ("<start_of_turn>", "<end_of_turn>")},
        "<bos><start_of_turn>user\nI row.<end_of_turn>\n<start_of_turn>model\nOn a lake?<end_of_turn>\n"
        "<start_of_turn>user\nOn the sea.<end_of_turn>\n<start_of_turn>model\n",
        "Brave!<end_of_turn>\n",
    ),
    "marked": Family(MARKED, {}, CHATML_BEFORE, "Brave!<|im_end|>\n"),
    "thinking": Family(THINKING, {}, CHATML_BEFORE, "<think>\n\n</think>\n\nBrave!<|im_end|>\n"),
    "reasoning": Family(REASONING, {}, CHATML_BEFORE, "Brave!<|im_end|>\n"),
}
