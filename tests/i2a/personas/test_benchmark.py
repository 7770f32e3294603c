"""The personas of the benchmark are fit for a pool, differ from each other, and share nothing with the seeds."""

import re

import pytest

from i2a.personas.pool import PersonaPool
from i2a.personas.quality import check, facts
from i2a.trees.persona import KINDS, Kind

BENCHMARK, SEEDS = PersonaPool.benchmark(), PersonaPool.read()


def texts(pool: PersonaPool, kind: Kind) -> dict[str, str]:
    return dict(pool.profiles if kind == "profile" else pool.personalities)


def names(text: str) -> set[str]:
    """The words with a capital that do not begin a sentence, but for days, months and languages that anybody shares."""
    common = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "May", "March", "January"}
    common |= {"August", "September", "April", "Easter", "English", "Spanish", "French", "Ramadan"}
    found = {word.removesuffix("'s") for word in re.findall(r"(?<=[\w,;] )[A-Z]\w+", text)}
    return {word for word in found if word.removesuffix("s") not in common}


def test_there_are_20_profiles_and_5_personalities_for_100_cases() -> None:
    assert (len(BENCHMARK.profiles), len(BENCHMARK.personalities), BENCHMARK.pairs) == (20, 5, 100)
    assert len({persona.id for persona in BENCHMARK.draw(100, seed=1)}) == 100


@pytest.mark.parametrize("kind", KINDS)
def test_each_passes_the_checks_of_a_pool(kind: Kind) -> None:
    for id, text in texts(BENCHMARK, kind).items():
        assert check(text, kind) is None, id
        least, most = facts(text)
        assert least >= 5, id
        assert most >= 8, id


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_like_a_seed_or_like_another(kind: Kind) -> None:
    pytest.importorskip("sklearn", reason="needs the extra `personas`")
    from i2a.personas.encoders import open_encoder

    encoder = open_encoder("tfidf")
    mine, seeds = texts(BENCHMARK, kind), texts(SEEDS, kind)
    vectors = encoder.encode([*mine.values(), *seeds.values()])
    alike = vectors @ vectors.T
    for at, id in enumerate(mine):
        others = [similarity for to, similarity in enumerate(alike[at]) if to != at]
        assert max(others) < 0.35, id


def test_no_person_pet_or_place_is_shared_with_the_seeds() -> None:
    theirs = set[str]().union(*(names(text) for text in SEEDS.profiles.values()))
    for id, text in BENCHMARK.profiles.items():
        assert not names(text) & theirs, id


def test_the_engine_finds_most_of_what_a_profile_says() -> None:
    from i2a.simulator.persona.facts import facts as found
    from i2a.simulator.persona.style import styles

    for id, text in BENCHMARK.profiles.items():
        assert len(found(text)) >= 8, id
    assert [styles(text)[0] for text in BENCHMARK.personalities.values()] == [
        "blunt", "shy", "sarcastic", "analytical", "warm",
    ]  # fmt: skip
