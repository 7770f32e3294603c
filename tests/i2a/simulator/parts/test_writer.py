"""The offline Persona Writer: many different people, each of a piece, and the same ones for the same seed."""

import os
import random
import re
import subprocess
import sys
from functools import cache

import pytest

from i2a.errors import UsageError
from i2a.models.model import Message
from i2a.models.spec import ModelSpec
from i2a.simulator.client import OfflineModel
from i2a.simulator.language.text import load, rng, sentences, stems
from i2a.simulator.parts.writer import WrittenPersonality, asks_for_personas, personality, traits, write
from i2a.simulator.parts.writer_markup import Values, agree, gerund, part, render
from i2a.simulator.parts.writer_profile import WrittenProfile, profile
from i2a.simulator.persona.evidence import distinctive
from i2a.simulator.persona.facts import facts

PROMPT = "You invent people.\n\n<kind>{kind}</kind>\n<count>{count}</count>\n\n<examples>\n- {example}\n</examples>"
PRONOUNS = {
    "she": re.compile(r"\b(?:she|herself)\b", re.I),
    "he": re.compile(r"\b(?:he|him|himself)\b", re.I),
}
LIFE = re.compile(r"\bworks (?:as|at|for)\b|\byears old\b|\bhobby\b|\blives in\b|\bretired from\b|\b\d\d\b")


def asked(kind: str, *, count: int = 20, seed: int = 0, example: str = "She is 40.") -> list[str]:
    prompt = PROMPT.format(kind=kind, count=count, example=example)
    return write([Message("system", prompt), Message("user", "(Write the list.)")], seed=seed).splitlines()


@cache
def profiles() -> tuple[WrittenProfile, ...]:
    return tuple(profile(rng("test", number)) for number in range(2000))


@cache
def personalities() -> tuple[WrittenPersonality, ...]:
    return tuple(personality(rng("test", number)) for number in range(2000))


@cache
def of_values(values: Values) -> tuple[str, ...]:
    return tuple(profile(rng("test", number), values).text for number in range(400))


def every_text() -> list[str]:
    return [one.text for one in profiles()] + [one.text for one in personalities()]


def test_a_prompt_with_kind_and_count_asks_for_personas() -> None:
    assert asks_for_personas(PROMPT.format(kind="profile", count=3, example="x"))
    assert asks_for_personas(PROMPT.format(kind="personality", count=20, example="x"))
    assert not asks_for_personas("<profile>\nShe is 40.\n</profile>")
    assert not asks_for_personas(PROMPT.format(kind="poem", count=3, example="x"))
    assert not asks_for_personas(PROMPT.format(kind="profile", count="many", example="x"))
    with pytest.raises(ValueError, match="<kind>"):
        write([Message("system", "hello")], seed=1)


@pytest.mark.parametrize("kind", ["profile", "personality"])
@pytest.mark.parametrize("count", [1, 20, 37])
def test_the_answer_is_a_numbered_list_of_as_many_as_asked(kind: str, count: int) -> None:
    lines = asked(kind, count=count)
    assert [line.split(". ", 1)[0] for line in lines] == [str(number) for number in range(1, count + 1)]
    assert len({line.split(". ", 1)[1] for line in lines}) == count


def test_seed_and_kind_decide_and_an_example_is_not_repeated() -> None:
    assert asked("profile", seed=4) == asked("profile", seed=4)
    assert not set(asked("profile", seed=4)) & set(asked("profile", seed=5))
    first = asked("personality", count=1)[0].removeprefix("1. ")
    assert first not in asked("personality", example=first)[0]


def test_another_process_with_another_hash_seed_writes_the_same() -> None:
    code = (
        "import hashlib; from i2a.simulator.language.text import rng;"
        "from i2a.simulator.parts.writer_profile import profile;"
        "from i2a.simulator.parts.writer import personality as p;"
        "print(hashlib.sha256(repr([(profile(rng(i)).text, p(rng(i)).text) for i in range(40)]).encode()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(told) == 1


def test_profiles_hold_eight_to_ten_facts_in_five_to_eight_sentences() -> None:
    assert {one.facts for one in profiles()} == {8, 9, 10}
    assert {len(sentences(one.text)) for one in profiles()} <= {5, 6, 7, 8}


def test_personalities_hold_eight_to_ten_traits_in_five_to_eight_sentences() -> None:
    assert {len(one.traits) for one in personalities()} == {8, 9, 10}
    assert {len(sentences(one.text)) for one in personalities()} <= {5, 6, 7, 8}


def test_three_quarters_of_the_profiles_are_different_and_so_are_the_personalities() -> None:
    assert len({one.text for one in profiles()}) >= 1500
    assert len({one.text for one in personalities()}) >= 1500


def test_more_than_a_third_of_the_personalities_are_no_easy_company() -> None:
    difficult = [one for one in personalities() if sum(trait.hard for trait in one.traits) >= 3]
    assert len(difficult) >= len(personalities()) / 3
    assert any(not any(trait.hard for trait in one.traits) for one in personalities())


def test_no_two_traits_of_a_personality_exclude_each_other() -> None:
    known = traits()
    for one in personalities():
        names = {trait.name for trait in one.traits}
        assert not any(known[name].excluded & names for name in names)


def test_personalities_tell_nothing_of_a_life() -> None:
    for one in personalities():
        assert not LIFE.search(one.text), one.text


def test_profiles_name_no_trait() -> None:
    adjectives = {word for trait in traits().values() for word in trait.adjectives}
    named = re.compile(
        r"\b[Ss]?(?:[Hh]e|[Tt]hey) (?:is|are) (?:" + "|".join(sorted(map(re.escape, adjectives))) + r")\b"
    )
    for one in profiles():
        assert not named.search(one.text), one.text


def test_nothing_of_the_markup_is_left() -> None:
    for text in every_text():
        assert not re.search(r"[@*{}<>|~#]|\b(\w+) \1\b(?<!had had)| {2}|\.\.", text), text


def test_articles_and_verbs_agree() -> None:
    for text in every_text():
        assert not re.search(r"\b[Aa] [aeio](?!ne\b|nce\b|uro)|\b[Aa]n [bcdfgjklmnpqrstvwz]", text), text
        assert not re.search(r"\bthey (?:never |still |also )?(?:\w+[^s\W]s|is|has|was)\b", text, re.I), text
        assert not re.search(r"\b(?:she|he) (?:are|have|were|do|go|work|keep|live|play)\b", text, re.I), text


def test_a_profile_is_about_one_person_with_one_pronoun_and_one_age() -> None:
    for told in every_text():
        assert sum(bool(form.search(told)) for form in PRONOUNS.values()) <= 1, told
    for one in profiles():
        ages = re.findall(
            r"(?:[Ss]he|[Hh]e) (?:is|turned) (\d\d)\b|(?:At|Aged) (\d\d),|They (?:are|turned) (\d\d)\b", one.text
        )
        assert len(ages) <= 1, one.text


def test_whoever_eats_no_meat_is_served_none() -> None:
    table = load("writer_places.toml")
    meat = [dish for entry in table.values() for dish in entry["dishes"] if not dish.startswith("~")]
    for one in profiles():
        if re.search("vegetarian|gave up meat|not eat meat", one.text):
            assert not any(dish in one.text for dish in meat), one.text


@pytest.mark.parametrize(
    ("verb", "plural"), [("is", "are"), ("carries", "carry"), ("teaches", "teach"), ("bakes", "bake"), ("does", "do")]
)
def test_singular_they_takes_the_plural(verb: str, plural: str) -> None:
    assert agree(verb, "they") == plural
    assert agree(verb, "she") == verb


def test_the_markup_is_rendered_for_each_pronoun() -> None:
    told = [render("@ *owns @r boat and *is a engineer", who) for who in ("she", "he", "they")]
    assert told == [
        "She owns her boat and is an engineer.", "He owns his boat and is an engineer.",
        "They own their boat and are an engineer.",
    ]  # fmt: skip


def test_gerunds() -> None:
    assert [gerund(verb) for verb in ("plays", "bakes", "knits", "does", "dyes")] == [
        "playing", "baking", "knitting", "doing", "dyeing",
    ]  # fmt: skip


def test_all_values_are_the_default_and_every_value_belongs_to_one_part() -> None:
    assert all(profile(rng("test", number), "all") == profiles()[number] for number in range(100))
    hobbies = load("writer_life.toml")["hobbies"]["all"]
    seen, unseen = part("seen", hobbies), part("unseen", hobbies)
    assert sorted(seen + unseen) == sorted(part("all", hobbies)) == sorted(hobbies)
    assert 0.15 < len(unseen) / len(hobbies) < 0.35


@pytest.mark.parametrize(("values", "other"), [("seen", "unseen"), ("unseen", "seen")])
def test_no_place_and_no_work_of_one_part_stands_in_a_text_of_the_other(values: Values, other: Values) -> None:
    cultures, days = load("writer_places.toml"), load("writer_days.toml")["days"]["all"]
    places = [line.split(";")[0] for culture in part(other, cultures) for line in cultures[culture]["places"]]
    details = [
        piece for line in part(other, days) for piece in line.split(" ; ")[1:] if not re.search(r"[@*({]", piece)
    ]
    assert len(details) > 20
    told = "\n".join(of_values(values)).lower()
    assert not any(place in "\n".join(of_values(values)) for place in places)
    assert not any(detail.lower() in told for detail in details)


def test_most_of_what_tells_of_an_unseen_life_was_never_read() -> None:
    read = stems(" ".join(of_values("seen")[:300]))

    def known(texts: tuple[str, ...]) -> float:
        marks = [mark for text in texts for fact in facts(text) for mark in distinctive(fact)]
        return sum(mark in read for mark in marks) / len(marks)

    assert known(of_values("seen")[300:]) > 0.9
    assert known(of_values("unseen")[:100]) < 0.65


def test_the_model_string_chooses_the_values() -> None:
    system = PROMPT.format(kind="profile", count=1, example="x")
    client = ModelSpec.parse("offline?values=unseen").open()
    assert isinstance(client, OfflineModel)
    assert client._answer([Message("system", system)], seed=3) == write(
        [Message("system", system)], seed=3, values="unseen"
    )
    for wrong in ("offline?values=new", "offline:parrot?values=seen", "offline?temperature=1"):
        with pytest.raises(UsageError, match="values=seen"):
            ModelSpec.parse(wrong).open()


@pytest.mark.parametrize("kind", ["profile", "personality"])
def test_a_thousand_of_each_pass_a_filter_of_similarity(kind: str) -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="the filter needs scikit-learn")
    written = [one.text for one in (profiles() if kind == "profile" else personalities())][:1200]
    random.Random(0).shuffle(written)
    vectors = text.TfidfVectorizer().fit_transform(written)
    close = (vectors @ vectors.T).toarray() > 0.6
    kept: list[int] = []
    for place in range(len(written)):
        if not close[place, kept].any():
            kept.append(place)
    assert len(kept) >= 1000
