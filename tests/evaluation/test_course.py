"""What is measured around a change of the person, and over sessions: on curves whose numbers are plain to see."""

import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap, CaseKey
from evaluation.course import NOT_REACHED, Course, CourseResult, around, course_of, course_results, over_sessions

DRIFT = {"scenario": "drift", "turns": 6, "change": 4, "exchange": "personality"}
SESSIONS = {"scenario": "sessions", "turns": 6, "sessions": 3}
# For the persona that holds at each turn, and for the other one. It falls by 2, and comes back after two turns.
HOLDS, OTHER = [2.0, 4.0, 4.0, 2.0, 3.0, 4.5], [2.0, 3.0, 3.0, 3.5, 3.0, 2.5]


def course(dialogue: dict[str, object]) -> Course:
    found = course_of(dialogue)
    assert found is not None
    return found


def measured(holds: list[float], other: list[float]) -> dict[str, float]:
    names = [measure.name for measure in course(DRIFT).measures]
    found = around(np.array(holds), np.array(other), 4)[len(holds) :]
    return dict(zip(names, found.tolist(), strict=True))


def results(**levels: list[list[float]]) -> dict[str, CourseResult]:
    """With 4 profiles x 3 personalities that all score alike but for a little noise; the first is the baseline."""
    cases = [CaseKey(f"{p}{t}", f"p{p}", f"t{t}") for p in range(4) for t in range(3)]
    noise = 0.02 * np.random.default_rng(0).normal(size=(len(cases), 1))
    curves = {
        name: [np.array(each) + noise * sign for each, sign in zip(two, (1, -1), strict=True)]
        for name, two in levels.items()
    }
    found = course_results(course(DRIFT), Bootstrap(cases, resamples=200), curves, next(iter(levels)))
    return {result.candidate: result for result in found}


def test_the_level_before_is_that_from_the_second_turn_on_and_the_drop_is_from_there() -> None:
    found = measured(HOLDS, OTHER)
    assert [found[name] for name in ("before", "after", "drop")] == pytest.approx([4.0, 9.5 / 3, -2.0])


def test_a_candidate_follows_once_the_level_is_back_and_lets_go_once_replies_suit_the_new_persona() -> None:
    found = measured(HOLDS, OTHER)
    assert [found[name] for name in ("suits", "clings")] == pytest.approx([1.0, (1.5 + 0 - 2) / 3])
    assert (found["follows"], found["lets_go"]) == (2.0, 2.0), "at turn 5 the replies suit both alike"


def test_one_that_never_comes_back_has_no_number_of_turns() -> None:
    found = measured([2, 4, 4, 2, 2, 2], [2, 3, 3, 3, 3, 3])
    assert np.isnan(found["follows"])
    assert np.isnan(found["lets_go"])
    assert found["clings"] == 1.0


def test_the_curve_is_old_minus_new_on_both_sides_of_the_change() -> None:
    assert around(np.array(HOLDS), np.array(OTHER), 4)[:6].tolist() == [0, 1, 1, 1.5, 0, -2]


def test_a_turn_without_a_score_is_left_out() -> None:
    found = measured([2, np.nan, 4, 2, 3, 4.5], OTHER)
    assert (found["before"], found["follows"]) == (4.0, 2.0)


def test_every_number_has_an_interval_and_a_difference_to_the_baseline() -> None:
    found = results(base=[HOLDS, OTHER], slow=[[2, 4, 4, 2, 2, 2], [2, 3, 3, 3, 3, 3]])
    follows = found["base"].measures["follows"]
    assert follows.interval is not None
    assert follows.interval.low >= 0
    assert found["base"].minus_baseline == {}
    clings = found["slow"].minus_baseline["clings"]
    assert clings.value == pytest.approx(1 + 0.5 / 3)
    assert clings.clear
    assert found["slow"].measures["lets_go"].reason == NOT_REACHED


def test_how_fast_one_follows_is_withheld_where_its_replies_suit_nobody_in_particular() -> None:
    flat = results(flat=[[3, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3]])["flat"]
    for name in ("follows", "lets_go"):
        assert flat.measures[name].value is None
        assert "do not clearly suit this person" in flat.measures[name].reason


def test_one_without_any_score_has_no_number() -> None:
    nothing = [float("nan")] * 6
    found = results(base=[HOLDS, OTHER], mute=[nothing, nothing])["mute"]
    assert {each.value for each in (*found.curve, *found.measures.values())} == {None}


def test_later_sessions_are_measured_where_they_begin_and_where_those_before_them_end() -> None:
    found = course(SESSIONS)
    names = [measure.name for measure in found.measures]
    values = dict(zip(names, found.statistic([np.array([2.0, 4.0, 3.0, 5.0, 2.5, 3.5])]).tolist(), strict=True))
    assert found.turns == (3, 5)
    assert values == {"first": 2.0, "end": 4.5, "start": 2.75, "kept": 0.75, "lost": 1.75, "later": 3.5}


def test_a_single_session_has_no_later_one() -> None:
    found = over_sessions(np.array([2.0, 4.0]), (1,))
    assert found[0] == 2.0
    assert np.isnan(found[1:]).all()


def test_a_dialogue_as_in_the_paper_has_no_course() -> None:
    assert course_of({}) is None
