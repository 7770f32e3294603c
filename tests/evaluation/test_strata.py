"""Whom a candidate suits: people fall into the groups that their fields make, and each group has its own numbers."""

import math
from pathlib import Path

import pytest

from evaluation.compare import compare
from evaluation.scores import ALOE, Score
from evaluation.strata import MOST, UNKNOWN, check_count, fields_of, levels, stratified
from evaluation.summary import Conditions
from i2a import evaluate
from i2a.errors import UsageError
from i2a.testing import ScriptedModel
from i2a.trees.persona import Persona

CONDITIONS = Conditions(ALOE, "LLM", "live", 2, 0, {"judge": {}}, {}, {})


def people(**fields: object) -> dict[str, Persona]:
    """A case for each value of a field."""
    ((name, values),) = fields.items()
    assert isinstance(values, list)
    told = ({name: value} if value is not None else {} for value in values)
    return {f"c{i}": Persona("", f"P{i}.", f"T{i % 3}.", fields=each) for i, each in enumerate(told)}


def scored(cases: dict[str, Persona], of: dict[str, dict[str, int]]) -> list[Score]:
    """The score of each candidate for the people of each level, at both turns."""
    level_of = levels("language", cases)
    return [
        Score(
            candidate, case, persona.profile_id, persona.personality_id, turn, "judge", by[level_of[case]], "", "", ""
        )
        for candidate, by in of.items()
        for case, persona in cases.items()
        for turn in (1, 2)
    ]


def test_the_level_of_a_case_is_what_its_persona_says() -> None:
    assert levels("language", people(language=["French", "German", None])) == {
        "c0": "French", "c1": "German", "c2": UNKNOWN,
    }  # fmt: skip
    assert list(levels("likes", people(likes=[["tea", "rain"], True])).values()) == ["tea, rain", "yes"]
    cases = people(language=["French"])
    assert levels("profile", cases) == {"c0": cases["c0"].profile_id}
    with pytest.raises(UsageError, match=r"no persona of these cases has a field 'age'; there are: .*language"):
        levels("age", cases)


def test_many_numbers_become_ranges_of_about_as_many_people() -> None:
    found = list(levels("age", people(age=[*range(20, 60)])).values())
    assert {level: found.count(level) for level in found} == {"20-29": 10, "30-39": 10, "40-49": 10, "50-59": 10}
    assert set(levels("age", people(age=["20", "30", "20"])).values()) == {"20", "30"}
    with_gap = levels("age", people(age=[*map(str, range(20, 40)), None]))
    assert with_gap["c20"] == UNKNOWN
    assert len(set(with_gap.values())) == 5


def test_only_fields_that_make_a_few_groups_are_shown_unasked() -> None:
    cases = [Persona(str(i), fields={"id2": f"x{i}", "sex": "fm"[i % 2], "one": 1, "age": i}) for i in range(20)]
    assert fields_of(cases) == ["sex", "age"]
    assert fields_of([Persona("a", "P.", "T.")]) == []
    with pytest.raises(UsageError, match="id2 has 50 levels in 50 cases; give one that puts people into groups"):
        check_count("id2", {str(i): str(i) for i in range(50)})
    assert MOST < 50


def test_each_group_has_its_own_mean_gain_and_interval() -> None:
    cases = people(language=["French", "German"] * 6)
    scores = scored(cases, {"base": {"French": 3, "German": 3}, "tuned": {"French": 5, "German": 2}})
    strata = list(
        stratified(scores, levels("language", cases), CONDITIONS, candidates=["base", "tuned"], baseline="base")
    )
    assert [(stratum.level, stratum.cases) for stratum in strata] == [("French", 6), ("German", 6)]
    found = {s.level: s.as_json()["judges"]["judge"]["tuned"] for s in strata}
    assert [found[level]["gain"]["value"] for level in ("French", "German")] == [2, -1]
    low, high = found["French"]["gain"]["interval"]
    assert math.isclose(low, 2)
    assert math.isclose(high, 2)


def test_a_group_of_one_person_has_no_interval_and_says_why() -> None:
    cases = people(language=["French", "German", "German"])
    scores = scored(cases, {"base": {"French": 3, "German": 3}})
    french, _ = stratified(scores, levels("language", cases), CONDITIONS, candidates=["base"], baseline="base")
    estimate = french.as_json()["judges"]["judge"]["base"]["avg"]
    assert (estimate["value"], estimate["interval"]) == (3, None)
    assert "no interval: one profile" in estimate["reason"]


def test_an_evaluation_of_people_with_fields_has_its_groups(tmp_path: Path) -> None:
    rows = [f"c{i},Profile {i} of somebody.,Personality {i}.,{'French' if i % 2 else 'English'}" for i in range(4)]
    (tmp_path / "people.csv").write_text("\n".join(["id,profile,personality,language", *rows]), "utf-8")
    model = ScriptedModel()
    result = evaluate(
        out=tmp_path / "run",
        candidates=["base=openai:a", "tuned=openai:b"],
        personas=tmp_path / "people.csv",
        turns=1,
        clients={"*": model},
    )
    assert list(result.written["by_field"]) == ["language"]
    assert {level: found["cases"] for level, found in result.written["by_field"]["language"].items()} == {
        "English": 2, "French": 2,
    }  # fmt: skip
    told = [request.text for request in model.requests if request.role == "user"]
    for language in ("English", "French"):
        assert sum(f"Write your message in {language}" in text for text in told) == len(told) / 2
    compared = compare([tmp_path / "run"], by="language", resamples=100)
    assert [stratum.level for stratum in compared.strata[0]] == ["English", "French"]
    assert list(compared.as_json()["by"]) == ["language"]
