"""Conversations, TRL's trainer on their rows, and what two trainings have made of the same model."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from trl import DPOConfig, DPOTrainer

from tests.tiny import model, tokenizer
from training.packing.tree import Row, pack

Pair = tuple[list[dict[str, str]], str, str]  # prompt, chosen, rejected

# The last reply is rendered unlike earlier ones, as models that think do it.
REWRITES = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if loop.last and message.role == 'assistant' %}<think></think>{% endif %}"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def conversation(turns: int, seed: int, *, bushy: bool = False) -> list[Pair]:
    """`turns` pairs along one path, the picked reply by chance; if `bushy`, every reply is continued."""
    chance = random.Random(seed)

    def words() -> str:
        return "".join(chance.choice("abcdefgh ") for _ in range(chance.randint(2, 7)))

    def grow(history: list[dict[str, str]], left: int) -> list[Pair]:
        prompt = [*history, {"role": "user", "content": words()}]
        replies = words() + "x", words() + "y"
        below: list[Pair] = []
        for reply in replies if bushy else [chance.choice(replies)]:
            if left > 1:
                below += grow([*prompt, {"role": "assistant", "content": reply}], left - 1)
        return [(prompt, *replies), *below]

    return grow([], turns)


def rows(conversations: Sequence[Sequence[Pair]]) -> datasets.Dataset:
    """TRL's conversational preference format."""
    return datasets.Dataset.from_list(
        [
            {"prompt": prompt, "chosen": [_said(chosen)], "rejected": [_said(rejected)]}
            for pairs in conversations
            for prompt, chosen, rejected in pairs
        ]
    )


def _said(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def groups(trainer: Any, conversations: Sequence[Sequence[Pair]]) -> list[list[tuple[Row, Row]]]:
    """The rows as TRL has tokenised them, by conversation."""
    tokenised = iter(trainer.train_dataset)
    return [[_tokens(next(tokenised)) for _ in pairs] for pairs in conversations]


def _tokens(example: Any) -> tuple[Row, Row]:
    start = len(example["prompt_ids"])
    return (example["prompt_ids"] + example["chosen_ids"], start), (
        example["prompt_ids"] + example["rejected_ids"],
        start,
    )


def trees(trainer: Any, conversations: Sequence[Sequence[Pair]]) -> list[dict[str, Any]]:
    return [tree.feature() for pairs in groups(trainer, conversations) for tree in pack(pairs)]


def arguments(folder: Path, **changed: Any) -> dict[str, Any]:
    """Of a short training on the CPU, in the order of the data."""
    return {
        "output_dir": str(folder),
        "use_cpu": True,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "train_sampling_strategy": "sequential",
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "activation_checkpointing": False,
        "num_train_epochs": 1,
        "bf16": False,
        "fp16": False,
        "dataloader_pin_memory": False,
        "weight_decay": 0.01,
    } | changed


# Steps that go down the gradient as it is, for models in fp64: what is left of a difference is rounding. After Adam
# weights say little: where a gradient is next to nothing, its rounding error decides on the sign of a whole step.
PLAIN: dict[str, Any] = {"optim": "sgd", "learning_rate": 0.01, "weight_decay": 0.0, "max_grad_norm": 0.0}

# Norms, some softmaxes and the numbers of the log are fp32 even then.
FP32 = torch.finfo(torch.float32).eps


def trl_dpo(model: Any, tokenizer: Any, conversations: Sequence[Sequence[Pair]], folder: Path, **changed: Any) -> Any:
    ref_model = changed.pop("ref_model", None)
    args = DPOConfig(**arguments(folder, max_length=None, **changed))
    return DPOTrainer(
        model, ref_model=ref_model, args=args, train_dataset=rows(conversations), processing_class=tokenizer
    )


def losses(trainer: Any, name: str = "loss") -> list[float]:
    return [line[name] for line in trainer.state.log_history if "loss" in line]


def divergence(one: Any, other: Any, start: dict[str, torch.Tensor]) -> float:
    """How far apart two models have been trained, in units of what the training changed."""
    theirs = dict(other.named_parameters())
    apart = update = 0.0
    with torch.no_grad():
        for name, weight in one.named_parameters():
            if weight.requires_grad:
                apart += float((weight - theirs[name]).double().square().sum())
                update += float((weight - start[name]).double().square().sum())
    assert update > 0, "nothing was learnt"
    return float((apart / update) ** 0.5)


# Models in which attention matters, and rows of token ids without words.

SLIDING = {"sliding_window": 12}
MIXED = {"use_sliding_window": True, "sliding_window": 12, "layer_types": ["full_attention", "sliding_attention"]}
ARCHITECTURES = [("Llama", {}), ("Qwen2", {}), ("Qwen2", MIXED), ("Mistral", SLIDING), ("Gemma", {})]
WORDS = tokenizer()


def tiny(family: str = "Llama", **config: Any) -> Any:
    """Weights large enough that attention matters."""
    return model(WORDS, family=family, initializer_range=0.2, **config)


def grown(turns: int, seed: int = 0, *, bushy: bool = False) -> list[tuple[Row, Row]]:
    chance = random.Random(seed)

    def said() -> list[int]:
        return [chance.randrange(250) for _ in range(chance.randint(2, 8))]

    def grow(history: list[int], left: int) -> list[tuple[Row, Row]]:
        prompt = history + said()
        replies = prompt + said(), prompt + said()
        pairs: list[tuple[Row, Row]] = [((replies[0], len(prompt)), (replies[1], len(prompt)))]
        for reply in (replies if bushy else [chance.choice(replies)]) if left > 1 else []:
            pairs += grow(reply, left - 1)
        return pairs

    return grow(said(), turns)
