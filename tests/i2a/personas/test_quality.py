"""What a Persona Writer answers is taken apart in any form, and what is no persona is turned away with a reason."""

import json
import time
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2a.personas.parse import MAX_ANSWER, MAX_TEXT, MAX_TEXTS, parse
from i2a.personas.pool import PersonaPool
from i2a.personas.quality import advice, check, facts, is_english, tally

ALOE = Path(__file__).parents[3].parent / "shared" / "aloe"
published = pytest.mark.skipif(not ALOE.is_dir(), reason=f"the published pools are not at {ALOE}")

ANNA = "Anna is 41 and mends clocks. She has two cats."
BEN = "Ben is 19 and sells fish. He rides a red moped."
CLEO = "Cleo is 70 and retired. She keeps bees on a roof."
ALL = [ANNA, BEN, CLEO]

FORMS = {
    "numbers with a point": f"1. {ANNA}\n2. {BEN}\n3. {CLEO}",
    "numbers with a bracket": f"1) {ANNA}\n2) {BEN}\n3) {CLEO}",
    "numbers in brackets": f"(1) {ANNA}\n(2) {BEN}\n(3) {CLEO}",
    "numbers in square brackets": f"[1] {ANNA}\n[2] {BEN}\n[3] {CLEO}",
    "numbers with a hash": f"#1 {ANNA}\n#2 {BEN}\n#3 {CLEO}",
    "numbers with a dash": f"1 - {ANNA}\n2 - {BEN}\n3 - {CLEO}",
    "bold numbers": f"**1.** {ANNA}\n**2.** {BEN}\n**3.** {CLEO}",
    "escaped points": f"1\\. {ANNA}\n2\\. {BEN}\n3\\. {CLEO}",
    "the number one each time": f"1. {ANNA}\n1. {BEN}\n1. {CLEO}",
    "numbers that begin at 21": f"21. {ANNA}\n22. {BEN}\n23. {CLEO}",
    "labels": f"Profile 1: {ANNA}\nProfile 2: {BEN}\nProfile 3: {CLEO}",
    "labels on a line of their own": f"**Profile 1:**\n{ANNA}\n\n**Profile 2:**\n{BEN}\n\n**Profile 3:**\n{CLEO}",
    "labels as headings": f"### Personality 1\n{ANNA}\n### Personality 2\n{BEN}\n### Personality 3\n{CLEO}",
    "names as headings": f"### Anna\n{ANNA}\n\n### Ben\n{BEN}\n\n### Cleo\n{CLEO}",
    "bold titles": f"1. **The Mender:** {ANNA}\n2. **The Seller**: {BEN}\n3. **The Keeper** - {CLEO}",
    "hyphens": f"- {ANNA}\n- {BEN}\n- {CLEO}",
    "stars": f"* {ANNA}\n* {BEN}\n* {CLEO}",
    "bullets": f"\u2022 {ANNA}\n\u2022 {BEN}\n\u2022 {CLEO}",
    "paragraphs": f"{ANNA}\n\n{BEN}\n\n{CLEO}",
    "broken paragraphs": "\n\n".join(text.replace(" and ", "\nand ") for text in ALL),
    "lines": f"{ANNA}\n{BEN}\n{CLEO}",
    "ruled lines": f"{ANNA}\n\n---\n\n{BEN}\n\n---\n\n{CLEO}",
    "one long line": f"1. {ANNA} 2. {BEN} 3. {CLEO}",
    "Windows line ends": f"1. {ANNA}\r\n2. {BEN}\r\n3. {CLEO}\r\n",
    "several lines to an item": "\n".join(f"{n}. {t.replace('. ', '.{br}   ')}" for n, t in enumerate(ALL, 1)).replace(
        "{br}", "\n"
    ),
    "quotes": f'1. "{ANNA}"\n2. "{BEN}"\n3. "{CLEO}"',
    "curly quotes": f"1. \u201c{ANNA}\u201d\n2. \u201c{BEN}\u201d\n3. \u201c{CLEO}\u201d",
    "bold items": f"1. **{ANNA}**\n2. **{BEN}**\n3. **{CLEO}**",
    "a bold word": "\n".join(f"{n}. {text.replace('She', '**She**')}" for n, text in enumerate(ALL, 1)),
    "quoted lines": f'"{ANNA}"\n"{BEN}"\n"{CLEO}"',
    "a lead-in": f"Sure! Here are 3 profiles:\n\n1. {ANNA}\n2. {BEN}\n3. {CLEO}",
    "a lead-in before lines": f"Here are 3 profiles:\n\n{ANNA}\n{BEN}\n{CLEO}",
    "a lead-in before paragraphs": f"Certainly, 3 profiles follow.\n\n{ANNA}\n\n{BEN}\n\n{CLEO}",
    "a closing remark": f"1. {ANNA}\n2. {BEN}\n3. {CLEO}\n\nEach of these differs in every way that matters.",
    "a closing remark at once": f"1. {ANNA}\n2. {BEN}\n3. {CLEO}\nLet me know if you want more!",
    "a closing remark after paragraphs": f"{ANNA}\n\n{BEN}\n\n{CLEO}\n\nI hope these profiles help.",
    "thoughts": f"<think>\n1. A mender?\n2. A seller?\n</think>\n1. {ANNA}\n2. {BEN}\n3. {CLEO}",
    "a fence": f"```\n1. {ANNA}\n2. {BEN}\n3. {CLEO}\n```",
    "JSON": json.dumps(ALL),
    "indented JSON": json.dumps(ALL, indent=2),
    "JSON in a fence": f"Here you go:\n```json\n{json.dumps(ALL, indent=2)}\n```\nLet me know if that suits.",
    "JSON with a comma too many": json.dumps(ALL).replace("]", ",]"),
    "JSON that was cut off": json.dumps([*ALL, "Dora is"])[:-4],
    "objects": json.dumps([{"id": n, "name": "N.", "profile": text} for n, text in enumerate(ALL)]),
    "objects with a key of their own": json.dumps([{"age": 3, "bio": text} for text in ALL]),
    "objects of facts": json.dumps([{"profile": text.replace(". ", ".|").split("|")} for text in ALL]),
    "an object around them": json.dumps({"profiles": ALL}),
    "an object that was cut off": json.dumps({"profiles": [{"profile": text} for text in [*ALL, "Dora"]]}, indent=1)[
        :-8
    ],
    "numbered keys": json.dumps({f"profile_{n}": text for n, text in enumerate(ALL)}),
    "JSON lines": "\n".join(json.dumps({"profile": text}) for text in ALL),
    "JSON strings": "\n".join(json.dumps(text) for text in ALL),
    "JSON lines and a broken one": "\n".join(
        [json.dumps({"profile": ANNA}), '{"profile": oops}', *(json.dumps({"profile": text}) for text in ALL[1:])]
    ),
}


@pytest.mark.parametrize("answer", FORMS.values(), ids=FORMS)
def test_three_texts_are_found_in_any_form(answer: str) -> None:
    assert parse(answer) == ALL


def test_facts_listed_below_a_heading_are_one_text() -> None:
    answer = "### Anna\n- 41 years old\n- She mends clocks.\n\n### Ben\n- 19 years old\n- He sells fish."
    assert parse(answer) == ["41 years old. She mends clocks.", "19 years old. He sells fish."]


def test_facts_that_are_counted_anew_for_each_person_are_one_text() -> None:
    answer = "Profile 1:\n1. She is 41.\n2. She mends clocks.\nProfile 2:\n1. He is 19.\n2. He sells fish."
    assert parse(answer) == ["She is 41. She mends clocks.", "He is 19. He sells fish."]
    without_labels = "1. She is 41.\n2. She mends clocks.\n\n1. He is 19.\n2. He sells fish."
    assert parse(without_labels) == ["She is 41. She mends clocks.", "He is 19. He sells fish."]


def test_numbers_inside_a_text_are_part_of_it() -> None:
    texts = ["Anna is 41. 2 cats live with her, and 3.5 dogs.", "Ben pays 7) euros."]
    assert parse(f"1. {texts[0]}\n2. {texts[1]}") == texts


def test_speech_at_the_beginning_of_a_text_keeps_its_quotes() -> None:
    texts = ['"Well," she says often. She waits.', 'She answers "no" and then "yes"']
    assert parse("\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))) == texts
    assert parse("\n\n".join(texts)) == texts


@pytest.mark.parametrize("answer", ["", " \n\t\n", "1.\n2.\n3.", "---", "[]", "{}", "```\n```", "\x00\x01\x02" * 50])
def test_nothing_is_found_where_nothing_is(answer: str) -> None:
    assert parse(answer) == []


def test_a_file_of_objects_is_an_answer_too() -> None:
    seeds = files("i2a.personas") / "seeds"
    assert len(parse((seeds / "profiles.jsonl").read_text(encoding="utf-8"))) == 20


HOSTILE = [
    "\n",
    " ",
    "*",
    "[",
    '["',
    '{"a":\n',
    '"',
    '"a\n',
    "a",
    "a b. ",
    "1.",
    "1. a\n",
    "- ",
    "#",
    "1 - \n",
    "**a**\n",
]
HOSTILE += [
    "\x00\x01",
    "\ufffd",
    "<think>",
    '["a",\n',
    "word,\n\n",
    "Profile 1",
    "_",
    "\\",
    "|",
    "(",
    "\u201c",
    "X-",
    "\r",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_five_megabytes_of_anything_take_no_time(piece: str) -> None:
    began = time.monotonic()
    found = parse(piece * (5_000_000 // len(piece)))
    assert time.monotonic() - began < 5
    assert len(found) <= MAX_TEXTS
    assert all(len(text) <= MAX_TEXT for text in found)
    for text in (piece * (MAX_TEXT // len(piece)), *found[:1]):
        check(text, "profile")
        check(text, "personality")
    assert time.monotonic() - began < 5


def test_only_the_beginning_of_an_endless_answer_is_read() -> None:
    assert parse(" " * MAX_ANSWER + ANNA) == []


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=2000)
def test_any_answer_gives_texts_of_one_line_with_a_letter(answer: str) -> None:
    for text in parse(answer):
        assert "\n" not in text
        assert any(map(str.isalpha, text))
        check(text, "profile")


WORDS = ["a", "bee", "7", "in", "Ustí", "mends", "3.5", "well-worn", "don't", "(or", "not)", "x:", '"so"']
WORD = st.sampled_from(WORDS)
SENTENCE = st.lists(WORD, min_size=3, max_size=8).map(lambda words: f"{' '.join(words).capitalize()}.")
TEXT = st.lists(SENTENCE, min_size=1, max_size=4).map(" ".join)


@given(
    st.lists(TEXT, min_size=2, max_size=12),
    st.sampled_from(["{}. {}", "{}) {}", "({}) {}", "#{} {}", "Profile {}: {}"]),
)
@settings(max_examples=100, deadline=2000)
def test_a_numbered_list_gives_back_its_items(texts: list[str], form: str) -> None:
    texts = [f"She {text}" for text in texts]
    assert parse("\n".join(form.format(number, text) for number, text in enumerate(texts, 1))) == texts


PROFILE = (
    "She is 52 and sells train tickets in Brno. Her husband paints walls, and they have a grown son. They live above "
    "a bakery with a parrot called Karel. She swims on Mondays and eats plums. She is learning to knit, and her knee "
    "hurts."
)
PERSONALITY = (
    "He is blunt and says what he thinks. He is impatient with long answers and asks for the point. He is loyal to "
    "his friends, never forgets a promise, and hates to be praised. His jokes are dry. He is easily bored but rarely "
    "unkind."
)


def test_a_fit_text_is_not_rejected() -> None:
    assert check(PROFILE, "profile") is None
    assert check(PERSONALITY, "personality") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I'm sorry, but I can't write profiles of people.", "refusal"),
        (f"As an AI, I do not know people. {PROFILE}", "refusal"),
        ("Here are 20 diverse profiles that differ in topic and in wording.", "refusal"),
        (PROFILE.replace("Karel", "[Name]"), "placeholder"),
        (PROFILE.replace("52", "XX years old"), "placeholder"),
        (PROFILE.replace("Karel", "{pet_name}"), "placeholder"),
        (PROFILE.replace("Karel", "____"), "placeholder"),
        (PROFILE.replace("Karel", "<b>Karel</b>"), "markup"),
        (f"## Anna {PROFILE}", "markup"),
        (PROFILE.replace(" Karel", " | Karel"), "markup"),
        ("She is 52 and sells tickets.", "too short"),
        (PROFILE * 6, "too long"),
        (" ".join(PROFILE.replace(".", "").replace(",", "").replace(" and ", " ").split()), "too few facts"),
        ("She is 52. She swims. " + "She eats plums. " * 12, "too many facts"),
        (PERSONALITY, "describes a personality"),
    ],
)
def test_what_cannot_be_a_profile_is_rejected_for_its_reason(text: str, reason: str) -> None:
    assert check(text, "profile") == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"She is a freelance teacher. {PERSONALITY}", "names an occupation"),
        (f"He works as a night guard. {PERSONALITY}", "names an occupation"),
        (f"As a nurse, he is calm. {PERSONALITY}", "names an occupation"),
        (f"He lives in Brno with his cat. {PERSONALITY}", "describes a life"),
        (f"He is 47 and gloomy. {PERSONALITY}", "describes a life"),
        (PROFILE, "describes a life"),
        (f"He is a hard worker and a good judge of people. {PERSONALITY}", None),
        (f"He is a college student. {PERSONALITY}", "names an occupation"),
        (f"He has the patience of a nurse. {PERSONALITY}", None),
        (f'Often he only says "I cannot". {PERSONALITY} "I\'m sorry" is rare.', None),
    ],
)
def test_what_cannot_be_a_personality_is_rejected_for_its_reason(text: str, reason: str | None) -> None:
    assert check(text, "personality") == reason


FOREIGN = [
    "Elle a trente ans et elle travaille dans une boulangerie de Lyon. Elle aime le tricot et la natation, et elle a "
    "un chat qui dort sur le radiateur. Son mari est au chômage depuis un an.",
    "Sie ist 52 und verkauft Fahrkarten in Brünn. Ihr Mann streicht Wände, und sie haben einen Sohn. Am Montag geht "
    "sie schwimmen, und am Abend isst sie Pflaumen in der Küche.",
    "Tiene 52 años y vende billetes de tren en Brno. Su marido pinta paredes y tienen un hijo. Vive encima de una "
    "panadería con un loro y come ciruelas los lunes por la noche.",
    "Ze is 52 en verkoopt treinkaartjes in Brno. Haar man verft muren en ze hebben een zoon. Ze woont boven een bakker "
    "met een papegaai en eet op maandag in de keuken pruimen.",
    "Ей 52 года, она продаёт билеты. Её муж маляр.",
    "她五十二岁,在布尔诺卖火车票。她的丈夫是油漆工,他们有一个儿子。",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_other_languages_are_not_taken_for_english(text: str) -> None:
    assert not is_english(text)


def test_names_and_foreign_words_do_not_make_english_foreign() -> None:
    assert is_english("He is from Gdańsk, his dog is called Łatek, and he eats żurek in Kędzierzyn-Koźle.")


def test_facts_lie_between_sentences_and_clauses() -> None:
    assert facts("He is 47 and drives a bus, usually at night. He fishes.") == (2, 4)


def test_reasons_are_counted_the_most_frequent_first() -> None:
    counts = tally([PROFILE, "Short.", "I'm sorry, no.", "Brief."], "profile")
    assert list(counts.items()) == [("too short", 2), ("refusal", 1)]


def test_all_seeds_are_fit() -> None:
    pool = PersonaPool.read()
    assert tally(pool.profiles.values(), "profile") == {}
    assert tally(pool.personalities.values(), "personality") == {}


def test_seeds_of_the_other_kind_are_turned_away() -> None:
    pool = PersonaPool.read()
    assert sum(tally(pool.profiles.values(), "personality").values()) >= 19
    assert sum(tally(pool.personalities.values(), "profile").values()) >= 18


@published
def test_published_pools_are_fit_for_19_texts_in_20() -> None:
    pool = PersonaPool.read(ALOE / "profile.jsonl", ALOE / "personality.jsonl")
    assert sum(tally(pool.profiles.values(), "profile").values()) <= 331 / 20
    assert sum(tally(pool.personalities.values(), "personality").values()) <= 71 / 20


def test_texts_in_another_language_are_told_how_to_get_in() -> None:
    german = "Sie ist Bäckerin in Köln und hat zwei Katzen. " * 5
    chinese = "她在成都开一家小面馆。养了两只猫。周末喜欢和朋友去爬山。" * 5
    for text, reason in ((german, "not English"), (chinese, "too short")):
        assert check(text, "profile") == reason
        assert "--unchecked" in advice({reason: 1})
    assert advice({"too long": 3, "refusal": 1}) == ""
