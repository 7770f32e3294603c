"""The figures of diversity mean what they say: known geometry in, known numbers out."""

import json
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="the extra `personas` is not installed")
pytest.importorskip("sklearn", reason="the extra `personas` is not installed")

from i2a.personas import diversity, lexicon  # noqa: E402
from i2a.personas.diversity import effective_size, overlap, report  # noqa: E402
from i2a.personas.lexicon import Demographics, Traits, demographics, traits  # noqa: E402
from i2a.personas.pool import PersonaPool  # noqa: E402

ALOE = Path(__file__).parents[3].parent / "shared" / "aloe"
published = pytest.mark.skipif(not ALOE.is_dir(), reason=f"the published pools are not at {ALOE}")


def unit(*rows: Any) -> Any:
    """Rows of length 1."""
    made = np.array(rows, dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def texts(count: int) -> list[str]:
    return [f"She is {30 + number} and has number {number}." for number in range(count)]


def random_rows(count: int, size: int = 16) -> Any:
    return unit(*np.random.default_rng(0).standard_normal((count, size)))


def test_the_nearest_other_is_the_most_similar_one() -> None:
    # At 0, 10 and 90 degrees.
    rows = unit([1, 0], [np.cos(np.pi / 18), np.sin(np.pi / 18)], [0, 1])
    found = report(texts(3), rows, "profile", 0.9)
    assert found.nearest is not None
    assert found.nearest.most == pytest.approx(np.cos(np.pi / 18), abs=1e-4)
    assert found.nearest.least == pytest.approx(np.sin(np.pi / 18), abs=1e-4)
    assert found.nearest.above_threshold == pytest.approx(2 / 3, abs=1e-4)
    assert sum(found.nearest.histogram) == 3
    assert found.near_duplicates == 1
    assert [(pair.first, pair.second) for pair in found.most_alike] == [(0, 1)]
    assert found.most_alike[0].second_text == texts(3)[1]


def test_tiles_give_what_the_whole_matrix_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(50)
    whole = report(texts(50), rows, "profile", 0.3)
    monkeypatch.setattr(diversity, "TILE", 7)
    assert report(texts(50), rows, "profile", 0.3) == whole
    matrix = rows @ rows.T
    np.fill_diagonal(matrix, -2)
    assert whole.nearest is not None
    assert whole.nearest.median == pytest.approx(np.median(matrix.max(axis=1)), abs=1e-3)
    assert whole.near_duplicates == (matrix > 0.3).sum() / 2
    alike = [pair.similarity for pair in whole.most_alike]
    assert alike == pytest.approx(np.sort(matrix[np.triu_indices(50, 1)])[::-1][:10], abs=1e-3)


def test_the_effective_size_counts_what_is_different() -> None:
    assert effective_size(unit([1, 0], [1, 0], [1, 0])) == 1
    assert effective_size(np.eye(5, dtype=np.float32)) == 5
    assert effective_size(np.repeat(np.eye(3, dtype=np.float32), 40, axis=0)) == 3


def test_groups_are_found_without_being_counted_first() -> None:
    rng = np.random.default_rng(1)
    centres = np.eye(4)[:3]
    rows = unit(*(centres[number % 3] + 0.05 * rng.standard_normal(4) for number in range(30)))
    groups = report(texts(30), rows, "profile", 0.9).groups
    assert groups is not None
    assert (groups.count, groups.sizes, groups.of) == (3, (10, 10, 10), 30)
    assert groups.effective == pytest.approx(3)
    assert groups.silhouette > 0.8
    assert {int(text.split()[2]) % 3 for text in groups.middles} == {0, 1, 2}


def test_groups_of_many_are_found_in_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "SAMPLE", 20)
    groups = report(texts(50), random_rows(50), "profile", 0.9).groups
    assert groups is not None
    assert groups.of == 20


def test_a_pool_of_one_has_no_neighbours_and_no_groups() -> None:
    found = report(["She."], unit([1, 0]), "profile", 0.5)
    assert (found.size, found.nearest, found.groups, found.effective_size) == (1, None, None, 1)


def test_copies_of_one_text_are_no_groups() -> None:
    found = report(["She!", "she"] * 3, unit(*[[1, 0]] * 6), "profile", 0.5)
    assert (found.repeated, found.groups, found.near_duplicates) == (5, None, 15)


def test_a_report_needs_a_vector_for_each_text() -> None:
    with pytest.raises(ValueError, match="0 texts"):
        report([], unit([1, 0]), "profile", 0.5)
    with pytest.raises(ValueError, match="2 texts and 1 vectors"):
        report(["a", "b"], unit([1, 0]), "profile", 0.5)


def test_a_report_is_json() -> None:
    found = report(texts(12), random_rows(12), "profile", 0.3).as_json()
    assert json.loads(json.dumps(found))["nearest"]["most"] == found["nearest"]["most"]


def test_overlap_tells_the_same_words_from_the_same_meaning() -> None:
    mine, theirs = ["She mends clocks.", "He sells fish.", "They swim."], ["he SELLS  fish!", "She repairs clocks."]
    found = overlap(mine, unit([1, 0, 0], [0, 1, 0], [0, 0, 1]), theirs, unit([0, 1, 0], [1, 0.1, 0]), 0.9)
    assert (found.size, found.exact, found.semantic) == (3, 1, 1)
    assert [(pair.first_text, pair.second_text) for pair in found.exact_pairs] == [
        ("He sells fish.", "he SELLS  fish!")
    ]
    assert [(pair.first_text, pair.second_text) for pair in found.semantic_pairs] == [(mine[0], theirs[1])]


def test_overlap_in_tiles_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, others = random_rows(40)[:25], random_rows(40)[20:]
    whole = overlap(texts(25), rows, ["No."] * 20, others, 0.4)
    monkeypatch.setattr(diversity, "TILE", 6)
    assert overlap(texts(25), rows, ["No."] * 20, others, 0.4) == whole
    assert whole.semantic >= 5


def test_traits_are_found_at_their_pole() -> None:
    found = traits(
        ["She is shy and anxious.", "He is kind, calm and outgoing.", "He is never rude and rarely anxious."]
    )
    assert found.covered["introverted"] == pytest.approx(1 / 3, abs=1e-3)
    assert found.covered["neurotic"] == pytest.approx(1 / 3, abs=1e-3)
    assert found.covered["disagreeable"] == 0
    assert found.purely_agreeable == pytest.approx(2 / 3, abs=1e-3)


def test_no_trait_stands_at_two_poles() -> None:
    listed = [word for words in lexicon.TRAITS.values() for word in words.split()]
    assert sorted(listed) == sorted(set(listed))


def test_demographics_are_counted() -> None:
    found = demographics(
        [
            "She is 34 and a nurse in Peru. She has a dog.",
            "He is a 7-year-old pupil. His mother is from Jordan.",
            "They swim. Their friend Jordan eats Italian food.",
            "He is 101 years old and was a baker in South Korea.",
        ]
    )
    assert found == Demographics(
        ages={"0-9": 1, "30-39": 1, "100-109": 1, "unknown": 1},
        pronouns={"he": 2, "she": 1, "they": 1},
        job=0.75,
        family=0.25,
        pets=0.25,
        countries={"Peru": 1, "Jordan": 1, "South Korea": 1},
    )


def test_our_seeds_are_not_all_agreeable() -> None:
    pool = PersonaPool.read()
    found = report(list(pool.personalities.values()), random_rows(20), "personality", 0.6).coverage
    assert isinstance(found, Traits)
    assert found.purely_agreeable < 0.5
    ages = demographics(list(pool.profiles.values())).ages
    assert "unknown" not in ages
    assert len(ages) >= 6


@published
def test_the_published_personalities_are_nearly_all_agreeable() -> None:
    pool = PersonaPool.read(ALOE / "profile.jsonl", ALOE / "personality.jsonl")
    assert traits(list(pool.personalities.values())).purely_agreeable > 0.9
    found = demographics(list(pool.profiles.values()))
    assert "unknown" not in found.ages
    assert found.job > 0.9
