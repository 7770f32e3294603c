"""On a sample of the benchmark's cases, partners that understand nothing stay at the floor, and spoilt replies fall.

`benchmarks/judge_attacks.py` prints the table for any number of cases.
"""

import importlib.util
import random
import statistics
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evaluation.cases import crossed
from i2a.simulator.parts.controls import CONTROLS, answering

CASES, TURNS = 20, 10


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    file = Path(__file__).parents[4] / "benchmarks" / "judge_attacks.py"
    spec = importlib.util.spec_from_file_location("judge_attacks", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def talks(bench: Any) -> dict[str, list[Any]]:
    cases = crossed(None, None, CASES, 0).all
    partners = {"oracle": answering, **CONTROLS}
    return {
        name: [turn for case in cases for turn in bench.talk(case, partner, TURNS, told=name == "oracle")]
        for name, partner in partners.items()
    }


@pytest.fixture(scope="module")
def average(talks: dict[str, list[Any]]) -> dict[str, float]:
    return {name: statistics.mean(turn.grade for turn in turns) for name, turns in talks.items()}


@pytest.mark.parametrize("name", ["parrot", "facts", "salad", "manner", "babble"])
def test_who_understands_nothing_stays_at_the_floor(average: dict[str, float], name: str) -> None:
    assert average[name] <= average["generic"] + 0.1


def test_the_floor_the_ceiling_and_what_lies_between(average: dict[str, float]) -> None:
    assert 1.8 <= average["generic"] <= 2.4
    assert average["oracle"] >= 3.75
    assert average["retrieval"] < (average["generic"] + average["oracle"]) / 2


def test_babble_hardly_passes_and_hardly_wins(bench: Any, talks: dict[str, list[Any]]) -> None:
    babble = talks["babble"]
    assert statistics.mean(map(bench.passes, babble)) <= 0.02
    others = [CONTROLS["generic"](turn.dialogue, "", turn.seed + 1) for turn in babble]
    wins = [bench.both_orders(turn, other) for turn, other in zip(babble, others, strict=True)]
    assert statistics.mean(wins) <= 0.1


def test_spoilt_replies_fall(bench: Any, talks: dict[str, list[Any]]) -> None:
    best = [turn for turn in talks["oracle"] if turn.grade == 5]
    assert len(best) > 30
    for name, spoil in bench.SPOILT.items():
        chance = random.Random(1)
        spoilt = [(turn, spoil(turn.reply, chance)) for turn in best]
        grades = [bench.graded(turn, text) for turn, text in spoilt if text != turn.reply]
        assert statistics.mean(grades) <= 3.5, name
