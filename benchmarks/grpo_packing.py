"""GRPO on packed trees against its rows alone: tokens and time of an optimizer step.

Random dialogues of T turns with G replies to each message, one of which goes on (utterances of 39 to 75 tokens), and a
random Llama; full weights, clipped loss, no reference, AdamW. Rows are unpadded, one reply with its history each, which
favours them: a padded batch costs more. Both take the same step; the loss is compared. On a CPU: fp32, one thread,
seconds of CPU time, so other work on the machine does not count.

Run: python benchmarks/grpo_packing.py [--turns 10] [--siblings 4] [--rounds 3]; some 3 minutes on one core.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, TrainingArguments

from training.packing.grpo import GRPOLoss, PackedGRPOTrainer, Reply, grpo_features
from training.packing.tree import Feature

WORDS = 2000


def dialogue(turns: int, siblings: int, chance: random.Random) -> list[Reply]:
    def said() -> list[int]:
        return [chance.randrange(WORDS) for _ in range(chance.randint(39, 75))]

    history: list[int] = []
    found = []
    for _ in range(turns):
        prompt = history + said()
        replies = [said() for _ in range(siblings)]
        found += [Reply((prompt + reply, len(prompt)), [-7.6] * len(reply), chance.gauss(0, 1)) for reply in replies]
        history = prompt + chance.choice(replies)
    return found


def step(features: Sequence[Feature], hidden: int, layers: int, *, alone: bool) -> tuple[float, float, int]:
    """Seconds of one optimizer step, its loss, and the tokens that went through the model."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=max(4, hidden // 64),
        vocab_size=WORDS,
        initializer_range=0.05,
    )
    with tempfile.TemporaryDirectory() as folder:
        gpu = torch.cuda.is_available()
        args = TrainingArguments(
            folder,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            max_steps=1,
            use_cpu=not gpu,
            bf16=gpu,
            activation_checkpointing=False,
            dataloader_pin_memory=gpu,
        )
        trainer = PackedGRPOTrainer(
            LlamaForCausalLM(config),
            args,
            loss=GRPOLoss(),
            collect=lambda iteration: features,
            max_tokens=1 if alone else None,
        )
        trainer.remove_callback(PrinterCallback)
        clock = time.perf_counter if gpu else time.process_time
        began = clock()
        trainer.train()
        seconds = clock() - began
    return seconds, trainer.state.log_history[0]["loss"], sum(len(feature["ids"]) for feature in features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--siblings", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    options = parser.parse_args()
    size = options.hidden, options.layers
    torch.set_num_threads(1)
    step(grpo_features(dialogue(1, 2, random.Random(0))), *size, alone=False)  # a warm-up
    times, sizes = [], []
    for number in range(options.rounds):
        replies = dialogue(options.turns, options.siblings, random.Random(number + 1))
        rows, row_loss, row_tokens = step([f for reply in replies for f in grpo_features([reply])], *size, alone=True)
        tree, tree_loss, tree_tokens = step(grpo_features(replies), *size, alone=False)
        assert abs(row_loss - tree_loss) < 1e-4, (row_loss, tree_loss)
        times.append(rows / tree)
        sizes.append(row_tokens / tree_tokens)
        print(f"round {number + 1}: {row_tokens} tokens, {rows:.2f} s by rows; {tree_tokens}, {tree:.2f} s by trees")
    print(
        f"T={options.turns}, G={options.siblings}: {statistics.median(sizes):.1f} times fewer tokens, "
        f"{statistics.median(times):.1f} times less time"
    )


if __name__ == "__main__":
    main()
