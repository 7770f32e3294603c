"""While a tree grows, a bad message is asked for again and then marked; it is counted, shown, and resumed like any."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from i2a.errors import BudgetSpent, ContextOverflow, ServerError
from i2a.models.model import Completion
from i2a.runs.outcome import RunResult, print_result
from i2a.testing import Request, ScriptedModel
from i2a.trees.json import read
from i2a.trees.summary import Summary
from i2a.trees.tree import ASKED_AGAIN, FAULTS, Node
from scenarios.settings import Simulation
from scenarios.simulation import simulate
from tests.fakes import ScriptedClient, mark, plausible

BAD = "I'm here to help you find your next opportunity. How can I assist you today?"


def seldom(request: Request) -> str:
    """A user who talks like an assistant in three of ten messages, and then at times once more."""
    sign = mark(request.text, request.seed)
    if request.role == "user" and int(sign, 16) % 10 < 3:
        return f"{BAD} {sign}"
    return plausible(request)


def grown(out: Path, client: ScriptedClient, **settings: object) -> RunResult:
    config = {"out": out, "conversations": 4, "turns": 5} | settings
    return simulate(Simulation.model_validate(config), clients={"*": client})


def users(out: Path) -> list[Node]:
    return [node for tree in read(out / "trees.jsonl") for node in tree if node.speaker == "user"]


def text(result: RunResult) -> str:
    file = StringIO()
    print_result(result, Console(file=file, width=200))
    return file.getvalue()


def test_most_bad_messages_are_replaced_and_the_rest_marked_counted_and_shown(tmp_path: Path) -> None:
    client = ScriptedClient(seldom)
    result = grown(tmp_path, client, conversations=20)
    said = users(tmp_path)
    again = [node.metadata for node in said if ASKED_AGAIN in node.metadata]
    kept = [node for node in said if FAULTS in node.metadata]
    assert 20 <= len(again) <= 45  # 30 of 100
    assert len(kept) <= 8  # 2.7 of 100
    assert all(node.content.startswith(BAD) for node in kept)
    assert [node for node in said if node.content.startswith(BAD)] == kept
    tries = sum(len(metadata[ASKED_AGAIN]) for metadata in again)
    assert client.calls["user"] == 100 + tries
    assert result.summary.asked_again == {"user: role_reversal": tries}
    assert result.summary.faults.total() == sum(len(node.metadata[FAULTS]) for node in kept)
    assert f"utterances asked for again: {tries} (user: role_reversal)" in text(result)
    assert result.summary.as_json()["asked_again"] == {"user: role_reversal": tries}


def test_a_message_that_stays_bad_is_asked_for_twice_more_and_kept(tmp_path: Path) -> None:
    client = ScriptedClient(lambda request: f"{BAD} {mark(request)}" if request.role == "user" else plausible(request))
    result = grown(tmp_path, client, conversations=1, turns=2)
    assert client.calls["user"] == 6
    first, second = users(tmp_path)
    assert first.metadata == {ASKED_AGAIN: ["role_reversal"] * 2, FAULTS: ["role_reversal"]}
    assert second.metadata[FAULTS] == ["role_reversal", "repetition"]
    assert "utterances kept with a fault, and marked: 2 (user: role_reversal)" in text(result)


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """Which messages are asked for again follows from the messages, so the journal has them all."""
    client = ScriptedClient(seldom)
    grown(tmp_path / "whole", client)
    spent, again = 0, ScriptedClient(seldom)
    while True:
        spent += 700
        result = grown(tmp_path / "cut", again, max_tokens=spent, resume=spent > 700, concurrency=1)
        if not result.stopped:
            break
        assert isinstance(result.stopped, BudgetSpent)
    assert (tmp_path / "cut/trees.jsonl").read_bytes() == (tmp_path / "whole/trees.jsonl").read_bytes()
    assert again.calls.total() == client.calls.total()


@pytest.mark.parametrize(("audit", "expected"), [("on", True), ("off", False), ("auto", True)])
def test_the_audit_can_be_switched(tmp_path: Path, audit: str, expected: bool) -> None:
    grown(tmp_path, ScriptedClient(seldom), audit_user=audit)
    assert any(ASKED_AGAIN in node.metadata for node in users(tmp_path)) is expected


def test_rules_that_play_the_user_are_audited_in_evaluations_only(tmp_path: Path) -> None:
    result = simulate(Simulation(out=tmp_path, conversations=2, turns=3))
    assert not any(node.metadata for tree in read(tmp_path / "trees.jsonl") for node in tree)
    assert "faults" not in result.summary.as_json()


def test_a_corpus_of_the_offline_engine_has_no_false_alarm(tmp_path: Path) -> None:
    """The checks for a prompt's own words are on for everybody: nobody is asked for anything twice."""
    result = simulate(Simulation(out=tmp_path, conversations=20, turns=10))
    assert result.usage.by_role()["user"].calls == 200
    assert {role: used.calls for role, used in result.usage.by_role().items() if role != "judge"} == dict.fromkeys(
        ("user", "inducer", "preferred", "rejected"), 200
    )


def test_an_outage_of_the_judges_server_is_waited_for_and_costs_no_label(tmp_path: Path) -> None:
    faults = [ServerError("HTTP 529: overloaded", down=True)] * 3  # too many for two calls with a retry each

    def judging(request: Request) -> str:
        if faults:
            raise faults.pop()
        return plausible(request)

    config = Simulation(out=tmp_path, conversations=1, turns=1, retries=1)
    result = simulate(config, clients={"*": ScriptedModel(plausible), "judge": ScriptedModel(judging)})
    assert not faults
    assert (result.finished, result.summary.unjudged) == (1, 0)


def test_a_context_that_is_too_small_costs_turns_and_labels_and_no_conversation(tmp_path: Path) -> None:
    def narrow(request: Request) -> str | Completion:
        room = 5200 if request.role == "judge" else 6000
        if len(request.text) > room:
            raise ContextOverflow("too long", context=room // 4, needed=len(request.text) // 4)
        answer = plausible(request)
        return f"{answer} {'and so on and on ' * 30}{mark(answer)}" if "{" not in answer else answer

    result = grown(tmp_path, ScriptedClient(narrow, context=1500), conversations=2, turns=8)
    assert (result.finished, result.failed) == (2, 0)
    trees = list(read(tmp_path / "trees.jsonl"))
    assert all(len(tree.ends[0].path) == 16 for tree in trees)
    assert Summary.of(trees).shortened > 4
    assert "oldest turns were left out" in text(result)
    notes = (tmp_path / "manifest.json").read_text()
    assert "has room for 1,500 tokens a call" in notes
    assert "the oldest turns are left out" in notes
