"""A candidate that was trained on the people it is to meet is found out by the folder of its model."""

import json
from pathlib import Path
from typing import Any

from evaluation.leaks import find_leaks, in_words
from evaluation.plan import plan_evaluation
from evaluation.settings import Evaluation
from i2a.personas.pool import PersonaPool
from i2a.trees.persona import Persona

POOL = PersonaPool.benchmark()
PROFILES, PERSONALITIES = list(POOL.profiles.values()), list(POOL.personalities.values())


def trained(folder: Path, **manifest: Any) -> str:
    """The model string of a folder that a training has left."""
    folder.mkdir()
    whole = {"format": "i2a.training/1", "identity": {"stage": "dpo"}, **manifest}
    (folder / "manifest.json").write_text(json.dumps(whole), "utf-8")
    return f"hf:{folder}?temperature=0.5"


def test_an_evaluation_says_which_of_its_cases_a_candidate_was_trained_on(tmp_path: Path) -> None:
    known = {"profile": ["Somebody else.", f"1. {PROFILES[2]}"], "personality": [PERSONALITIES[0].partition(". ")[2]]}
    tuned = trained(tmp_path / "tuned", personas=known)
    fair = trained(tmp_path / "fair", personas={"profile": ["Somebody else."], "personality": ["Brisk."]})
    plan = plan_evaluation(Evaluation(out=tmp_path / "a", candidates=[f"tuned={tuned}", f"fair={fair}", "offline"]))
    assert list(plan.leaks) == ["tuned"]
    assert plan.leaks["tuned"].profiles == ("bench-p03",)
    assert plan.leaks["tuned"].personalities == ("bench-t01",)
    said = "tuned was trained on 1 profile (bench-p03) and 1 personality (bench-t01) of these cases: "
    assert plan.run.warnings == [f"{said}its numbers are not about strangers"]


def test_cases_of_which_nobody_was_trained_on_make_no_leak(tmp_path: Path) -> None:
    tuned = trained(tmp_path / "tuned", personas={"profile": PROFILES[:1], "personality": []})
    others = [Persona("", PROFILES[1], PERSONALITIES[1]), Persona("", PROFILES[2], PERSONALITIES[1])]
    assert find_leaks({"tuned": tuned}, others) == {}


def test_of_a_model_that_says_nothing_nothing_is_known(tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/manifest.json").write_text("[1]", "utf-8")
    models = {
        "before 0.2": trained(tmp_path / "old"),
        "foreign": f"hf:{tmp_path / 'foreign'}",
        "hub": "hf:somebody/model",
        "gone": f"hf:{tmp_path / 'gone'}",
        "api": "openai:gpt-4o",
    }
    assert find_leaks(models, [Persona("", PROFILES[0], PERSONALITIES[0])]) == {}


def test_many_leaks_are_told_in_one_line(tmp_path: Path) -> None:
    tuned = trained(tmp_path / "tuned", personas={"profile": PROFILES, "personality": []})
    leaks = find_leaks({"tuned": tuned}, [Persona("", text, "Brisk.", id) for id, text in POOL.profiles.items()])
    (line,) = in_words(leaks)
    assert "20 profiles (bench-p01, bench-p02, bench-p03, bench-p04, bench-p05, ...) of these cases" in line
