"""Free text becomes atomic facts, and facts become sentences in the first and the second person."""

import pytest

from i2a.simulator.language import grammar
from i2a.simulator.language.text import fold, with_article
from i2a.simulator.persona.facts import facts


def wordings(text: str) -> list[str]:
    return [fact.text for fact in facts(text)]


def test_relative_clauses_and_lists_are_split() -> None:
    assert wordings("She is a 34-year-old florist who enjoys hiking, yoga, and painting.") == [
        "34-year-old", "florist", "hiking", "yoga", "painting",
    ]  # fmt: skip


def test_names_stay_with_what_they_name() -> None:
    assert wordings("He has two cats named Pixel and Scribble.") == ["two cats named Pixel and Scribble"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He is married with one son.", ["married", "one son"]),
        ("She holds a degree in law and runs a bakery.", ["a degree in law", "runs a bakery"]),
        ("He has a cat named Tom and a dog named Rex.", ["a cat named Tom", "a dog named Rex"]),
        ("Marek hates parties, never eats breakfast and has a daughter.",
         ["hates parties", "never eats breakfast", "a daughter"]),
        ("In his free time, he enjoys cooking.", ["cooking"]),
        ("- works nights\n- two sons", ["works nights", "two sons"]),
        ("Job: baker\nHobbies: surfing, chess", ["baker", "surfing", "chess"]),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_facts(text: str, expected: list[str]) -> None:
    assert wordings(text) == expected


@pytest.mark.parametrize("person", ["She lives with her dog and she paints.", "You live with your dog and you paint."])
def test_the_same_life_reads_alike_in_any_person(person: str) -> None:
    assert [fact.mine for fact in facts(person)] == ["live with my dog", "paint"]


@pytest.mark.parametrize(
    ("text", "subject", "mine", "yours"),
    [
        ("a darkroom where he develops his photos", "he", "a darkroom where I develop my photos",
         "a darkroom where you develop your photos"),
        ("taught herself to swim", "she", "taught myself to swim", "taught yourself to swim"),
        ("a boat that he is restoring", "he", "a boat that I am restoring", "a boat that you are restoring"),
        ("lives with her husband and his son", "she", "lives with my husband and his son",
         "lives with your husband and his son"),
        ("lives with her husband and their son", "she", "lives with my husband and our son",
         "lives with your husband and your son"),
    ],
)  # fmt: skip
def test_only_the_persons_own_pronouns_shift(text: str, subject: str, mine: str, yours: str) -> None:
    assert grammar.shift(text, subject, "I") == mine
    assert grammar.shift(text, subject, "you") == yours


@pytest.mark.parametrize(("third", "plain"), [("works", "work"), ("studies", "study"), ("goes", "go"), ("has", "have"),
                                              ("teaches", "teach"), ("bakes", "bake"), ("misses", "miss")])  # fmt: skip
def test_verbs_lose_their_third_person(third: str, plain: str) -> None:
    assert grammar.base(third) == plain


@pytest.mark.parametrize(("noun", "phrase"), [("engineer", "an engineer"), ("nurse", "a nurse"), ("MBA", "an MBA"),
                                              ("university", "a university"), ("hour", "an hour")])  # fmt: skip
def test_articles_follow_the_sound(noun: str, phrase: str) -> None:
    assert with_article(noun) == phrase


def test_a_fact_survives_the_way_through_a_hint() -> None:
    for fact in facts("She works in a library. She has two dogs named Ada and Bob. She enjoys chess."):
        again = next(iter(facts(fact.text)), None)
        assert again is not None
        assert (again.kind, again.yours) == (fact.kind, fact.yours)


def test_every_published_profile_yields_facts_in_its_own_words(published: dict[str, list[str]]) -> None:
    for profile in published["profile"]:
        found = facts(profile)
        assert len(found) >= 4, profile
        folded = fold(profile)
        assert all(fact.text in folded for fact in found)
        for fact in found:
            assert not any(f" {word} " in f" {fact.mine} " for word in ("he", "she", "himself", "herself")), fact


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Aged 40, he splices cable in manholes.", ["I'm 40", "I splice cable in manholes"]),
        ("He lives in Rome. His age is 53.", ["I live in Rome", "I'm 53"]),
        (
            "She keeps bees. Visitors ask her for honey every day.",
            ["I keep bees", "visitors ask me for honey every day"],
        ),
        ("He rents a room. The damp has come back.", ["I rent a room", "the damp has come back"]),
    ],
)
def test_ages_and_sentences_of_unknown_verbs_are_read(text: str, clauses: list[str]) -> None:
    assert [fact.clause("I") for fact in facts(text)] == clauses


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        (
            "She is 30. What is left of the week goes to writing haiku on till receipts.",
            ["you're 30", "you like writing haiku on till receipts"],
        ),
        (
            "He is 30. Free hours go to mending clocks, and his flat in Oaxaca, Mexico looks out on a mosque.",
            ["you're 30", "you like mending clocks", "your flat in Oaxaca, Mexico looks out on a mosque"],
        ),
        ("She is 30. Playing the drum in processions began as a bet.", ["you're 30", "you like playing the drum"]),
        (
            "She is 30. Half an hour a day goes to learning to yodel. Still to be learned: braille.",
            ["you're 30", "you're learning to yodel", "you want to learn braille"],
        ),
        ("She is 30. In the hall there is a piano with 17 dead keys.", ["you're 30", "you have a piano"]),
        (
            "He is 47 and animates explosions and smoke for films.",
            ["you're 47", "you animate explosions and smoke for films"],
        ),
        ("She is 34 years old and presses flowers.", ["you're 34", "you press flowers"]),
        ("Aged 57, they head a village council.", ["you're 57", "you head a village council"]),
        ("He is 47 and left-handed.", ["you're 47", "you're left-handed"]),
        ("She is 30. Mould has come back behind the bed.", ["you're 30", "Mould has come back behind the bed"]),
        ("She is 30. A ferret named Lulu steals socks.", ["you're 30", "a ferret named Lulu steals socks"]),
        ("He plants trees on waste ground, 55 so far.", ["you plant trees on waste ground, 55 so far"]),
    ],
)
def test_a_sentence_tells_of_a_person_without_a_word_for_it(text: str, clauses: list[str]) -> None:
    found = [fact.clause("you") for fact in facts(text)]
    assert len(found) == len(clauses), found
    assert all(clause.startswith(expected) for clause, expected in zip(found, clauses, strict=True)), found


def test_what_somebody_does_is_told_without_the_frame_around_it_and_understood_alone() -> None:
    (_, fact) = facts("She is 30. The costliest hobby is reading biographies of explorers.")
    assert fact.text == "reading biographies of explorers"
    assert fact.topics == ("books",)
    assert [again.clause("you") for again in facts(fact.text)] == [fact.clause("you")]


def test_a_raised_digit_is_no_age() -> None:
    assert [fact.kind for fact in facts("\N{SUPERSCRIPT TWO}")] == ["like"]
