"""The benchmark of the audit accounts for every bad message: caught or missed, for so many calls."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    file = Path(__file__).parents[2] / "benchmarks" / "user_gate.py"
    spec = importlib.util.spec_from_file_location("user_gate", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks up its types
    spec.loader.exec_module(module)
    return module


def test_without_an_audit_all_bad_messages_are_missed_and_nothing_is_paid(bench: Any) -> None:
    gate = bench.measure(0.3, 5, "off")
    assert gate.missed == gate.said
    assert gate.said.total() > 5
    assert (gate.caught, gate.marked, gate.false_alarms, gate.extra_calls) == (0, 0, 0, 0.0)


def test_with_an_audit_what_is_caught_is_what_was_asked_for_again_or_marked(bench: Any) -> None:
    gate = bench.measure(0.3, 5, "on")
    assert 0 < gate.caught < gate.said.total()
    assert gate.caught + gate.false_alarms == gate.calls - gate.messages + gate.marked
    assert gate.missed <= gate.said
    assert "repetition" not in gate.missed  # the copies that it makes are word for word
    assert gate.false_alarms == 0


def test_a_good_person_costs_nothing_more(bench: Any) -> None:
    gate = bench.measure(0.0, 3, "on")
    assert (gate.said, gate.calls) == (Counter(), gate.messages)
