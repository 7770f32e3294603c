"""A run with `--batch judge`: the conversations go on, the labels come later, at half the price, and none twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evaluation.benchmark import evaluate_async
from evaluation.settings import Evaluation
from i2a import estimate
from i2a.errors import UsageError
from i2a.personas.growth import grow_pool_async
from i2a.personas.settings import Growth
from i2a.runs.run_folder import RunFolder
from scenarios.settings import Simulation
from scenarios.simulation import simulate, simulate_async
from tests.fake_batches import Provider, providing

TURNS, CONVERSATIONS = 2, 5
JUDGED = 2 * TURNS * CONVERSATIONS


def settings(provider: Provider, out: Path, **given: Any) -> Simulation:
    judge = f"openai:judge@{provider.url}"
    values: dict[str, Any] = {
        "out": out,
        "conversations": CONVERSATIONS,
        "turns": TURNS,
        "role_model": {"judge": judge},
        "batched": ["judge"],
        "batch_wait": 0.1,
        "batch_poll": 0.02,
        "price": [f"{judge}=2/8"],
        "concurrency": 2,
    }
    return Simulation(**values | given)


@asynccontextmanager
async def interrupted(config: Simulation, provider: Provider) -> AsyncIterator[None]:
    """The run, cancelled once its batch is out."""
    run = asyncio.create_task(simulate_async(config))
    await provider.started.wait()
    await asyncio.sleep(0.1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    yield


async def test_the_labels_are_those_of_a_run_that_waits_for_each_verdict(tmp_path: Path) -> None:
    async with providing() as provider:
        batched = await simulate_async(settings(provider, tmp_path / "batched"))
        assert (len(provider.batches), len(provider.chats)) == (1, 0)  # two places, but five conversations are begun
        live = await simulate_async(settings(provider, tmp_path / "live", batched=[]))
    assert len(provider.chats) == JUDGED
    trees = [(tmp_path / name / "trees.jsonl").read_bytes() for name in ("batched", "live")]
    assert trees[0] == trees[1]
    assert batched.summary.labelled == live.summary.labelled > 0
    whole = live.usage.cost("judge")
    assert whole
    assert batched.usage.cost("judge") == pytest.approx(whole / 2)


async def test_a_run_that_was_killed_waits_for_the_same_batch(tmp_path: Path) -> None:
    async with providing() as provider:
        provider.looks = 10**6
        config = settings(provider, tmp_path / "run")
        async with interrupted(config, provider):
            assert not RunFolder(config.out).finished()
        provider.looks = 1
        result = await simulate_async(config.model_copy(update={"resume": True}))
        assert result.complete
        assert len(provider.batches) == 1
    assert len(provider.paid) == JUDGED
    assert set(provider.paid.values()) == {1}
    assert result.usage.by_role()["judge"].calls == JUDGED


async def test_a_batch_is_waited_for_in_the_next_session_too(tmp_path: Path) -> None:
    """Answers that came back, and were not all used when the process ended, are fetched again and not paid again."""
    async with providing() as provider:
        config = settings(provider, tmp_path / "run")
        first = await simulate_async(config)
        kept = (tmp_path / "run/trees.jsonl").read_bytes()
        (tmp_path / "run/journal.sqlite").unlink()
        (tmp_path / "run/trees.jsonl").unlink()
        again = await simulate_async(config.model_copy(update={"resume": True}))
        assert len(provider.batches) == 1
    assert (tmp_path / "run/trees.jsonl").read_bytes() == kept
    assert again.usage.cost("judge") == first.usage.cost("judge")


async def test_what_was_batched_is_still_known_without_the_flag(tmp_path: Path) -> None:
    async with providing() as provider:
        config = settings(provider, tmp_path / "run")
        first = await simulate_async(config)
        again = await simulate_async(config.model_copy(update={"resume": True, "batched": []}))
    assert again.usage.cost() == first.usage.cost() is not None


async def test_a_dry_run_counts_half_the_price(tmp_path: Path) -> None:
    async with providing() as provider:
        config = settings(provider, tmp_path / "run")
        whole = await asyncio.to_thread(estimate, settings(provider, tmp_path / "x", batched=[]))
        found = await asyncio.to_thread(estimate, config)
        run = await simulate_async(config)
    assert found.cost is not None
    assert whole.cost is not None
    assert found.cost.estimate == pytest.approx(whole.cost.estimate / 2)
    spent = run.usage.cost()
    assert spent is not None
    assert found.cost.low < spent < found.cost.high


def test_a_model_without_batches_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="offline has no batches that i2a knows: leave out --batch judge"):
        simulate(Simulation(out=tmp_path / "run", conversations=1, turns=1, batched=["judge"]))
    with pytest.raises(UsageError, match="there is no role 'jugde' here; the roles: user, inducer"):
        simulate(Simulation(out=tmp_path / "run", conversations=1, turns=1, batched=["jugde"]))
    assert not (tmp_path / "run").exists()


async def test_a_replay_and_a_second_opinion_go_through_batches(tmp_path: Path) -> None:
    async with providing() as provider:
        model = f"openai:some@{provider.url}"
        how: dict[str, Any] = {"batch_wait": 0.1, "batch_poll": 0.02, "quiet": True}
        await simulate_async(Simulation(out=tmp_path / "corpus", conversations=2, turns=2))
        first = Evaluation(
            out=tmp_path / "first", replay=tmp_path / "corpus", candidates=[f"it={model}"], batched=["candidate"], **how
        )
        replayed = await evaluate_async(first)
        assert len(provider.paid) == replayed.run.usage.by_role()["candidate"].calls == 2 * 2
        second = Evaluation(
            out=tmp_path / "second", rejudge=tmp_path / "first", judge=[model], batched=["judge"], **how
        )
        rejudged = await evaluate_async(second)
        assert rejudged.summary is not None
        assert len(provider.paid) == 2 * 2 + 2 * 2
        assert len(provider.batches) == 2
        assert not provider.chats


async def test_a_pool_of_personas_grows_through_batches(tmp_path: Path) -> None:
    async with providing() as provider:
        config = Growth(
            kind="profile",
            out=tmp_path / "pool.jsonl",
            model=f"openai:some@{provider.url}",
            target=40,
            concurrency=2,
            encoder="tfidf",
            check=False,
            batched=["writer"],
            batch_wait=0.1,
            batch_poll=0.02,
        )
        grown = await grow_pool_async(config)
    assert grown.size == 40
    assert len(provider.paid) == 2 * len(provider.batches) > 0
    assert not provider.chats
