"""Every fact of every seed reads as English from within and from outside, and so do the sentences that once did not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from i2a.simulator.language.text import rng
from i2a.simulator.parts.phrasing import phrase, recall
from i2a.simulator.persona.evidence import revealed
from i2a.simulator.persona.facts import Fact, facts

SEEDS = Path(__file__).parents[4] / "i2a" / "personas" / "seeds" / "profiles.jsonl"
PROFILES = [json.loads(line) for line in SEEDS.read_text(encoding="utf-8").splitlines() if line]
SUBJECT = {
    "I": re.compile(r"(?:I|I'm|I've|my|our)\b|(?:[a-z]+ )+"),
    "you": re.compile(r"(?:you|you're|you've|your)\b|(?:[a-z]+ )+"),
}
WRONG = re.compile(
    r"\b(?:I|you) (?:lives|works|has|is|plays|goes|does|owns|sings|drives|keeps|eats|takes)\b|\bI are\b|\byou am\b"
    r"|\bmy my\b|\byour your\b|\b(?:with|drives|teaching|has put) (?:my|your)(?: (?:in|to|sign)\b|$)"
    r"|\b(?:enough of|time for|would|into|like) (?:On|At|In|From|After|Every|Twice)\b|  |\{|\}|,,"
    r"|\b(?:a|an) (?:a|an)\b",
)
MID_CAPITAL = re.compile(r"(?<=[a-z] )(?:On|At|In|With|From|After|Every|Twice|Her|His|Their|They|She|He|A|An|The)\b")
DANGLING = re.compile(r"(?:\b(?:of|and|or|but|in|at|on|with|for|to|the|a|an|from|which|that)|,)$")


def every_fact() -> list[Any]:
    return [pytest.param(fact, id=fact.text[:40]) for entry in PROFILES for fact in facts(entry["profile"])]


@pytest.mark.parametrize("fact", every_fact())
def test_a_seed_fact_is_a_clause_of_either_person(fact: Fact) -> None:
    for person in ("I", "you"):
        clause = fact.clause(person)
        assert SUBJECT[person].match(clause), clause
        assert not clause[0].isupper() or clause.startswith("I"), clause
        for fault in (WRONG, MID_CAPITAL, DANGLING):
            assert not fault.search(clause), clause
        if fact.kind != "say":
            assert clause.startswith(person), clause


@pytest.mark.parametrize("fact", every_fact())
def test_a_seed_fact_is_told_and_recalled_in_good_shape(fact: Fact) -> None:
    for seed in range(4):
        said = [phrase(fact, "", rng(seed)), recall(fact, "weave", "", rng(seed)), recall(fact, "echo", "", rng(seed))]
        for text in said:
            assert text[0].isupper(), text
            assert text[-1] in ".?!", text
            for fault in (WRONG, MID_CAPITAL):
                assert not fault.search(text.replace(". A ", ". ")), text


@pytest.mark.parametrize("fact", every_fact())
def test_a_seed_fact_is_known_once_it_was_said(fact: Fact) -> None:
    assert revealed([fact], [phrase(fact, "", rng(0))]) == (fact,)


@pytest.mark.parametrize("entry", PROFILES, ids=lambda entry: entry["id"])
def test_a_seed_fact_is_understood_alone_as_in_a_hint(entry: dict[str, str]) -> None:
    for fact in facts(entry["profile"]):
        assert [again.clause("you") for again in facts(fact.text)] == [fact.clause("you")]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("On Thursday evenings they climb at an indoor wall in Leeds.",
         ["you climb at an indoor wall in Leeds on Thursday evenings"]),
        ("They are 26 and deliver parcels by bike.", ["you're 26", "you deliver parcels by bike"]),
        ("He is 63 and farms potatoes on four terraces.", ["you're 63", "you farm potatoes on four terraces"]),
        ("They buy old cameras at fairs and own nine, of which four work.", ["you buy old cameras at fairs"]),
        ("They broke off their studies after two years and still owe the fees.",
         ["you broke off your studies after two years"]),
        ("Their own front wheel was stolen last week.", ["your own front wheel was stolen last week"]),
        ("A neighbour drives her to the clinic.", ["a neighbour drives you to the clinic"]),
        ("She was born in Oslo and cleans offices.", ["you were born in Oslo", "you clean offices"]),
        ("His father came from Cork, and he cooks stew every Sunday.",
         ["your father came from Cork", "you cook stew every Sunday"]),
        ("Dinner is rice with beans.", ["your dinner is rice with beans"]),
        ("He plays the oud, which he carried across a border.", ["you play the oud"]),
        ("A retired diver in her sixties who talks to gulls and sells tea.",
         ["you're a retired diver in your sixties", "you talk to gulls", "you sell tea"]),
        ("- works nights\n- two ferrets called Salt and Pepper\n- allergic to nuts",
         ["you work nights", "you have two ferrets, Salt and Pepper", "you're allergic to nuts"]),
        ("I'm a plumber from Cork, 44, two kids, and I can't stand cilantro.",
         ["you're a plumber from Cork", "you're 44", "you have two kids", "you can't stand cilantro"]),
    ],
)  # fmt: skip
def test_sentences_that_once_went_wrong(text: str, clauses: list[str]) -> None:
    assert [fact.clause("you") for fact in facts(text)] == clauses


def test_what_hangs_on_a_clause_is_told_with_it_and_needed_by_nobody() -> None:
    (fact,) = facts("He plays the oud, which he carried across a border.")
    assert fact.more == ", which I carried across a border"
    assert any("border" in phrase(fact, "", rng(seed)) for seed in range(12))


def test_no_dialogue_of_the_seeds_breaks_grammar(chats: Any) -> None:
    for at, entry in enumerate(PROFILES[:8]):
        for turn in chats.converse(entry["profile"], "She is shy. She is warm.", seed=at, turns=6):
            for text in (turn.message, turn.informed, turn.generic):
                assert not WRONG.search(text), text


@pytest.mark.parametrize(
    ("profile", "more"),
    [
        ("He grew up in four foster homes and still writes to one of the fathers.", " and still write to one of them"),
        ("She has had two knees replaced and still climbs stiles.", " and still climb stiles"),
        ("She bakes elaborate cakes and often shares them with her colleagues.", " and often share them"),
        ("They play the tuba in the band, which rehearses every day.", ", which rehearses every day"),
        ("She is learning to weld, and the exam is in October.", ", and the exam is in October"),
    ],
)
def test_what_hangs_on_to_a_fact_agrees_with_i(profile: str, more: str) -> None:
    assert next(fact.more for fact in facts(profile) if fact.more).startswith(more.removesuffix(" of them"))


def test_a_fact_often_stands_without_words_around_it() -> None:
    (fact,) = facts("He plays the tuba.")
    said = [phrase(fact, "", rng(seed)) for seed in range(100)]
    assert 30 < said.count("I play the tuba.") < 75
