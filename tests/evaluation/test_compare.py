"""`i2a compare`: like with like, or not at all; and marked where somebody insists."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from evaluation.compare import Comparison, compare
from evaluation.scores import ALOE, STRICT, Protocol
from i2a.cli.compare import compare as command
from i2a.errors import UsageError
from i2a.report.tables import comparison_table
from tests.evaluation.invented import GENERIC, ORACLE, TUNED, conditions, run, scores, stored

BASE: Mapping[str, tuple[float, float]] = {GENERIC: (2.2, 0.0)}
BETTER: Mapping[str, tuple[float, float]] = {TUNED: (2.4, 0.3)}


def evaluation(folder: Path, candidates: Mapping[str, tuple[float, float]] = BASE, **changed: Any) -> Path:
    judges = changed.get("judges", {"judge": {"model": "judge", "prompt": "abc"}})
    turns, protocol = changed.get("turns", 4), changed.get("protocol", ALOE)
    found = list(scores(candidates, tuple(judges), turns=turns))
    if protocol is STRICT:
        found = [replace(score, score=int((score.score or 0) >= 3)) for score in found]
    return run(folder, found, conditions(**changed))


def shown(found: Comparison) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(comparison_table(found))
    return " ".join(captured.get().split())


def together(*runs: Path, **options: Any) -> Comparison:
    return compare(runs, resamples=100, **options)


def candidates(found: Comparison) -> list[str]:
    return list(found.summaries[0].as_json()["candidates"])


def test_the_candidates_of_two_runs_stand_in_one_table_with_paired_differences(tmp_path: Path) -> None:
    found = together(evaluation(tmp_path / "a"), evaluation(tmp_path / "b", BETTER))
    (summary,) = found.summaries
    (difference,) = summary.by_judge[0].differences
    assert candidates(found) == [GENERIC, TUNED]
    assert (difference.candidate, difference.baseline, difference.replies) == (TUNED, GENERIC, 24 * 4)
    assert difference.measures["avg"].interval is not None
    assert difference.measures["avg"].interval.low > 0
    assert found.mixed == ()
    assert "MIXED" not in shown(found)


def test_a_run_compared_with_itself_elsewhere_does_not_differ(tmp_path: Path) -> None:
    """And the numbers are those of its own summary, up to chance."""
    found = together(evaluation(tmp_path / "a"), evaluation(tmp_path / "b"))
    assert candidates(found) == [f"{GENERIC} [a]", f"{GENERIC} [b]"]
    (difference,) = found.summaries[0].by_judge[0].differences
    assert difference.measures["avg"].interval == (0, 0)
    alone = stored(tmp_path / "a")["candidates"][GENERIC]
    assert found.summaries[0].as_json()["candidates"][f"{GENERIC} [a]"]["al"] == alone["al"]


def test_folders_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    one, other = evaluation(tmp_path / "x" / "eval"), evaluation(tmp_path / "y" / "eval")
    assert candidates(together(one, other)) == [f"{GENERIC} [{one}]", f"{GENERIC} [{other}]"]


DIFFERENT = [
    ({"protocol": STRICT}, "protocol"),
    ({"engine": "offline simulator"}, "engine"),
    ({"mode": "replay"}, "mode"),
    ({"turns": 3}, "turns"),
    ({"seed": 1}, "seed"),
    ({"judges": {"other": {"model": "other", "prompt": "abc"}}}, "judges.judge"),
    ({"judges": {"judge": {"model": "judge", "prompt": "xyz"}}}, "judges.judge.prompt"),
    ({"simulator": {"model": "user", "prompt": "xyz"}}, "simulator.prompt"),
    ({"personas": {"fingerprint": "456"}}, "personas.fingerprint"),
]


@pytest.mark.parametrize(("changed", "named"), DIFFERENT)
def test_runs_under_different_conditions_are_refused_with_the_difference(
    tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    one, other = evaluation(tmp_path / "a"), evaluation(tmp_path / "b", BETTER, **changed)
    with pytest.raises(UsageError, match=r"^[^\n]*--mix[^\n]*$") as caught:
        together(one, other)
    assert f"{named} is " in str(caught.value)
    assert " in a and " in str(caught.value)


@pytest.mark.parametrize(("changed", "named"), DIFFERENT)
def test_who_insists_gets_them_mixed_and_the_table_says_so(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    found = together(evaluation(tmp_path / "a"), evaluation(tmp_path / "b", BETTER, **changed), mix=True)
    text = shown(found)
    assert "MIXED: these runs differ" in text
    assert f"- {named} is " in text
    assert text.count("MIXED: ALOE, protocol") == len(found.summaries)
    assert f"{GENERIC} [a]" in text
    assert f"{TUNED} [b]" in text
    json.dumps(found.as_json(), allow_nan=False)


@pytest.mark.parametrize("changed", [{"protocol": STRICT}, {"judges": {"other": {"model": "other", "prompt": "abc"}}}])
def test_protocols_and_judges_have_tables_of_their_own_even_when_mixed(tmp_path: Path, changed: dict[str, Any]) -> None:
    found = together(evaluation(tmp_path / "a"), evaluation(tmp_path / "b", BETTER, **changed), mix=True)
    assert [list(summary.as_json()["candidates"]) for summary in found.summaries] == [
        [f"{GENERIC} [a]"],
        [f"{TUNED} [b]"],
    ]


def test_people_of_one_id_in_different_files_are_not_taken_for_the_same(tmp_path: Path) -> None:
    other = evaluation(tmp_path / "b", BETTER, personas={"fingerprint": "456"})
    found = together(evaluation(tmp_path / "a"), other, mix=True)
    (difference,) = found.summaries[0].by_judge[0].differences
    assert difference.replies == 0
    assert difference.measures["avg"].value is None
    assert "no scored reply in common with the baseline" in shown(found)
    alone = together(tmp_path / "a").summaries[0].by_judge[0].candidates[0]
    assert found.summaries[0].by_judge[0].candidates[0].measures == alone.measures


def test_the_name_of_a_file_of_personas_is_no_condition(tmp_path: Path) -> None:
    other = evaluation(tmp_path / "b", BETTER, personas={"provenance": "copy.jsonl", "fingerprint": "123"})
    assert together(evaluation(tmp_path / "a"), other).mixed == ()


def test_shorter_dialogues_are_compared_over_the_turns_they_share(tmp_path: Path) -> None:
    found = together(evaluation(tmp_path / "a"), evaluation(tmp_path / "b", BETTER, turns=3), mix=True)
    (difference,) = found.summaries[0].by_judge[0].differences
    assert difference.replies == 24 * 3
    assert [level.value is None for level in difference.al] == [False] * 3 + [True]


def test_several_judges_are_compared_each_on_its_own(tmp_path: Path) -> None:
    judges = {"x": {"model": "x"}, "y": {"model": "y"}}
    found = together(evaluation(tmp_path / "a", judges=judges), evaluation(tmp_path / "b", BETTER, judges=judges))
    assert [summary.by_judge[0].judge for summary in found.summaries] == ["x", "y"]


def test_the_baseline_can_be_chosen_by_either_name(tmp_path: Path) -> None:
    a, b = evaluation(tmp_path / "a"), evaluation(tmp_path / "b", {**BASE, **BETTER})
    assert together(a, b, baseline=TUNED).summaries[0].baseline == TUNED
    assert together(a, b, baseline=f"{GENERIC} [b]").summaries[0].baseline == f"{GENERIC} [b]"
    with pytest.raises(UsageError, match=r"several runs have a candidate 'generic'"):
        together(a, b, baseline=GENERIC)
    with pytest.raises(UsageError, match=r"there is no candidate 'oracle'"):
        together(a, b, baseline=ORACLE)


def test_what_is_no_complete_evaluation_is_refused(tmp_path: Path) -> None:
    good = evaluation(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no complete evaluation"):
        together(good, tmp_path / "empty")
    with pytest.raises(UsageError, match="is named twice"):
        together(good, tmp_path / "empty" / ".." / "a")
    changes: list[dict[str, Any]] = [
        {"format": "other/1"},
        {"protocol": "other", "scale": None},
        {"scale": {"label": "upside down", "lowest": 5, "highest": 1}},
        {"scale": {"label": "no ends"}},
        {"turns": 0},
        {"judges": {}},
    ]
    for change in changes:
        summary = {**stored(good), **change}
        bad = tmp_path / "bad"
        bad.mkdir(exist_ok=True)
        (bad / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        with pytest.raises(UsageError, match=r"^[^\n]*not a summary[^\n]*$"):
            together(good, bad)
    (tmp_path / "a" / "scores.jsonl").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        together(good)


def test_scores_of_somebody_who_is_not_in_the_summary_are_refused(tmp_path: Path) -> None:
    folder = evaluation(tmp_path / "a")
    summary = stored(folder)
    summary["candidates"] = {"someone": {}}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    with pytest.raises(UsageError, match=r"which summary\.json lacks"):
        together(folder)


def test_a_protocol_stays_its_own(tmp_path: Path) -> None:
    found = together(evaluation(tmp_path / "a"), evaluation(tmp_path / "b", protocol=STRICT), mix=True)
    scale = {
        summary.conditions.protocol: summary.by_judge[0].candidates[0].measures["avg"].value
        for summary in found.summaries
    }
    assert (scale[ALOE] or 0) < 5 < (scale[STRICT] or 0) <= 100


# The command


def invoke(*args: str) -> Any:
    import typer

    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(args), catch_exceptions=False)


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    runs = [str(evaluation(tmp_path / "a")), str(evaluation(tmp_path / "b", BETTER))]
    printed = invoke(*runs)
    assert printed.exit_code == 0
    assert "minus the baseline" in printed.stdout
    found = json.loads(invoke(*runs, "--json", "--baseline", TUNED).stdout)
    assert found["mixed"] == []
    assert found["comparisons"][0]["baseline"] == TUNED
    assert list(found["runs"]) == ["a", "b"]


def test_the_command_refuses_what_cannot_be_compared(tmp_path: Path) -> None:
    runs = [str(evaluation(tmp_path / "a")), str(evaluation(tmp_path / "b", BETTER, mode="replay"))]
    with pytest.raises(UsageError, match="--mix"):
        invoke(*runs)
    assert "MIXED" in invoke(*runs, "--mix").stdout


def test_the_help_has_an_example() -> None:
    assert "i2a compare runs/eval" in " ".join(invoke("--help").stdout.split())


def test_a_control_that_was_defined_otherwise_is_refused_in_one_line(tmp_path: Path) -> None:
    def told(folder: Path, **what: str) -> Path:
        file = folder / "summary.json"
        models = {name: {"wrapper": "shuffled", "model": "x", "prompt": "p", **what} for name in (GENERIC, TUNED)}
        file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"models": models}), "utf-8")
        return folder

    old, new = told(evaluation(tmp_path / "a")), told(evaluation(tmp_path / "b", BETTER), definition="its own replies")
    said = r'wrapper shuffled.definition is missing in a and "its own replies" in b; add --mix'
    with pytest.raises(UsageError, match=said):
        together(old, new)
    assert together(old, new, mix=True).mixed == (said.removesuffix("; add --mix").replace("\\", ""),)
    assert together(new, told(evaluation(tmp_path / "c"), definition="its own replies")).mixed == ()


def test_a_scale_of_ones_own_is_that_of_the_tables_without_its_file(tmp_path: Path) -> None:
    own = Protocol("own", "points 0-10", 0, 10)
    found = together(evaluation(tmp_path / "a", protocol=own), evaluation(tmp_path / "b", BETTER, protocol=own))
    assert found.mixed == ()
    assert "protocol own (points 0-10)" in shown(found)
    assert "levels 0 to 10" in shown(found)


def test_two_scales_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    runs = [evaluation(tmp_path / str(top), protocol=Protocol("own", "points", 0, top)) for top in (5, 10)]
    with pytest.raises(UsageError, match=r"scale\.highest is 5 in 5 and 10 in 10"):
        together(*runs)
    assert len(together(*runs, mix=True).summaries) == 2


def test_a_summary_of_version_0_1_has_the_scale_of_its_protocol(tmp_path: Path) -> None:
    folder = evaluation(tmp_path / "a")
    summary = stored(folder)
    assert summary.pop("scale")["highest"] == 5
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert together(folder, evaluation(tmp_path / "b", BETTER)).mixed == ()
