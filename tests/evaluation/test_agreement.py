"""Agreement of judges and people: the textbook numbers, and no number where there is none."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from evaluation.agreement import Agreement, agreement, alphas, kappas
from evaluation.ratings import ReplyKey, read_ratings
from evaluation.scores import ALOE, STRICT, Protocol, Score
from i2a.errors import UsageError
from i2a.report.tables import agreement_table

FIRST = (1, 2, 3, 3, 2, 1, 4, 1, 2, 5)
SECOND = (1, 2, 3, 3, 2, 2, 4, 1, 2, 5)


def judged(judge: str, given: Sequence[int | None]) -> list[Score]:
    """A reply of a case each."""
    return [Score("oracle", f"c{i}", "p", "t", 1, judge, score, "", "", "") for i, score in enumerate(given)]


def of(*judges: Sequence[int | None], ratings: Path | None = None) -> Agreement:
    found = agreement([s for i, given in enumerate(judges) for s in judged(f"j{i}", given)], ALOE, ratings)
    assert found is not None
    return found


def rating(case: int, score: int, **more: object) -> dict[str, object]:
    return {"candidate": "oracle", "case": f"c{case}", "turn": 1, "score": score, **more}


def jsonl(folder: Path, *rows: object) -> Path:
    file = folder / "ratings.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def shown(found: Agreement) -> str:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(agreement_table(found))
    return captured.get()


def test_two_judges_that_say_the_same_agree_wholly() -> None:
    found = of(FIRST, FIRST)
    assert [alpha.alpha for alpha in found.alphas] == [1.0]
    (pair,) = found.pairs
    assert (pair.replies, pair.equal, pair.kappa) == (10, 1.0, 1.0)


def test_one_point_of_disagreement_in_ten_replies() -> None:
    """Weighted kappa by hand: 1 - sum of squared differences / that of all cross pairs over n."""
    (pair,) = of(FIRST, SECOND).pairs
    expected = sum((a - b) ** 2 for a in FIRST for b in SECOND) / 10
    assert pair.equal == 0.9
    assert pair.kappa == pytest.approx(1 - 1 / expected)


def test_krippendorffs_own_example() -> None:
    """Table with 4 observers and 12 units of "Computing Krippendorff's Alpha-Reliability" (2011): ordinal, 0.815."""
    nothing = None
    found = of(
        (1, 2, 3, 3, 2, 1, 4, 1, 2, nothing, nothing, nothing),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nothing, 3),
        (nothing, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nothing),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nothing),
    )
    (alpha,) = found.alphas
    assert alpha.alpha == pytest.approx(0.815, abs=5e-4)
    assert (alpha.among, alpha.raters, alpha.replies) == ("judges", 4, 11)
    assert len(found.pairs) == 6


def test_opposites_disagree_more_than_chance() -> None:
    found = of((1, 5, 1, 5), (5, 1, 5, 1))
    assert found.alphas[0].alpha is not None
    assert found.alphas[0].alpha < 0
    assert found.pairs[0].kappa == -1


def test_a_miss_by_one_point_weighs_less_than_one_by_four() -> None:
    """Also where the scores between do not occur: the weights go by points, not by the rank of a score."""
    near, far = of((1, 2, 5, 5), (1, 1, 5, 5)).pairs[0], of((1, 5, 5, 5), (1, 1, 5, 5)).pairs[0]
    assert near.kappa is not None
    assert far.kappa is not None
    assert near.kappa > 0.9 > far.kappa


def test_where_nothing_varies_nothing_is_defined() -> None:
    found = of((3, 3, 3), (3, 3, 3))
    assert (found.alphas[0].alpha, found.pairs[0].kappa, found.pairs[0].equal) == (None, None, 1.0)
    assert '"-": undefined' in shown(found)


def test_judges_with_no_reply_in_common_agree_on_nothing() -> None:
    found = of((3, 4, None, None), (None, None, 1, 2))
    assert (found.alphas[0].alpha, found.alphas[0].replies) == (None, 0)
    assert (found.pairs[0].replies, found.pairs[0].equal, found.pairs[0].kappa) == (0, None, None)


def test_unscored_replies_take_no_part() -> None:
    assert of((*FIRST, None, 5), (*FIRST, 1, None)) == of(FIRST, FIRST)


def test_one_judge_alone_agrees_with_nobody() -> None:
    assert agreement(judged("j", FIRST), ALOE) is None


def test_people_are_raters_beside_the_judges(tmp_path: Path) -> None:
    rows = [rating(i, score, rater=who) for who in ("ann", "bob") for i, score in enumerate(SECOND)]
    found = of(FIRST, ratings=jsonl(tmp_path, *rows))
    assert found.raters == ("j0", "human:ann", "human:bob")
    assert {alpha.among: alpha.alpha for alpha in found.alphas}["people"] == 1.0
    assert {alpha.among for alpha in found.alphas} == {"people", "judges and people"}
    assert [pair.second for pair in found.pairs if pair.first == "j0"] == ["human:ann", "human:bob"]


def test_a_csv_file_will_do_and_the_rater_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("\ufeffcase,turn,candidate,score,comment\r\nc0,1,oracle,1,\r\nc1,1,oracle,3,hm\r\n", "utf-8")
    found = of(FIRST, ratings=file)
    assert found.raters == ("j0", "human")
    assert (found.pairs[0].replies, found.pairs[0].equal) == (2, 0.5)


def test_ratings_of_other_replies_are_counted_and_left_out(tmp_path: Path) -> None:
    file = jsonl(tmp_path, rating(0, 1), rating(1, 2), rating(99, 5))
    found = of(FIRST, ratings=file)
    assert found.unmatched == 1
    assert found.pairs[0].replies == 2
    assert "left out, as no judge scored the reply: 1 rating by people" in shown(found)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"candidate": "oracle", "case": "c1", "turn": 1}, "not a rating: score"),
        (rating(1, 6), "6 is no score of the protocol 'aloe', 1 to 5"),
        (rating(0, 2), "human rates this reply a second time"),
        ("[]", "not a rating"),
        (rating(1, 2) | {"turn": "first"}, "not a rating: turn"),
    ],
)
def test_a_bad_rating_is_named_with_file_and_line(tmp_path: Path, row: object, said: str) -> None:
    file = jsonl(tmp_path, rating(0, 1), row)
    with pytest.raises(UsageError, match=r"^[^\n]*$") as caught:
        of(FIRST, ratings=file)
    assert str(caught.value).startswith(f"{file}:2: {said}")


def test_a_bad_row_of_csv_is_named_too(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("candidate,case,turn,score\noracle,c0,1,1\noracle,c1,1,much,more\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"ratings\.csv:3: not a rating: score"):
        of(FIRST, ratings=file)


def test_a_file_of_other_ratings_or_none_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rating is of a reply that was scored here"):
        of(FIRST, ratings=jsonl(tmp_path, rating(99, 1)))
    with pytest.raises(UsageError, match="cannot be read"):
        of(FIRST, ratings=tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"candidate,case,turn,score\n\xe9,c0,1,1\n")
    with pytest.raises(UsageError, match="cannot be read"):
        of(FIRST, ratings=tmp_path / "latin.csv")


def test_pass_and_fail_have_an_agreement_too() -> None:
    passed = [replace(s, score=s.score // 3) for s in [*judged("a", FIRST), *judged("b", SECOND)] if s.score]
    found = agreement([replace(s, score=min(s.score or 0, 1)) for s in passed], STRICT)
    assert found is not None
    assert found.pairs[0].kappa == 1


def test_the_agreement_is_plain_json_and_fits_the_terminal() -> None:
    found = of(FIRST, SECOND)
    assert json.loads(json.dumps(found.as_json()))["pairs"][0]["equal"] == 0.9
    assert max(map(len, shown(found).splitlines())) <= 80


def test_the_scale_is_that_of_the_protocol(tmp_path: Path) -> None:
    own = Protocol("own", "points 0-100", 0, 100)
    scores = [*judged("a", [0, 50, 100]), *judged("b", [10, 50, 90])]
    found = agreement(scores, own, jsonl(tmp_path, rating(0, 100)))
    assert found is not None
    assert found.pairs[0].kappa == pytest.approx(
        1 - 200 / ((0 - 10) ** 2 + 2 * 50**2 + 2 * 40**2 + 90**2 * 2 + 100) * 3
    )
    with pytest.raises(UsageError, match="101 is no score of the protocol 'own', 0 to 100"):
        agreement(scores, own, jsonl(tmp_path, rating(0, 101)))


def test_the_coefficients_are_those_of_the_libraries_on_any_ratings() -> None:
    import krippendorff
    from sklearn.metrics import cohen_kappa_score

    random = np.random.default_rng(4)
    for _ in range(20):
        one, other = random.integers(1, 6, (2, 30))
        table = np.zeros((5, 5))
        np.add.at(table, (one - 1, other - 1), 1)
        expected = cohen_kappa_score(one, other, labels=range(1, 6), weights="quadratic")
        assert float(kappas(table)) == pytest.approx(expected)
        alpha = krippendorff.alpha(np.array([one, other], dtype=float), level_of_measurement="ordinal")
        assert float(alphas(table + table.T)) == pytest.approx(alpha)


def test_an_interval_holds_the_coefficient_and_needs_a_few_cases() -> None:
    some = [
        Score("c", f"case{i}", "p", "t", 1, judge, 1 + (i * step) % 5, "", "", "")
        for i in range(40)
        for judge, step in (("a", 1), ("b", 3))
    ]
    found = agreement(some, ALOE)
    assert found is not None
    (pair,), (alpha,) = found.pairs, found.alphas
    assert pair.interval is not None
    assert alpha.interval is not None
    assert pair.interval[0] < pair.kappa < pair.interval[1]  # type: ignore[operator]
    assert alpha.interval[0] < alpha.alpha < alpha.interval[1]  # type: ignore[operator]
    few = agreement(some[:8], ALOE)
    assert few is not None
    assert few.pairs[0].interval is None
    assert sum(map(sum, pair.confusion)) == pair.replies == 40
    assert pair.confusion[1] == (0, 0, 0, 8, 0), "whoever gets 2 from one gets 4 from the other"


def test_a_skipped_reply_has_no_rating_and_a_revised_rating_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "ratings.jsonl"
    one = {"candidate": "c", "case": "x", "rater": "ann"}
    lines = [
        {**one, "turn": 1, "score": 2},
        {**one, "turn": 2, "score": None, "skipped": "unreadable"},
        {**one, "turn": 1, "score": 4, "revised": True},
        {**one, "turn": 3, "score": 5},
        {**one, "turn": 3, "score": None, "skipped": "a slip", "revised": True},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_ratings(file, ALOE) == {"human:ann": {ReplyKey("c", "x", 1): 4}}
