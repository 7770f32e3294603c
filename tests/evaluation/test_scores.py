"""`scores.jsonl`: a line for each reply, there as a whole or not at all."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.scores import SHIPPED, OtherScore, Score, dump, load, read, write
from i2a.errors import UsageError

SCORE = Score("offline:oracle", "case-1", "p1", "t1", 1, "offline", 4, "fits", "Hello.", "Hello to you.")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scores = st.builds(
    Score, texts, texts, texts, texts, st.integers(1, 50), texts, st.integers(0, 5) | st.none(), texts, texts, texts
)


@given(scores)
def test_a_line_gives_the_score_back(score: Score) -> None:
    assert load(dump(score)) == score
    assert "\n" not in dump(score)


def test_a_file_gives_the_scores_back_in_their_order(tmp_path: Path) -> None:
    some = [SCORE, replace(SCORE, turn=2, score=None, reason="no score: the judge gave none")]
    assert write(tmp_path / "scores.jsonl", some) == 2
    assert list(read(tmp_path / "scores.jsonl")) == some


def test_scores_are_read_one_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    file.write_text(dump(SCORE) + "\nrubbish\n", encoding="utf-8")
    assert next(read(file)) == SCORE


def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    write(file, [SCORE])

    def breaking() -> Iterator[Score]:
        yield replace(SCORE, score=1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(file, breaking())
    assert list(read(file)) == [SCORE]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"turn": 0}, "turn"),
        ({"turn": "1"}, "turn"),
        ({"score": 3.5}, "score"),
        ({"score": True}, "score"),
        ({"candidate": None}, "candidate"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_a_line_that_is_no_score_is_named_with_file_and_line(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    file = tmp_path / "scores.jsonl"
    bad = json.dumps({**json.loads(dump(SCORE)), **changed})
    file.write_text(f"{dump(SCORE)}\n{bad}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        list(read(file))
    assert str(caught.value).startswith(f"{file}:2: not a score: {said}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        list(read(tmp_path / "none.jsonl"))
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path / "none" / "scores.jsonl", [SCORE])


def test_a_pass_counts_in_percent() -> None:
    assert SHIPPED["aloe"].range == (1, 5)
    assert SHIPPED["strict"].range == (0, 100)


def test_a_rating_for_another_persona_stands_in_the_line_only_where_there_is_one() -> None:
    both = replace(SCORE, other=OtherScore(2, "suits another"))
    assert json.loads(dump(both))["other"] == {"score": 2, "reason": "suits another"}
    assert load(dump(both)) == both
    assert "other" not in json.loads(dump(SCORE))
