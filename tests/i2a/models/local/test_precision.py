"""What is computed in follows from what a matrix product takes, and from nothing else."""

from functools import partial

import torch

from i2a.models.local.precision import Timing, measure, on_cpu

NATIVE, EMULATED = Timing(fp32=1.3, bf16=0.6), Timing(fp32=1.5, bf16=104.0)


def test_bf16_is_chosen_where_it_is_clearly_faster() -> None:
    for found, faster in ((NATIVE, True), (EMULATED, False), (Timing(1.0, 0.9), False), (Timing(1.0, 1.0), False)):
        chosen = on_cpu("auto", rows=256, width=192, flag="", timing=partial(lambda found, *_: found, found))
        assert (chosen.bf16, chosen.warning) == (faster, None)
        assert chosen.dtype == (torch.bfloat16 if faster else torch.float32)
    assert str(on_cpu("auto", rows=1, width=1, flag="", timing=lambda *_: EMULATED)) == (
        "Computed in fp32: a matrix product takes 104.00 ms in bf16 and 1.50 ms in fp32"
    )


def test_what_is_asked_for_is_done_and_warned_about_where_it_is_slow() -> None:
    slow = on_cpu("bf16", rows=256, width=192, flag="--dtype bf16", timing=lambda *_: EMULATED)
    assert slow.bf16
    assert slow.warning is not None
    assert slow.warning.startswith("--dtype bf16 is slow on this processor: a matrix product takes")
    assert on_cpu("bf16", rows=256, width=192, flag="--dtype bf16", timing=lambda *_: NATIVE).warning is None


def test_fp32_is_taken_without_measuring() -> None:
    def never(rows: int, width: int) -> Timing:
        raise AssertionError

    assert not on_cpu("fp32", rows=256, width=192, flag="", timing=never).bf16


def test_the_measurement_takes_little_and_leaves_nothing_behind() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    found = measure.__wrapped__(64, 100_000)
    assert found.fp32 > 0
    assert found.bf16 > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
