"""A pool grows the same way whichever answer comes first, and nothing bad gets in."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import BudgetSpent, ServerError, UsageError
from i2a.models.model import Completion, Message, Model
from i2a.personas.growth import GrowthResult, grow_pool
from i2a.personas.settings import Growth
from i2a.simulator.client import OfflineModel

pytest.importorskip("sklearn", reason="needs the extra `personas`")


class Writer(Model):
    """Answers with what `write` says of a call's number; `dawdle` lets later calls overtake earlier ones."""

    def __init__(self, write: Callable[[int], str], *, dawdle: bool = False) -> None:
        self.calls, self._write, self._dawdle = 0, write, dawdle

    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        number, self.calls = self.calls, self.calls + 1
        text = self._write(number)
        if self._dawdle:
            await asyncio.sleep(random.Random(number).random() / 100)
        return Completion(text, "stop", 100, 100)


class SlowOffline(OfflineModel):
    """The offline writer, with answers that come in any order."""

    calls = 0

    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        type(self).calls += 1
        await asyncio.sleep(random.Random(parameters["seed"]).random() / 100)
        return await super().complete(messages, parameters)


def grow(out: Path, client: Model | None = None, **settings: Any) -> GrowthResult:
    config = Growth(out=out, **{"kind": "profile", "target": 60, "encoder": "tfidf", "retries": 0} | settings)
    return grow_pool(config, clients={} if client is None else {config.model: client})


def texts(pool: Path) -> list[str]:
    return [json.loads(line)["profile"] for line in pool.read_text("utf-8").splitlines()]


def test_it_reaches_the_target_and_says_so(tmp_path: Path) -> None:
    grown = grow(tmp_path / "pool.jsonl")
    assert (grown.why, grown.size, grown.seeds) == ("target", 60, 20)
    assert len(set(texts(tmp_path / "pool.jsonl"))) == 60


def test_whichever_answer_comes_first_the_pool_is_the_same(tmp_path: Path) -> None:
    grow(tmp_path / "in-order.jsonl", concurrency=4)
    grow(tmp_path / "overtaken.jsonl", SlowOffline(), concurrency=4)
    assert texts(tmp_path / "in-order.jsonl") == texts(tmp_path / "overtaken.jsonl")
    grow(tmp_path / "other.jsonl", concurrency=4, seed=9)
    assert texts(tmp_path / "other.jsonl")[20:] != texts(tmp_path / "in-order.jsonl")[20:]


def test_stopped_and_resumed_it_is_the_pool_of_one_go_and_pays_nothing_twice(tmp_path: Path) -> None:
    grow(tmp_path / "whole.jsonl", target=200, concurrency=2, model="offline")
    SlowOffline.calls = 0
    part = tmp_path / "part.jsonl"
    stopped = grow(part, SlowOffline(), target=200, concurrency=2, max_tokens=9000)
    assert isinstance(stopped.why, BudgetSpent)
    assert texts(part) == texts(tmp_path / "whole.jsonl")[: stopped.size]
    resumed = grow(part, SlowOffline(), target=200, concurrency=2, resume=True)
    assert resumed.why == "target"
    assert part.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert resumed.run is not None
    assert sum(count.calls for count in resumed.run.usage.usage.values()) == SlowOffline.calls


def test_a_larger_target_goes_on_from_a_smaller_one(tmp_path: Path) -> None:
    grow(tmp_path / "grown.jsonl", target=40)
    grow(tmp_path / "grown.jsonl", target=90, resume=True)
    grow(tmp_path / "at-once.jsonl", target=90)
    assert texts(tmp_path / "grown.jsonl") == texts(tmp_path / "at-once.jsonl")


SEED = texts(Path(__file__).parents[3] / "i2a/personas/seeds/profiles.jsonl")[0]
BAD = [
    "",
    "I'm sorry, but I can't help with inventing people.",
    "Writing personas is a delicate matter. One should consider many things before one begins, and so should we.",
    f"1. {SEED}\n2. {SEED}",
    "x" * 5_000_000,
    "1. She is [Name], a [job] in [city].\n2. TODO",
    "1. She is kind.",
    "\x00\x01\x02" * 1000,
]


def test_without_its_seeds_a_pool_holds_and_counts_what_is_new(tmp_path: Path) -> None:
    grow(tmp_path / "first.jsonl", target=40)
    rest = grow(tmp_path / "rest.jsonl", target=30, seed=1, seeds=tmp_path / "first.jsonl", without_seeds=True)
    both = grow(tmp_path / "both.jsonl", target=70, seed=1, seeds=tmp_path / "first.jsonl")
    assert (rest.size, rest.seeds) == (30, 0)
    assert texts(tmp_path / "first.jsonl") + texts(tmp_path / "rest.jsonl") == texts(tmp_path / "both.jsonl")
    assert (both.size, both.seeds) == (70, 40)


def test_nothing_bad_gets_in_and_every_rejection_is_counted(tmp_path: Path) -> None:
    writer = Writer(lambda number: BAD[number % len(BAD)])
    grown = grow(tmp_path / "pool.jsonl", writer, concurrency=len(BAD), window=100)
    assert grown.why == "saturation"
    assert texts(tmp_path / "pool.jsonl") == texts(Path(__file__).parents[3] / "i2a/personas/seeds/profiles.jsonl")
    assert grown.rejections["duplicate"] >= 2
    assert grown.rejections["no item in the answer"] >= 1
    assert len(grown.rejections) >= 4
    assert all(count > 0 for count in grown.rejections.values())


def test_a_near_copy_is_too_similar(tmp_path: Path) -> None:
    copy = SEED.replace("fishes for pike", "fishes for perch").replace("every second weekend", "every weekend")
    grown = grow(tmp_path / "pool.jsonl", Writer(lambda number: f"1. {copy}"), window=10)
    assert grown.rejections["too similar"] == 1
    assert grown.rejections["duplicate"] >= 1
    assert grown.size == 20


def test_a_model_that_never_answers_stops_it_with_its_own_reason(tmp_path: Path) -> None:
    def fail(number: int) -> str:
        raise ServerError("the server is down")

    grown = grow(tmp_path / "pool.jsonl", Writer(fail))
    assert isinstance(grown.why, ServerError)


def test_a_call_that_fails_now_and_then_is_counted_and_passed_over(tmp_path: Path) -> None:
    offline = OfflineModel()

    class Shaky(Writer):
        async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
            self.calls += 1
            if self.calls % 3 == 0:
                raise ServerError("busy")
            return await offline.complete(messages, parameters)

    grown = grow(tmp_path / "pool.jsonl", Shaky(str), concurrency=4)
    assert grown.why == "target"
    assert grown.rejections == Counter({"call failed: ServerError": grown.rejections["call failed: ServerError"]})


def test_a_collection_of_somebody_else_is_sifted(tmp_path: Path) -> None:
    grow(tmp_path / "written.jsonl", target=80)
    written = texts(tmp_path / "written.jsonl")[20:]
    collection = tmp_path / "people.txt"
    collection.write_text("\n".join([*written, *written, "A musician interested in audio processing."]), "utf-8")
    grown = grow(tmp_path / "new" / "sifted.jsonl", candidates=collection, target=1000)
    assert grown.why == "end of the collection"
    assert texts(tmp_path / "new" / "sifted.jsonl")[20:] == written
    assert grown.rejections["duplicate"] == 60
    assert grown.rejections.total() == 61
    assert grow(tmp_path / "any-form.jsonl", candidates=collection, target=1000, checked=False).size == 81
    with pytest.raises(UsageError, match="is there already"):
        grow(tmp_path / "new" / "sifted.jsonl", candidates=collection, target=1000)
