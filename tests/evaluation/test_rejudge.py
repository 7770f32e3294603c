"""A second opinion on stored dialogues: no candidate is asked, and nothing of the first is lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.benchmark import EvalResult
from evaluation.settings import Evaluation
from i2a.errors import BadRequest, UsageError
from i2a.testing import Request
from scenarios.settings import Simulation
from scenarios.simulation import simulate
from tests.evaluation.parts import LLM, client, evaluation_by, plausible, who
from tests.fakes import ScriptedClient, mark


def evaluated(out: Path, *, model: ScriptedClient | None = None, **given: Any) -> EvalResult:
    settings = {
        "candidates": ["offline", "offline:oracle", "shuffled:offline"],
        "cases": 3,
        "turns": 2,
        "quiet": True,
    }
    return evaluation_by(model or client(), Evaluation(out=out, **settings | given))


def rejudged(out: Path, run: Path, *judges: str, model: ScriptedClient | None = None, **given: Any) -> EvalResult:
    config = Evaluation(out=out, rejudge=run, judge=list(judges), quiet=True, **given)
    return evaluation_by(model or client(), config)


def test_the_same_judge_gives_the_same_scores_again(tmp_path: Path) -> None:
    first = evaluated(tmp_path / "a")
    again = rejudged(tmp_path / "b", tmp_path / "a", "offline")
    assert (tmp_path / "b/scores.jsonl").read_bytes() == (tmp_path / "a/scores.jsonl").read_bytes()
    assert again.written["candidates"] == first.written["candidates"]
    assert again.written["audit"] == first.written["audit"]


def test_another_judge_comes_first_and_the_ratings_of_the_first_stay(tmp_path: Path) -> None:
    first, model = evaluated(tmp_path / "a"), client()
    before = (tmp_path / "a/trees.jsonl").read_bytes()
    result = rejudged(tmp_path / "b", tmp_path / "a", LLM, model=model)
    assert {who(request) for request in model.requests} == {"judge"}
    assert len(model.requests) == 18
    assert list(result.written["judges"]) == [LLM, "offline"]
    assert result.written["judge"] == LLM
    assert result.written["other_judges"]["offline"]["candidates"] == first.written["candidates"]
    assert result.written["agreement"]["pairs"][0]["replies"] == 18
    assert (tmp_path / "a/trees.jsonl").read_bytes() == before


def test_a_judge_is_asked_as_it_would_have_been_in_the_first_place(tmp_path: Path) -> None:
    evaluated(tmp_path / "offline")
    direct = evaluated(tmp_path / "direct", judge=[LLM])
    later = rejudged(tmp_path / "later", tmp_path / "offline", LLM)
    assert later.written["candidates"] == direct.written["candidates"]


def test_under_another_protocol_the_old_ratings_are_left_behind(tmp_path: Path) -> None:
    evaluated(tmp_path / "a")
    result = rejudged(tmp_path / "b", tmp_path / "a", "offline", protocol="strict")
    assert result.written["protocol"] == "strict"
    assert result.written["other_judges"] == {}
    assert {json.loads(line)["score"] for line in (tmp_path / "b/scores.jsonl").read_text().splitlines()} <= {0, 1}


def test_what_failed_stays_failed(tmp_path: Path) -> None:
    def moody(request: Request) -> str:
        if int(mark(str(request.messages[0].content)), 16) % 2:
            raise BadRequest("too long")
        return plausible(request)

    first = evaluated(tmp_path / "a", model=client(moody), candidates=[LLM, "offline"], cases=6)
    assert first.run.failed > 0
    again = rejudged(tmp_path / "b", tmp_path / "a", LLM)
    assert again.run.failed == first.run.failed
    assert again.written["failed"] == first.written["failed"]
    assert rejudged(tmp_path / "b", tmp_path / "a", LLM, retry_failed=True).run.failed == first.run.failed


def test_stopped_and_resumed_it_ends_the_same(tmp_path: Path) -> None:
    evaluated(tmp_path / "a")
    whole = rejudged(tmp_path / "whole", tmp_path / "a", "offline", protocol="strict")
    cut = rejudged(tmp_path / "cut", tmp_path / "a", "offline", protocol="strict", max_tokens=5_000)
    assert cut.run.left > 0
    again = rejudged(tmp_path / "cut", tmp_path / "a", "offline", protocol="strict", resume=True)
    assert again.written == whole.written


def test_only_a_complete_evaluation_can_be_judged_anew(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "corpus", conversations=1, turns=1, quiet=True))
    with pytest.raises(UsageError, match=r"is no evaluation; `i2a evaluate --replay"):
        rejudged(tmp_path / "b", tmp_path / "corpus", "offline")
    evaluated(tmp_path / "cut", max_tokens=20_000)
    with pytest.raises(UsageError, match="is not complete"):
        rejudged(tmp_path / "b", tmp_path / "cut", "offline")


OWN = """
from agents.prompt import Prompt
from evaluation.judge import Rater
from evaluation.scores import Protocol

class Own(Rater):
    protocol = Protocol("own", "points", 0, {top})
    prompt = Prompt("<profile>$profile</profile>\\n---\\n<dialogue>\\n$dialogue\\n</dialogue>\\n<reply>$reply</reply>")
"""


def test_ratings_stay_if_the_scale_is_the_same(tmp_path: Path) -> None:
    own, wider = tmp_path / "own.py", tmp_path / "wider.py"
    own.write_text(OWN.format(top=10), "utf-8")
    wider.write_text(OWN.format(top=20), "utf-8")
    evaluated(tmp_path / "a", protocol=str(own))

    def grade(request: Request) -> str:
        return json.dumps({"reason": "so", "score": 7})

    again = rejudged(tmp_path / "b", tmp_path / "a", LLM, model=client(grade), protocol=f"{own}:Own")
    assert list(again.written["judges"]) == [LLM, "offline"]
    assert again.written["scale"] == {"label": "points", "lowest": 0, "highest": 10, "unit": 1.0}
    other = rejudged(tmp_path / "c", tmp_path / "a", LLM, model=client(grade), protocol=str(wider))
    assert list(other.written["judges"]) == [LLM]


def test_a_run_is_not_resumed_on_another_scale(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN.format(top=10), "utf-8")
    first = evaluated(tmp_path / "a", protocol=str(own))
    assert evaluated(tmp_path / "a", protocol=f"{own}:Own", resume=True).written == first.written
    own.write_text(OWN.format(top=20), "utf-8")
    with pytest.raises(UsageError, match="scale"):
        evaluated(tmp_path / "a", protocol=str(own), resume=True)
