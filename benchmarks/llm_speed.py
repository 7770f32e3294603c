"""How long `make demo-llm` takes on this machine: the speed of a model that trains, reads and writes, and the time that
its tokens will need. Weights and tokens are those of the model; nothing is kept.

Run: python benchmarks/llm_speed.py smollm2 [--trained 60000 --read 80000 --written 25000]; half a minute on two cores
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the model sets it, before torch is imported

import torch

from i2a.errors import UsageError
from i2a.models.local.batching import Row
from i2a.models.local.generation import Generator
from i2a.models.local.loading import Source, load

CHAT, REPLY, AT_ONCE = 256, 24, 8  # tokens of a conversation, tokens of a reply, replies that are written together


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("model", help="as `hf:` names it")
    for what, tokens in (("trained", 60_000), ("read", 80_000), ("written", 25_000)):
        parser.add_argument(f"--{what}", type=int, default=tokens, metavar="TOKENS", help=f"tokens {what}")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each of three measurements, at least")
    given = parser.parse_args()
    try:
        model = load(Source(given.model, None, "auto", "auto")).model
    except UsageError as error:
        raise SystemExit(str(error)) from None
    writes = speed(lambda: write(model), AT_ONCE * REPLY, given.seconds)
    reads = speed(lambda: read(model), CHAT, given.seconds)
    trains = speed(lambda: train(model), CHAT, given.seconds)
    place = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    print(
        f"{given.model} on {place}: trains on {trains:,.0f} tokens a second, reads {reads:,.0f}, writes {writes:,.0f}"
    )
    minutes = (given.trained / trains + given.read / reads + given.written / writes) / 60
    print(
        f"{given.trained:,} tokens to train on, {given.read:,} to read and {given.written:,} to write take about "
        f"{minutes:,.0f} minutes here, if nothing else runs. After Ctrl-C the same command goes on where it stopped.",
        flush=True,
    )


def speed(step: Callable[[], None], tokens: int, seconds: float) -> float:
    """Tokens a second, the first step not counted."""
    step()
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        step()
        steps += 1
    return tokens * steps / (time.monotonic() - began)


def write(model: Any) -> None:
    rows = [Row(ids, REPLY, 0.7, 1.0, seed) for seed, ids in enumerate(chats(model, AT_ONCE))]
    generator = Generator(model, [-1], keep=0)
    generator.advance([], rows, lambda: False)


def read(model: Any) -> None:
    with torch.no_grad():
        model(torch.tensor(chats(model, 1), device=model.device), logits_to_keep=1)
    synchronize()


def train(model: Any) -> None:
    """Forward and backward through all weights, with a loss on the last third, which is about what replies are."""
    model.requires_grad_(True)
    ids = torch.tensor(chats(model, 1), device=model.device)
    scored = CHAT // 3
    logits = model(ids, logits_to_keep=scored + 1, use_cache=False).logits[0, :-1]
    torch.nn.functional.cross_entropy(logits.float(), ids[0, -scored:]).backward()
    model.zero_grad()
    synchronize()


def chats(model: Any, count: int) -> list[list[int]]:
    """Tokens at random: their values have no part in the time."""
    words = model.config.get_text_config().vocab_size
    ids: list[list[int]] = torch.randint(words, (count, CHAT), generator=torch.Generator().manual_seed(0)).tolist()
    return ids


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
