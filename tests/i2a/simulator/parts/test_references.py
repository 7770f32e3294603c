"""A fact is referred to by its end, from the word that ties it to what is talked about, and is told by it."""

import json
from pathlib import Path
from typing import Any

import pytest

from i2a.simulator.language.text import rng, stems
from i2a.simulator.parts.phrasing import phrase, recall
from i2a.simulator.parts.references import reference
from i2a.simulator.parts.writer_profile import profile
from i2a.simulator.persona.evidence import false_claim, mentions
from i2a.simulator.persona.facts import Fact, facts
from i2a.simulator.persona.topics import topics_of

SEEDS = Path(__file__).parents[4] / "i2a" / "personas" / "seeds" / "profiles.jsonl"


def one(text: str) -> Fact:
    return facts(text)[-1]


@pytest.mark.parametrize(
    ("text", "about", "shape", "said"),
    [
        ("She follows comets with a telescope made from a drainpipe.", "", "noun", "telescope made from a drainpipe"),
        ("She has a gecko named Niuniu.", "pets", "own", "gecko, Niuniu"),
        ("She runs a driving school with two small cars.", "cars", "noun", "driving school"),
        ("She enjoys writing haiku on till receipts.", "books", "ing", "writing haiku on till receipts"),
        ("She drives the hearse.", "cars", "verb", "drive the hearse"),
        ("She wears her grandmother's coral earrings.", "family", "own", "grandmother's coral earrings"),
        ("She is learning Finnish from a neighbour.", "study", "learning", "learning Finnish from a neighbour"),
        ("She is 30. Still to be learned: Morse code.", "study", "wish", "learn Morse code"),
        ("She is married to Haruka.", "family", "state", "married to Haruka"),
        ("She is 30. The bicycle was stolen.", "cars", "noun", "bicycle"),
        ("She is 30. The doctor wants another blood test.", "health", "clause", "doctor wants another blood test"),
        ("She lives in a prefab bungalow.", "", "verb", "live in a prefab bungalow"),
    ],
)
def test_it_begins_with_the_word_that_ties(text: str, about: str, shape: str, said: str) -> None:
    found = reference(one(text), (about,) if about else ())
    assert found
    assert (found.shape, found.text) == (shape, said)


def test_what_is_talked_about_decides_where_it_begins() -> None:
    fact = one("She restores typewriters in her father's garage.")
    by_topic = {topic: reference(fact, (topic,)) for topic in ("cars", "books")}
    assert by_topic["cars"] != by_topic["books"]
    assert by_topic["books"] is not None
    assert by_topic["books"].text.startswith("typewriters")


@pytest.mark.parametrize("text", ["She is 44.", "Her mother died in May.", "She cannot eat kiwi."])
def test_some_facts_are_recalled_as_a_whole(text: str) -> None:
    assert reference(one(text)) is None


def people() -> list[Any]:
    seeds = [json.loads(line)["profile"] for line in SEEDS.read_text(encoding="utf-8").splitlines() if line]
    return [*seeds, *(profile(rng("referring", number)).text for number in range(60))]


def test_a_reference_is_the_end_of_the_fact_and_mostly_begins_with_its_topic() -> None:
    tied = held = 0
    for text in people():
        for fact in facts(text):
            found = reference(fact, fact.topics[:1])
            if not found:
                continue
            assert found.text in fact.yours
            first = found.text.split()[0].strip(",")
            held += bool(fact.topics)
            tied += bool(fact.topics) and bool(set(topics_of(first)) & set(fact.topics))
    assert tied > 0.7 * held


@pytest.mark.parametrize("manner", ["weave", "echo"])
def test_what_is_recalled_is_recognised_and_never_false(manner: str) -> None:
    made = missed = loose = 0
    for number, text in enumerate(people()):
        for fact in facts(text):
            if fact.kind == "age":
                continue
            line = recall(fact, manner, "", rng(manner, number, fact.text), fact.topics[:1])
            assert not false_claim(line, stems(text), [phrase(fact, "", rng(0))]), line
            own = mentions([fact], line)
            made += 1
            missed += not own
            loose += not any(mention.own_words for mention in own)
    assert missed < 0.02 * made
    assert loose < 0.03 * made
