"""`summary.json` and the table: what the scores say, nothing that they do not say, and under which conditions."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.scores import STRICT, Score
from evaluation.summary import BenchmarkSummary, Conditions, summarise, write
from i2a.errors import UsageError
from tests.evaluation.curves import alignment_curve
from tests.evaluation.invented import CANDIDATES, GENERIC, ORACLE, TUNED, conditions, scores

MEASURES = ("avg", "ir", "r2", "n_ir", "n_r2")


def summary(found: Sequence[Score] | None = None, under: Conditions | None = None, **options: Any) -> BenchmarkSummary:
    listed = list(scores()) if found is None else found
    return summarise(listed, under or conditions(), **{"resamples": 300, **options})


def test_the_curve_of_a_candidate_is_the_mean_score_of_each_turn_and_its_numbers_follow() -> None:
    found = list(scores())
    tuned = summary(found).as_json()["candidates"][TUNED]
    for k in range(4):
        given = [score.score for score in found if score.candidate == TUNED and score.turn == k + 1]
        assert tuned["al"][k] == pytest.approx(sum(filter(None, given)) / len(given))
    assert {name: tuned[name] for name in MEASURES} == pytest.approx(alignment_curve(tuned["al"])._asdict())


def test_every_number_has_its_interval_around_it() -> None:
    for candidate in summary().as_json()["candidates"].values():
        for value, (low, high) in zip(candidate["al"], candidate["intervals"]["al"], strict=True):
            assert low <= value <= high
        for name in ("avg", "ir"):
            low, high = candidate["intervals"][name]
            assert low < candidate[name] < high
        assert (candidate["intervals"]["n_ir"] is None) == (candidate["intervals"]["ir"][0] < 0)
        low, high = candidate["intervals"]["r2"]
        assert 0 <= low <= candidate["r2"] <= high <= 1


def test_differences_are_paired_and_much_surer_than_levels() -> None:
    found = summary().as_json()
    tuned, generic = found["candidates"][TUNED], found["candidates"][GENERIC]
    difference = found["differences"][TUNED]
    assert set(found["differences"]) == {TUNED, ORACLE}
    assert difference["avg"]["value"] == pytest.approx(tuned["avg"] - generic["avg"])
    assert difference["al"][3]["value"] == pytest.approx(tuned["al"][3] - generic["al"][3])
    low, high = difference["avg"]["interval"]
    assert low > 0
    assert high - low < 0.7 * (tuned["intervals"]["avg"][1] - tuned["intervals"]["avg"][0])
    relative = difference["relative_improvement"]["avg"]
    assert relative["value"] == pytest.approx(tuned["avg"] / generic["avg"] - 1)
    assert relative["interval"][0] < relative["value"] < relative["interval"][1]


def test_an_improvement_on_what_is_not_surely_above_0_has_no_percentage() -> None:
    found = summary().as_json()
    low, high = found["candidates"][GENERIC]["intervals"]["ir"]
    assert low < 0 < high
    assert found["differences"][TUNED]["ir"]["value"] > 0
    assert found["differences"][TUNED]["relative_improvement"]["ir"]["value"] is None


def test_a_difference_is_taken_over_the_replies_that_both_have_a_score_for() -> None:
    """The tuned model has scores for the easy half of the cases only; that must not look like an improvement."""
    found = [score for score in scores() if score.candidate == GENERIC]
    found = [replace(score, score=4 if int(score.profile[1]) < 4 else 2) for score in found]
    same = [replace(score, candidate=TUNED, score=score.score if score.score == 4 else None) for score in found]
    compared = summary([*found, *same]).as_json()
    assert compared["candidates"][TUNED]["avg"] - compared["candidates"][GENERIC]["avg"] == 1
    assert compared["differences"][TUNED]["avg"]["value"] == 0
    assert compared["differences"][TUNED]["replies"] == 4 * 3 * 4


def test_the_same_scores_in_any_order_give_the_same_summary() -> None:
    found = list(scores(unscored=0.2))
    again = summary(found[::-1], candidates=list(CANDIDATES))
    assert json.dumps(again.as_json()) == json.dumps(summary(found, candidates=list(CANDIDATES)).as_json())


def test_unscored_replies_are_counted_at_their_turn_and_widen_the_interval() -> None:
    found = list(scores())
    lost = [replace(s, score=None, reason="nonsense") if s.profile < "p5" and s.turn == 2 else s for s in found]
    before, after = (summary(each).as_json()["candidates"][TUNED] for each in (found, lost))
    assert after["counts"] == {
        "cases": 24,
        "scored": (24, 9, 24, 24),
        "unscored": (0, 15, 0, 0),
        "missing": (0, 0, 0, 0),
    }
    widths = [high - low for each in (before, after) for low, high in [each["intervals"]["al"][1]]]
    assert widths[1] > widths[0]


def test_a_judge_that_fails_three_times_in_ten_widens_the_intervals() -> None:
    found = list(scores(unscored=0.3))
    all_scored = summary(list(scores())).as_json()["candidates"][TUNED]
    some = summary(found).as_json()["candidates"][TUNED]
    assert sum(some["counts"]["unscored"]) == sum(s.score is None for s in found if s.candidate == TUNED) > 15
    widths = [sum(high - low for low, high in each["intervals"]["al"]) for each in (all_scored, some)]
    assert widths[1] > widths[0]


def test_a_turn_that_nobody_scored_is_null_and_the_others_keep_their_place() -> None:
    found = [replace(score, score=None) if score.turn == 3 else score for score in scores()]
    tuned = summary(found).as_json()["candidates"][TUNED]
    assert tuned["al"][2] is None
    assert tuned["intervals"]["al"][2] is None
    assert {name: tuned[name] for name in MEASURES} == pytest.approx(alignment_curve(tuned["al"])._asdict())


def test_replies_that_never_came_are_missing() -> None:
    found = [score for score in scores() if not (score.profile == "p0" and score.turn > 2)]
    assert summary(found).as_json()["candidates"][TUNED]["counts"]["missing"] == (0, 0, 3, 3)


def test_a_flat_curve_is_undefined_and_never_0() -> None:
    flat = [replace(score, candidate="flat", score=1) for score in scores({TUNED: (3, 0)})]
    found = summary([*flat, *scores({TUNED: (2, 0.4)})]).as_json()
    assert found["candidates"]["flat"]["ir"] == 0
    assert [found["candidates"]["flat"][name] for name in ("r2", "n_ir", "n_r2")] == [None] * 3
    assert found["candidates"]["flat"]["intervals"]["n_ir"] is None
    assert found["differences"][TUNED]["n_ir"] == {
        "value": None,
        "interval": None,
        "undefined": 0.0,
        "reason": "withheld: the baseline's curve is not clearly sloped",
    }


def test_a_candidate_of_whom_nothing_is_scored_is_there_with_nothing() -> None:
    found = summary(list(scores({GENERIC: (2, 0)})), candidates=[GENERIC, "gone"]).as_json()
    assert found["candidates"]["gone"]["al"] == [None] * 4
    assert found["candidates"]["gone"]["avg"] is None
    assert found["differences"]["gone"]["replies"] == 0


def test_judges_are_never_averaged() -> None:
    found = summary(list(scores(judges=("strict", "kind"))), conditions(("strict", "kind"))).as_json()
    alone = summary([s for s in scores(judges=("strict", "kind")) if s.judge == "strict"], conditions(("strict",)))
    assert found["judge"] == "strict"
    assert found["candidates"] == alone.as_json()["candidates"]
    assert list(found["other_judges"]) == ["kind"]
    assert found["other_judges"]["kind"]["candidates"][GENERIC]["avg"] > found["candidates"][GENERIC]["avg"] + 0.5


def test_the_strict_protocol_counts_in_percent() -> None:
    passed = [replace(score, score=int(score.score or 0) // 4) for score in scores()]
    oracle = summary(passed, conditions(protocol=STRICT)).as_json()["candidates"][ORACLE]
    share = sum(score.score or 0 for score in passed if score.candidate == ORACLE) / (24 * 4)
    assert oracle["avg"] == pytest.approx(100 * share)


def test_the_summary_says_under_what_conditions(tmp_path: Path) -> None:
    write(tmp_path / "summary.json", summary().as_json())
    found = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert found["protocol"] == "aloe"
    assert (found["engine"], found["mode"], found["seed"], found["turns"]) == ("LLM", "live", 0, 4)
    assert found["judges"] == {"judge": {"model": "judge", "prompt": "abc"}}
    assert found["simulator"]["model"] == "user"
    assert found["personas"]["fingerprint"] == "123"
    assert found["intervals"]["level"] == 0.95


def test_a_summary_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path / "none" / "summary.json", {})


SCORE = Score(GENERIC, "c0-0", "p0", "t0", 1, "judge", 3, "", "", "")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "no scores"),
        ([SCORE, SCORE], "scored twice"),
        ([SCORE, replace(SCORE, score=None)], "scored twice"),
        ([replace(SCORE, score=None), SCORE], "scored twice"),
        ([SCORE, replace(SCORE, turn=2, profile="p1")], "another persona"),
        ([replace(SCORE, judge="stranger")], "no judge"),
        ([replace(SCORE, turn=5)], "turns 1 to 4"),
        ([replace(SCORE, score=0)], "no score of the protocol"),
        ([replace(SCORE, score=6)], "no score of the protocol"),
        ([replace(SCORE, candidate="other")], "no candidate"),
    ],
)
def test_scores_that_cannot_be_are_refused(found: list[Score], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        summary(found, candidates=[GENERIC])


def test_a_baseline_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no candidate 'none'.*generic, tuned, oracle"):
        summary(baseline="none")


def test_the_gain_over_the_best_control_is_paired_and_says_which_it_is() -> None:
    found = summary(controls=[GENERIC, TUNED]).as_json()
    best, gains = found["best_control"]["candidate"], found["best_control"]["gains"]
    assert best == max((GENERIC, TUNED), key=lambda name: float(found["candidates"][name]["avg"]))
    assert set(gains) == {GENERIC, TUNED, ORACLE} - {best}
    difference = found["candidates"][ORACLE]["avg"] - found["candidates"][best]["avg"]
    assert gains[ORACLE]["avg"]["value"] == pytest.approx(difference)
    low, high = gains[ORACLE]["avg"]["interval"]
    assert low < difference < high
    assert gains[ORACLE]["relative"]["value"] == pytest.approx(difference / found["candidates"][best]["avg"])
    alone = summary(baseline=best).as_json()["differences"][ORACLE]["avg"]
    assert gains[ORACLE]["avg"]["interval"] == pytest.approx(alone["interval"])


def test_without_controls_there_is_no_gain_over_one() -> None:
    assert summary().as_json()["best_control"] is None
