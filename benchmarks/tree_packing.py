"""DPO on packed trees against TRL's DPOTrainer on the same rows: time and peak memory of an optimizer step.

Random conversations (utterances of 39 to 75 tokens, one of two replies continued) and a random Llama; full fine-tuning,
reference beside, AdamW. A round is one step of 20 pairs, on fresh data; every variant takes its turn in it, each in a
process of its own, after a warm-up. On a CPU: fp32, one thread, seconds of CPU time, so other work on the machine does
not count, and TRL is made to score completions only, as it does on GPUs (its CPU path scores every position). On a GPU:
bf16, trees with flex attention and with a dense mask, seconds of wall-clock time after a step on the same data.

Run: python benchmarks/tree_packing.py [--turns 5 10 20] [--rounds 3] [--png FILE]; some 15 minutes on one core. A step
that fills a GPU: --pairs 200 --batch 20 --hidden 576 --layers 30 --vocabulary 49152, the size of SmolLM2-135M.
"""

import argparse
import multiprocessing
import random
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
import trl.trainer.utils
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainingArguments
from trl import DPOConfig, DPOTrainer

from training.packing.dpo import DPOLoss, PackedDPOTrainer
from training.packing.tree import pack

VARIANTS = {
    "rows": "TRL, some pairs a batch",
    "single": "TRL, 1 pair a batch (unpadded)",
    "dense": "packed trees, dense mask",
    "tree": "packed trees",
}
TARGETS = {"rows": {5: 4.0, 10: 7.0, 20: 13.0}, "single": {10: 4.0}}
TEMPLATE = (
    "{% for m in messages %}<|im_start|> {{ m.role }} {{ m.content }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)
Example = dict[str, list[dict[str, str]]]


@dataclass(frozen=True)
class Size:
    hidden: int
    layers: int
    vocabulary: int
    pairs: int
    batch: int

    def model(self) -> Any:
        torch.manual_seed(0)
        config = LlamaConfig(
            hidden_size=self.hidden,
            intermediate_size=4 * self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=max(4, self.hidden // 64),
            vocab_size=self.vocabulary,
            initializer_range=0.05,
            pad_token_id=0,
        )
        return LlamaForCausalLM(config)

    def reference(self) -> Any:
        """Another model, so that the loss is not that of chance."""
        model = self.model()
        for weight in model.parameters():
            weight.data += 0.002 * torch.randn_like(weight)
        return model

    def tokenizer(self) -> Any:
        """One token a word."""
        words = ["<|pad|>", "<|im_start|>", "<|im_end|>", "user", "assistant"]
        words += [f"w{number}" for number in range(self.vocabulary - len(words))]
        inner = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<|pad|>"))
        inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        made = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<|pad|>", eos_token="<|im_end|>")
        made.chat_template = TEMPLATE
        return made


@dataclass(frozen=True)
class Cost:
    seconds: float
    peak: int  # bytes above what was in use before the step
    tokens: int  # that went through the model, padding included
    loss: float


def conversation(turns: int, size: Size, chance: random.Random) -> list[Example]:
    def said(role: str) -> dict[str, str]:
        words = (f"w{chance.randrange(size.vocabulary - 5)}" for _ in range(chance.randint(36, 72)))
        return {"role": role, "content": " ".join(words)}

    history: list[dict[str, str]] = []
    examples = []
    for _ in range(turns):
        prompt = [*history, said("user")]
        chosen, rejected = said("assistant"), said("assistant")
        examples.append({"prompt": prompt, "chosen": [chosen], "rejected": [rejected]})
        history = [*prompt, chance.choice([chosen, rejected])]
    return examples


def trainer(variant: str, turns: int, size: Size, conversations: Sequence[Sequence[Example]], folder: str) -> Any:
    """Ready to take one step over the conversations."""
    gpu = torch.cuda.is_available()
    args: dict[str, Any] = {"output_dir": folder, "report_to": "none", "save_strategy": "no", "logging_steps": 1}
    args |= {"use_cpu": not gpu, "bf16": gpu, "disable_tqdm": True, "max_steps": 1, "activation_checkpointing": False}
    args |= {"dataloader_pin_memory": gpu, "learning_rate": 1e-5}
    pairs = sum(map(len, conversations))
    batch = min(size.batch, pairs) if variant == "rows" else 1
    rows = DPOTrainer(
        size.model(),
        ref_model=size.reference(),
        args=DPOConfig(
            **args,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=pairs // batch,
            beta=0.9,
            max_length=None,
        ),
        train_dataset=datasets.Dataset.from_list([example for examples in conversations for example in examples]),
        processing_class=size.tokenizer(),
    )
    if variant in ("rows", "single"):
        return rows
    tokenised = iter(rows.train_dataset)
    trees = [tree.feature() for _ in conversations for tree in pack([_pair(next(tokenised)) for _ in range(turns)])]
    model, reference = size.model(), size.reference()
    if gpu and variant == "tree":
        model.set_attn_implementation("flex_attention")
        reference.set_attn_implementation("flex_attention")
    packed = TrainingArguments(**args, per_device_train_batch_size=len(trees))
    return PackedDPOTrainer(model, packed, train_dataset=trees, ref_model=reference, loss=DPOLoss(beta=0.9))


def _pair(example: Any) -> Any:
    prompt = example["prompt_ids"]
    return (prompt + example["chosen_ids"], len(prompt)), (prompt + example["rejected_ids"], len(prompt))


def step(variant: str, turns: int, size: Size, seed: int) -> Cost:
    """A warm-up, then one optimizer step."""
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    trl.trainer.utils._use_triton = lambda device: True  # of TRL's fused head: score completions only
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        examples = [conversation(turns, size, chance) for _ in range(max(1, size.pairs // turns))]
        if torch.cuda.is_available():  # kernels are compiled and chosen for sizes
            trainer(variant, turns, size, examples, folder).train()
        else:
            trainer(variant, 1, size, [conversation(1, size, chance)], folder).train()
        measured = trainer(variant, turns, size, examples, folder)
        if variant in ("dense", "tree"):
            tokens = sum(len(feature["ids"]) for feature in measured.train_dataset)
        else:
            tokens = sum(batch["input_ids"].numel() for batch in measured.get_train_dataloader())
        seconds, peak = _measure(measured.train)
    return Cost(seconds, peak, tokens, measured.state.log_history[0]["loss"])


def _measure(work: Any) -> tuple[float, int]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before, start = torch.cuda.memory_allocated(), time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start, torch.cuda.max_memory_allocated() - before
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins anew
    before, start = _memory("VmRSS"), time.process_time()
    work()
    return time.process_time() - start, _memory("VmHWM") - before


def _memory(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found
    return 1024 * int(found[1])


def measure(turns: int, size: Size, rounds: int) -> dict[str, list[Cost]]:
    left_out = "single" if torch.cuda.is_available() else "dense"  # one pair leaves a GPU idle; a CPU has no flex
    costs: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS if variant != left_out}
    for seed in range(rounds):
        for variant, measured in costs.items():
            with multiprocessing.get_context("spawn").Pool(1) as apart:
                measured.append(apart.apply(step, (variant, turns, size, seed)))
    return costs


def report(turns: int, costs: dict[str, list[Cost]]) -> dict[str, float]:
    """Prints one line a variant; how many times faster than each the trees are: the median over rounds."""
    ratios = {}
    for variant, measured in costs.items():
        each = [cost.seconds / tree.seconds for cost, tree in zip(measured, costs["tree"], strict=True)]
        ratios[variant] = statistics.median(each)
        target = TARGETS.get(variant, {}).get(turns)
        says = "" if target is None else f"  target {target:.0f}x {'met' if ratios[variant] >= target else 'MISSED'}"
        print(
            f"{turns:3} turns  {VARIANTS[variant]:32}{statistics.median(cost.seconds for cost in measured):8.2f} s"
            f"{statistics.median(cost.peak for cost in measured) / 2**20:8.0f} MiB"
            f"{statistics.median(cost.tokens for cost in measured):9.0f} tokens"
            f"{ratios[variant]:7.1f}x ({min(each):.1f} to {max(each):.1f}){says}",
            flush=True,
        )
    apart = max(
        abs(cost.loss - tree.loss)
        for variant in costs
        for cost, tree in zip(costs[variant], costs["tree"], strict=True)
    )
    print(f"           losses differ by {apart:.1e} at most", flush=True)
    return ratios


def draw(ratios: dict[int, dict[str, float]], file: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for shift, variant in ((-0.2, "rows"), (0.2, "dense" if torch.cuda.is_available() else "single")):
        places = [at + shift for at in range(len(ratios))]
        bars = axes.bar(places, [ratio[variant] for ratio in ratios.values()], 0.38, label=f"than {VARIANTS[variant]}")
        axes.bar_label(bars, fmt="%.1fx")
    axes.set_xticks(range(len(ratios)), [f"{turns} turns" for turns in ratios])
    axes.set_ylabel("times faster")
    axes.set_title("DPO on packed trees")
    axes.legend()
    figure.savefig(file, dpi=150)
    print(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, nargs="+", default=[5, 10, 20])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=20, help="of an optimizer step")
    parser.add_argument("--batch", type=int, default=5, help="pairs of a batch of TRL's")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--png", type=Path, default=Path("tree_packing.png"))
    args = parser.parse_args()
    size = Size(args.hidden, args.layers, args.vocabulary, args.pairs, args.batch)
    ratios = {turns: report(turns, measure(turns, size, args.rounds)) for turns in args.turns}
    draw(ratios, args.png)


if __name__ == "__main__":
    main()
