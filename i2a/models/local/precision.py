"""fp32 or bf16: which is faster on this processor, here and now? A measurement of milliseconds decides.

A processor without instructions for bf16 emulates them, up to a hundred times slower than fp32; one that has them
is about twice as fast. Its name does not tell, for libraries can be told to use less than there is.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple

import torch

TRAINING, INFERENCE = 256, 16  # rows of the product that is timed: tokens of a step, and replies of a batch
WIDEST = 512
GAIN = 1.5  # how much faster bf16 must be: it is less exact, and weights have to be converted
REPEATS, SPENT = 5, 0.02  # a product is timed so often, but no longer than so many seconds


class Timing(NamedTuple):
    """Milliseconds that the same matrix product takes in each precision."""

    fp32: float
    bf16: float

    @property
    def bf16_pays(self) -> bool:
        return self.bf16 * GAIN < self.fp32

    def __str__(self) -> str:
        return f"a matrix product takes {self.bf16:.2f} ms in bf16 and {self.fp32:.2f} ms in fp32"


Measure = Callable[[int, int], Timing]


class Precision(NamedTuple):
    """What is computed in, and why, in words. `warning`: what is wrong with what was asked for."""

    bf16: bool
    why: str
    warning: str | None = None

    @property
    def name(self) -> Literal["bf16", "fp32"]:
        return "bf16" if self.bf16 else "fp32"

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.bf16 else torch.float32

    def __str__(self) -> str:
        return f"Computed in {self.name}: {self.why}"


@cache
def measure(rows: int, width: int) -> Timing:
    """Time a product of `rows` x `width` by `width` x `width`, in CPU time of one thread, so that other processes do
    not count. Takes milliseconds; some 0.2 s where bf16 is emulated."""
    width = min(width, WIDEST)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            left, right = torch.rand(rows, width), torch.rand(width, width)
        return Timing(*(_milliseconds(left.to(dtype), right.to(dtype)) for dtype in (torch.float32, torch.bfloat16)))
    finally:
        torch.set_num_threads(threads)


def _milliseconds(left: torch.Tensor, right: torch.Tensor) -> float:
    """Of the fastest of some tries, after one that loads the code for it."""
    torch.mm(left, right)
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < SPENT:
        start = time.thread_time()
        torch.mm(left, right)
        times.append(time.thread_time() - start)
    return 1e3 * min(times)


def on_cpu(
    asked: Literal["auto", "bf16", "fp32"], *, rows: int, width: int, flag: str, timing: Measure = measure
) -> Precision:
    """The precision for a model of this width; `flag` is how a user asks for bf16, for the warning."""
    if asked == "fp32":
        return Precision(False, "as set")
    found = timing(rows, width)
    if asked == "auto" or found.bf16_pays:
        return Precision(found.bf16_pays, str(found))
    return Precision(True, "as set", f"{flag} is slow on this processor: {found}; leave it out")
