"""100 cases against an `hf:` candidate: all at once, as a run asks, against one call after another.

A case is a chat of 10 turns; the prompt grows from some 50 tokens to some 700, and replies have 30 to 40. The model is
a Llama of 1.3 million random weights, made here. Both ways use the same model string, see the same messages and seeds,
and remember the beginnings of earlier prompts; `--alone` adds a client that computes every call from nothing.
Run: python benchmarks/hf_batching.py [--cases 100] [--turns 10] [--dtype float32] [--alone]; about two minutes
"""

import argparse
import asyncio
import os
import random
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the model sets it, before torch is imported

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from i2a.models.local import HFModel
from i2a.models.model import Message
from i2a.personas.pool import PersonaPool

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|> {{ message.content }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]


def sentences() -> list[str]:
    """What the users say."""
    return [sentence for text in PersonaPool.read().profiles.values() for sentence in re.split(r"(?<=[.!?])\s+", text)]


def make_model(folder: Path) -> None:
    """A model of 2 layers that is 192 wide, with a token for each of 2,000 words.

    What it says are words at random. They must read back as the tokens they were, as those of a trained model do.
    """
    words = sorted({word for sentence in sentences() for word in sentence.split()})
    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *words][:2000])}
    inner = Tokenizer(models.WordLevel(vocabulary | {"<|other|>": len(vocabulary)}, unk_token="<|other|>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=SPECIAL[0], eos_token=SPECIAL[1])
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL[2:]})
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        initializer_range=0.05,
        tie_word_embeddings=True,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


class Chats:
    """The cases, and what a client answers in them."""

    def __init__(self, cases: int, turns: int) -> None:
        chance, told = random.Random(0), sentences()
        self.prompt_tokens = self.completion_tokens = 0
        self.messages = [[" ".join(chance.sample(told, 2)) for _ in range(turns)] for _ in range(cases)]

    async def chat(self, client: HFModel, case: int) -> list[str]:
        dialogue: list[Message] = []
        for turn, message in enumerate(self.messages[case]):
            dialogue.append(Message("user", message))
            args = {"seed": case * 1000 + turn, "max_tokens": 30 + (case + turn) % 11}
            answer = await client.complete(dialogue, args)
            self.prompt_tokens += answer.prompt_tokens
            self.completion_tokens += answer.completion_tokens
            dialogue.append(Message("assistant", answer.content))
        return [message.content for message in dialogue[1::2]]

    async def all_at_once(self, client: HFModel) -> list[list[str]]:
        return await asyncio.gather(*(self.chat(client, case) for case in range(len(self.messages))))

    async def one_after_another(self, client: HFModel) -> list[list[str]]:
        return [await self.chat(client, case) for case in range(len(self.messages))]


def alike(one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> str:
    """How many of the cases got the same answers throughout, and how many of the first answers are the same."""
    cases = sum(a == b for a, b in zip(one, other, strict=True))
    first = sum(a[0] == b[0] for a, b in zip(one, other, strict=True))
    return f"{cases} of {len(one)} cases the same to the end, {first} in the first answer"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--alone", action="store_true", help="also time max_batch=1")
    args = parser.parse_args()
    chats = Chats(args.cases, args.turns)

    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder))

        def timed(way: str, **params: str) -> tuple[float, float, list[list[str]]]:
            chats.prompt_tokens = chats.completion_tokens = 0
            client = HFModel.from_spec(folder, None, {"dtype": args.dtype, **params})
            cpu, start = time.process_time(), time.perf_counter()
            answers = asyncio.run(getattr(chats, way)(client))
            wall, cpu = time.perf_counter() - start, time.process_time() - cpu
            print(
                f"{way.replace('_', ' '):18} {params or ''!s:20} {wall:7.1f} s, {cpu:7.1f} CPU s; "
                f"{chats.prompt_tokens:,} prompt and {chats.completion_tokens:,} reply tokens"
            )
            return wall, cpu, answers

        print(f"{args.cases} cases of {args.turns} turns, {args.dtype}, {torch.get_num_threads()} threads")
        timed("all_at_once")
        batched, batched_cpu, answers = timed("all_at_once")
        single, single_cpu, others = timed("one_after_another")
        print(f"ratio {single / batched:.1f} ({single_cpu / batched_cpu:.1f} in CPU time); {alike(answers, others)}")
        if args.alone:
            alone, alone_cpu, others = timed("one_after_another", max_batch="1")
            print(f"ratio {alone / batched:.1f} ({alone_cpu / batched_cpu:.1f} in CPU time); {alike(answers, others)}")


if __name__ == "__main__":
    main()
