"""The filter gives what comparing each candidate with everything kept would give, below and beyond the switch."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

np = pytest.importorskip("numpy", reason="the extra `personas` is not installed")

from agents.persona_writers import ProfileWriter  # noqa: E402
from i2a.personas.encoders import open_encoder  # noqa: E402
from i2a.personas.growing import GrowingPool, KeptVectors, Matrix, Rules, filter_batch  # noqa: E402
from i2a.personas.pool import PersonaPool  # noqa: E402


def people(n: int, seed: int, *, dimensions: int = 48) -> Matrix:
    """Unit rows; every third is near the one before it."""
    rows = np.random.default_rng(seed).standard_normal((n, dimensions)).astype(np.float32)
    rows[2::3] = rows[1::3][: len(rows[2::3])] + 0.5 * rows[2::3]
    unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def one_by_one(rows: Iterable[Matrix], threshold: float) -> list[bool]:
    """The rule, in the plainest words."""
    kept: list[Matrix] = []
    passed = []
    for row in rows:
        passed.append(all(float(row @ other) <= threshold for other in kept))
        if passed[-1]:
            kept.append(row)
    return passed


def filtered(kept: KeptVectors, rows: Matrix, threshold: float, batch: int) -> list[bool]:
    return [
        passes for start in range(0, len(rows), batch) for passes in filter_batch(kept, rows[start:][:batch], threshold)
    ]


def test_nothing_kept_is_near_to_nothing() -> None:
    kept = KeptVectors()
    assert len(kept) == 0
    assert kept.nearest(people(3, 1)).tolist() == [-1, -1, -1]
    kept.add(people(0, 1))
    assert len(kept) == 0
    assert filter_batch(kept, people(0, 1), 0.6) == []


@given(st.lists(st.integers(0, 90), max_size=6), st.integers(0, 20), st.integers(0, 99))
def test_nearest_is_what_comparing_with_all_gives(sizes: list[int], queries: int, seed: int) -> None:
    kept, rows = KeptVectors(), people(sum(sizes), seed)
    for part in np.split(rows, np.cumsum(sizes)[:-1]) if sizes else []:
        kept.add(part)
    asked = people(queries, seed + 1)
    expected = (asked @ rows.T).max(axis=1) if len(rows) else np.full(queries, -1)
    assert len(kept) == len(rows)
    assert kept.nearest(asked).dtype == np.float32
    assert np.allclose(kept.nearest(asked), expected, atol=1e-6)
    if len(rows):
        assert np.array_equal(kept.vectors, rows)


@given(st.integers(0, 80), st.integers(1, 30), st.integers(0, 99), st.sampled_from([0.1, 0.3, 0.6, 0.9]))
def test_a_batch_is_decided_as_one_by_one(n: int, batch: int, seed: int, threshold: float) -> None:
    kept, rows = KeptVectors(), people(n, seed, dimensions=12)
    passed = filtered(kept, rows, threshold, batch)
    assert passed == one_by_one(rows, threshold)
    assert len(kept) == sum(passed)
    assert np.array_equal(kept.vectors, rows[passed]) or not n


def test_a_batch_larger_than_one_block_is_decided_as_one_by_one() -> None:
    rows = people(2500, 3)
    assert filter_batch(KeptVectors(), rows, 0.6) == one_by_one(rows, 0.6)


def test_the_same_person_twice_is_kept_once_even_in_one_batch() -> None:
    row = people(1, 4)
    assert filter_batch(KeptVectors(), np.concatenate([row, row, -row]), 0.99) == [True, False, True]


def test_what_is_kept_cannot_be_changed_from_outside_and_does_not_follow_its_source() -> None:
    kept, rows = KeptVectors(), people(5, 5)
    kept.add(rows)
    rows[:] = 0
    assert np.allclose(np.linalg.norm(kept.vectors, axis=1), 1)
    with pytest.raises(ValueError, match="read-only"):
        kept.vectors[0] = 0
    kept.add(people(500, 6))
    assert len(kept.vectors) == 505


@pytest.mark.parametrize("exact_up_to", [0, 700])
def test_growth_beyond_the_switch_keeps_the_decisions(exact_up_to: int) -> None:
    pytest.importorskip("usearch", reason="the extra `personas` is not installed")
    rows = people(3000, 7)
    exact, graph = KeptVectors(), KeptVectors(exact_up_to=exact_up_to)
    passed = filtered(graph, rows, 0.6, 20)
    assert passed == filtered(exact, rows, 0.6, 20)
    assert 1500 < len(graph) < 2500
    asked = people(200, 8)
    found, true = graph.nearest(asked), exact.nearest(asked)
    assert np.all(found <= true + 1e-6)
    assert np.mean(found >= true - 1e-6) > 0.95


def test_the_same_adds_give_the_same_answers_beyond_the_switch() -> None:
    pytest.importorskip("usearch", reason="the extra `personas` is not installed")
    rows, asked = people(1500, 9), people(300, 10)
    one, other = KeptVectors(exact_up_to=100), KeptVectors(exact_up_to=100)
    one.add(rows)
    for start in range(0, 1500, 70):
        other.add(rows[start : start + 70])
    assert np.array_equal(one.nearest(asked), other.nearest(asked))


def test_the_filter_keeps_the_seeds_and_rejects_their_copies_by_tfidf() -> None:
    pytest.importorskip("sklearn", reason="the extra `personas` is not installed")
    encoder, kept = open_encoder("tfidf"), KeptVectors()
    profiles = list(PersonaPool.read().profiles.values())
    shuffled = [". ".join(reversed(text.rstrip(".").split(". "))).replace("He ", "She ") for text in profiles]
    assert all(filter_batch(kept, encoder.encode(profiles), encoder.threshold))
    assert not any(filter_batch(kept, encoder.encode(shuffled), encoder.threshold))


def test_a_writer_that_repeats_its_prompt_has_written_nobody() -> None:
    instructions = ProfileWriter.prompt.own_texts
    line = next(line for line in ProfileWriter.prompt.text.splitlines() if line.startswith("- Each profile holds"))
    seeds = list(PersonaPool.read(None, None).profiles.values())
    pool = GrowingPool(Rules("profile", 0.9, 60, instructions=instructions), seeds[:10], open_encoder("tfidf"))
    pool.offer(f"1. {line[2:]}\n2. {seeds[11]}")
    assert pool.rejections == {"repeats the prompt": 1}
    assert pool.texts[10:] == [seeds[11]]
