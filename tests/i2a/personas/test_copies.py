"""A near-copy is found whatever was done to hide it, and people who merely resemble each other are none."""

import json
import random
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from i2a.personas.copies import CopyIndex, groups, normal
from i2a.personas.pool import PersonaPool

BENCHMARK = PersonaPool.benchmark()
TEXTS = {**BENCHMARK.profiles, **BENCHMARK.personalities}
PUBLISHED = Path(__file__).parents[4] / "shared" / "aloe"
ZERO_WIDTH, CYRILLIC = "\u200b", str.maketrans("aeopcx", "\u0430\u0435\u043e\u0440\u0441\u0445")


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def without_one(text: str) -> str:
    return " ".join(sentences(text)[1:])


def moved(text: str) -> str:
    first, *rest = sentences(text)
    return " ".join([*rest, first])


def numbered(text: str) -> str:
    return " ".join(f"{i}. {sentence}" for i, sentence in enumerate(sentences(text), 1))


def one_word_changed(text: str) -> str:
    words = text.split()
    words[len(words) // 2] = "something"
    return " ".join(words)


DISGUISES: dict[str, Callable[[str], str]] = {
    "a sentence dropped": without_one,
    "the first half alone": lambda text: " ".join(sentences(text)[: len(sentences(text)) // 2]),
    "a sentence added": lambda text: f"{text} In spring, a village fair was cancelled because of rain.",
    "a sentence moved": moved,
    "a label": lambda text: f"Profile: {text}",
    "numbers": numbered,
    "zero-width characters": lambda text: ZERO_WIDTH.join(text),
    "look-alike letters": lambda text: text.translate(CYRILLIC),
    "full-width letters": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "a word changed": one_word_changed,
    "capitals and bullets": lambda text: "\n".join(f"* {sentence.upper()}" for sentence in sentences(text)),
}


@pytest.mark.parametrize("how", DISGUISES)
def test_every_text_of_the_benchmark_is_found_in_every_disguise(how: str) -> None:
    index = CopyIndex(TEXTS)
    assert {id for id, text in TEXTS.items() if index.copied(DISGUISES[how](text)) == [id]} == set(TEXTS)


def test_no_two_texts_that_come_with_i2a_are_copies_of_each_other() -> None:
    seeds = PersonaPool.read()
    texts = {**TEXTS, **seeds.profiles, **seeds.personalities}
    assert groups(texts) == {id: id for id in texts}


def test_what_people_say_of_many_is_no_copy() -> None:
    index = CopyIndex(
        {"a": "She is 34 and works as a nurse. She loves hiking, and she lives with her two cats in Leeds."}
    )
    assert (
        index.copied("She is 34 and works as a baker. She hates hiking, but she lives with her sister in Leeds.") == []
    )
    assert index.copied("She is 34.") == [], "too little to be a copy of anything"


def test_short_texts_are_copies_if_all_of_them_is_the_same() -> None:
    index = CopyIndex({"a": "She is blunt.", "b": "\u5979\u662f\u533b\u751f\u4f4f\u5728\u5317\u4eac"})
    assert index.copied("SHE is  blunt!") == ["a"]
    assert index.copied("She is blunt and kind, but seldom on time.") == []
    assert index.copied("\u5979\u662f\u533b\u751f\u4f4f\u5728\u5317\u4eac\u3002") == ["b"], "no spaces between words"


def test_groups_hold_copies_of_copies_and_follow_from_no_order() -> None:
    text = TEXTS["bench-p01"]
    texts = {"c": text, "a": without_one(text), "b": moved(without_one(text)), "d": TEXTS["bench-p02"]}
    assert groups(texts) == {"a": "a", "b": "a", "c": "a", "d": "d"} == groups(dict(reversed(texts.items())))


def test_the_words_of_a_text_are_what_a_reader_sees() -> None:
    assert normal("Na\u00efve caf\u00e9-owner, 61\u200b!") == "naive cafe owner 61"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published pools are not here")
def test_in_the_published_pools_only_a_true_copy_is_one() -> None:
    pool = PersonaPool.read(PUBLISHED / "profile.jsonl", PUBLISHED / "personality.jsonl")
    index = CopyIndex(TEXTS)
    assert not [text for text in (*pool.profiles.values(), *pool.personalities.values()) if index.copied(text)]
    assert groups(pool.profiles) == {id: id for id in pool.profiles}
    together = groups(pool.personalities)
    (pair,) = [pair for pair in combinations(together, 2) if together[pair[0]] == together[pair[1]]]
    shorter, longer = sorted((pool.personalities[id] for id in pair), key=len)
    assert longer.startswith(shorter)


def test_a_copy_is_found_though_one_word_in_ten_is_another() -> None:
    chance, index = random.Random(0), CopyIndex(TEXTS)
    for id, text in TEXTS.items():
        words = text.split()
        for place in chance.sample(range(len(words)), len(words) // 10):
            words[place] = "other"
        assert index.copied(" ".join(words)) == [id]


# Two people in each of some scripts: with words apart, with letters that run on, with vowels as marks.
SCRIPTS = json.loads((Path(__file__).parents[2] / "fixtures" / "foreign" / "scripts.json").read_text("utf-8"))


@pytest.mark.parametrize("language", SCRIPTS)
def test_copies_are_found_in_any_script_and_other_people_are_none(language: str) -> None:
    one, other = SCRIPTS[language]
    index = CopyIndex({"one": one})
    first_half = one[: len(one) // 2]
    changed = one.replace(one[len(one) // 2 : len(one) // 2 + 3], "x")
    for copy in (one, f"{one} {other[:20]}", f"{other[:20]} {one}", first_half, changed):
        assert index.copied(copy) == ["one"]
    assert index.copied(other) == []


def test_of_texts_without_words_nothing_is_a_copy() -> None:
    assert CopyIndex({"a": "", "b": "..."}).copied("") == []
    assert groups({"a": "", "b": "", "c": "\u200b"}) == {"a": "a", "b": "b", "c": "c"}
