"""The table of an evaluation says what its numbers are, and under which conditions."""

from dataclasses import replace
from typing import Any

from rich.console import Console

from evaluation.summary import BenchmarkSummary
from i2a.report.tables import summary_table
from tests.evaluation.invented import GENERIC, TUNED, conditions, drifting, scores
from tests.evaluation.test_summary import summary


def shown(found: BenchmarkSummary, width: int = 80, **options: Any) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(summary_table(found, **options))
    return captured.get()


def row(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(name)).split()


def test_the_table_shows_each_number_with_its_interval_at_80_columns() -> None:
    found = summary()
    text = shown(found)
    assert max(map(len, text.splitlines())) <= 80
    generic, tuned = found.by_judge[0].candidates[:2]
    assert row(text, GENERIC)[1] == f"{generic.measures['avg'].value:.2f}"
    assert row(text, TUNED)[2] == f"{tuned.measures['ir'].value:.3f}"
    assert "baseline" in row(text, GENERIC)
    assert row(text, TUNED)[6].startswith("+")
    interval = tuned.measures["avg"].interval
    assert interval is not None
    assert f"{interval.low:.2f}" in text


def test_the_table_says_what_it_is_about() -> None:
    text = " ".join(shown(summary()).split())
    assert "ALOE, protocol aloe (score 1-5), LLM, live, 4 turns, judge judge" in text
    assert "simulator: these numbers" not in text
    text = " ".join(shown(summary(under=conditions(engine="offline simulator"))).split())
    assert "offline simulator: these numbers are about the simulator" in text


def test_the_table_shows_a_dash_where_nothing_is_defined_and_says_why() -> None:
    text = shown(summary([replace(score, score=1) for score in scores({GENERIC: (2, 0)})]))
    assert row(text, GENERIC)[1:7] == ["1.00", "0.000", "-", "-", "-", "baseline"]
    assert "R2, N-IR, N-R2 undefined" in " ".join(text.split())


def test_the_table_counts_what_is_unscored() -> None:
    found = [replace(s, score=None) if s.turn == 2 and s.profile == "p1" else s for s in scores()]
    text = shown(summary(found))
    assert row(text, TUNED)[-1] == "3/96"
    assert "tuned: unscored at turn 1, 2, ...: 0 3 0 0" in " ".join(text.split())


def test_names_and_warnings_are_no_markup() -> None:
    name = "hf:[bold]x[/bold]\x1b[31m"
    found = summary([replace(score, candidate=name) for score in scores({GENERIC: (2, 0)})])
    text = shown(found, width=120, warnings=["[red]said the model[/nothing]\nand more"])
    assert "hf:[bold]x[/bold] [31m" in text
    assert "[red]said the model[/nothing] and more" in text
    assert "\x1b" not in text


def test_a_long_name_wraps_and_leaves_the_numbers_whole() -> None:
    name = "hf:/models/checkpoints/sft-then-dpo/epoch-3/checkpoint-12000/merged"
    found = [replace(score, candidate=name) if score.candidate == TUNED else score for score in scores()]
    text = shown(summary(found))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert name in "".join(line[:30].strip() for line in text.splitlines())


def test_each_judge_has_a_table_of_its_own() -> None:
    text = shown(summary(list(scores(judges=("a", "b"))), conditions(("a", "b"))))
    assert "judge a" in text
    assert "judge b" in text
    assert sum(line.startswith("minus the baseline") for line in text.splitlines()) == 2


def test_the_table_marks_what_survives_the_correction_and_says_what_it_is_for() -> None:
    found = summary()
    (judge,) = found.by_judge
    text = shown(found)
    said = " ".join(text.split())
    assert "*: clear of 0 after Holm's correction for 4 comparisons with the baseline, AVG and IR of each" in said
    generic, tuned = (row(text, name) for name in (GENERIC, TUNED))
    difference = judge.difference(TUNED)
    assert difference is not None
    assert difference.survives("avg")
    assert tuned[6].endswith("%*")
    assert not any("*" in cell for cell in generic)
    minus = next(line for line in text.splitlines()[text.splitlines().index("") :] if line.startswith(TUNED)).split()
    assert minus[1].endswith("*")
    assert minus[3:6] == ["-", "-", "-"]
    assert "tuned, oracle minus the baseline: R2, N-IR, N-R2 withheld: neither curve is clearly sloped" in said


def test_the_table_says_why_one_personality_gives_no_interval() -> None:
    text = shown(summary([score for score in scores() if score.personality == "t0"]))
    assert "AVG, IR, R2, N-IR, N-R2 no interval: one personality" in " ".join(text.split())


def test_the_gain_over_the_best_control_has_a_column_only_with_controls() -> None:
    text = shown(summary(controls=[GENERIC]))
    assert max(map(len, text.splitlines())) <= 80
    assert row(text, GENERIC)[6:8] == ["baseline", "control"]
    assert row(text, TUNED)[6] == row(text, TUNED)[7] + "*" * row(text, TUNED)[6].endswith("*")
    assert f"control: {GENERIC}, the best of the controls" in " ".join(text.split())
    assert "control" not in shown(summary())


def test_what_is_measured_around_a_change_has_a_table_and_its_words() -> None:
    text = " ".join(shown(drifting()).split())
    assert "before after drop suits clings follows lets go" in text
    assert "- clings: from the change on, level for the old persona minus that for the new one" in text
    assert "drift (change 3, exchange personality)" in text
