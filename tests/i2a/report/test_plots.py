"""The curves as pictures: what they say in words, and that everything in them can be read."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.scores import STRICT, Score
from evaluation.summary import BenchmarkSummary, Conditions, summarise
from i2a.errors import UsageError
from i2a.report.plots import draw, spread
from tests.evaluation.invented import CANDIDATES, GENERIC, conditions, drifting, scores

PNG = b"\x89PNG\r\n\x1a\n"


def summary(found: list[Score] | None = None, under: Conditions | None = None) -> BenchmarkSummary:
    return summarise(found or list(scores()), under or conditions(), resamples=50)


def words(folder: Path, found: BenchmarkSummary) -> str:
    """All text of the SVG."""
    _, svg = draw(found, folder)
    return "\n".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text("utf-8")))


def size(png: Path) -> tuple[int, int]:
    head = png.read_bytes()
    assert head.startswith(PNG)
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def test_every_candidate_has_its_name_at_its_curve(tmp_path: Path) -> None:
    text = words(tmp_path, summary())
    for name in CANDIDATES:
        assert name in text.splitlines()


def test_the_title_names_protocol_engine_and_judge(tmp_path: Path) -> None:
    text = words(tmp_path, summary(under=conditions(engine="offline simulator"))).replace("\n", " ")
    for part in ("protocol aloe (score 1-5)", "offline simulator", "live", "judge judge"):
        assert part in text


def test_the_axis_spans_the_scale_of_the_protocol(tmp_path: Path) -> None:
    lines = words(tmp_path, summary([replace(s, score=4) for s in scores()])).splitlines()
    assert {"1.0", "5.0"} <= set(lines)
    passed = [replace(score, score=1) for score in scores()]
    assert {"0", "100"} <= set(words(tmp_path, summary(passed, conditions(protocol=STRICT))).splitlines())


def test_both_files_are_whole_and_each_judge_has_a_panel(tmp_path: Path) -> None:
    png, svg = draw(summary(), tmp_path)
    assert [file.name for file in (png, svg)] == ["curves.png", "curves.svg"]
    width, height = size(png)
    assert (width, height) >= (1000, 600)
    both = summary(list(scores(judges=("a", "b"))), conditions(("a", "b")))
    twice, _ = draw(both, tmp_path, "both")
    assert size(twice) == (width, 2 * height)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["both.png", "both.svg", "curves.png", "curves.svg"]


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    files = [draw(summary(), tmp_path, name) for name in ("one", "two")]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]


def test_turns_without_scores_single_turns_and_candidates_without_any_are_drawn(tmp_path: Path) -> None:
    gap = [replace(score, score=None) if score.turn == 2 else score for score in scores()]
    nothing = [replace(score, candidate="silent", score=None) for score in scores({GENERIC: (2, 0)})]
    assert "silent (nothing scored)" in words(tmp_path, summary([*gap, *nothing]))
    assert GENERIC in words(tmp_path, summary(list(scores(turns=1)), conditions(turns=1)))


def test_names_are_no_formulas_and_long_ones_are_cut_in_the_middle(tmp_path: Path) -> None:
    cost, path = "$x_2$ {", "hf:/models/checkpoints/sft-then-dpo/epoch-3/checkpoint-12000"
    found = [replace(score, candidate=name) for name in (cost, path) for score in scores({GENERIC: (2, 0)})]
    text = words(tmp_path, summary(found))
    assert cost in text
    assert "hf:/models" in text
    assert "oint-12000" not in text
    assert "int-12000" in text


def test_more_candidates_than_colours_have_names_of_their_own(tmp_path: Path) -> None:
    many = {f"candidate {i}": (1 + 0.3 * i, 0.0) for i in range(12)}
    text = words(tmp_path, summary(list(scores(many)), conditions()))
    assert all(name in text for name in many)


def test_a_folder_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        draw(summary(), tmp_path / "none")


@given(st.lists(st.floats(1, 5), min_size=1, max_size=20))
def test_names_at_the_ends_of_curves_never_lie_on_each_other(wanted: list[float]) -> None:
    wanted.sort(reverse=True)
    places = spread(wanted, 0.1, 1.0)
    assert places[-1] >= 1.0
    assert all(above - below >= 0.1 - 1e-9 for above, below in pairwise(places))


def test_names_that_have_room_stay_where_they_are() -> None:
    assert spread([4, 3, 2], 0.1, 1.0) == [4, 3, 2]
    assert spread([3, 3, 1], 0.5, 1.0) == [3, 2.5, 1]


def test_around_a_change_a_second_panel_tells_the_old_persona_from_the_new_one(tmp_path: Path) -> None:
    text = words(tmp_path, drifting())
    assert "level for the old persona minus that for the new one" in text
    assert text.splitlines().count(GENERIC) == 2
