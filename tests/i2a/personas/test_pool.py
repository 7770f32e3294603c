"""What a persona pool promises: it reads what people have, loses nothing in silence, and never repeats or leaks."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from i2a.trees.persona import Persona, clean, content_id

ALOE = Path(__file__).parents[3].parent / "shared" / "aloe"
published = pytest.mark.skipif(not ALOE.is_dir(), reason=f"the published pools are not at {ALOE}")

JOBS = re.compile(
    r"""\b(accountant|actor|artist|baker|banker|builder|carpenter|chef|cleaner|clerk|cook|dentist|designer|doctor|driver
    |engineer|farmer|fisherman|guard|hairdresser|journalist|judge|lawyer|librarian|manager|mechanic|musician|nurse
    |painter|pensioner|pharmacist|photographer|pilot|plumber|police|professor|programmer|pupil|retired|sailor|salesman
    |scientist|secretary|shopkeeper|soldier|student|tailor|teacher|technician|unemployed|waiter|welder|works?)\b""",
    re.VERBOSE | re.IGNORECASE,
)


def pool_of(profiles: int, personalities: int) -> PersonaPool:
    return PersonaPool(
        {f"p{i}": f"Profile {i}." for i in range(profiles)},
        {f"t{i}": f"Personality {i}." for i in range(personalities)},
    )


def file_of(folder: Path, *lines: object, name: str = "file.jsonl") -> Path:
    """Bytes stand as they are; anything else is written as JSON."""
    path = folder / name
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines))
    return path


def complaint(path: Path, *, skip_bad: bool = False) -> str:
    """What `read` says about a file of profiles."""
    with pytest.raises(UsageError) as caught:
        PersonaPool.read(profiles=path, skip_bad=skip_bad)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


texts = st.text(min_size=1, max_size=30).map(clean).filter(bool)
crossed = st.builds(
    lambda profiles, personalities: PersonaPool(
        {content_id("profile", text): text for text in profiles},
        {content_id("personality", text): text for text in personalities},
    ),
    st.lists(texts, min_size=1, max_size=7, unique=True),
    st.lists(texts, min_size=1, max_size=7, unique=True),
)
listed = st.builds(
    lambda pool, part, seed: PersonaPool.of_personas(pool.draw(max(1, round(part * pool.pairs)), seed)),
    crossed,
    st.floats(0, 1),
    st.integers(),
)
pools = crossed | listed


# Personas


def test_a_persona_makes_the_ids_it_is_not_given() -> None:
    persona = Persona("", "She bakes.", "She is shy.")
    assert persona.profile_id == content_id("profile", "She bakes.")
    assert persona.id == f"{persona.profile_id}+{persona.personality_id}"
    assert Persona("mine", "She bakes.", "She is shy.").id == "mine"
    assert Persona("", "a", "b", "p1", "t1").id == "p1+t1"


def test_an_id_made_from_a_text_never_changes() -> None:
    assert content_id("profile", "She bakes.") == "p-78d3bfef0d"
    assert content_id("personality", "She bakes.") == "t-78d3bfef0d"


@pytest.mark.parametrize("text", ['"She bakes."\n', '"\\"She bakes.\\"\\n"', "  She bakes.\r\n", '" She bakes. "'])
def test_extra_quotes_and_newlines_come_off(text: str) -> None:
    assert clean(text) == "She bakes."


@pytest.mark.parametrize("text", ['"Hi" is all he says, then "bye"', '"', 'He says "hi"', '""" and "'])
def test_quotes_that_belong_to_the_text_stay(text: str) -> None:
    assert clean(text) == text


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


# The seeds that come with i2a


def test_twenty_profiles_and_twenty_personalities_are_shipped() -> None:
    pool = PersonaPool.read()
    assert (len(pool.profiles), len(pool.personalities), pool.pairs, pool.warnings) == (20, 20, 400, ())
    assert list(pool.profiles) == [f"seed-p{i:02}" for i in range(1, 21)]
    assert list(pool.personalities) == [f"seed-t{i:02}" for i in range(1, 21)]


@pytest.mark.parametrize("text", [*PersonaPool.read().profiles.values(), *PersonaPool.read().personalities.values()])
def test_a_seed_has_eight_or_so_things_to_say(text: str) -> None:
    sentences = re.split(r"(?<=[.!?]) ", text)
    clauses = re.split(r"[.;,] |,? (?:and|but|while|who|which|because|so) ", text)
    assert 5 <= len(sentences) <= 8
    assert len(clauses) >= 8
    assert 70 <= len(text.split()) <= 130
    assert text == clean(text)


def test_the_seeds_are_people_of_all_ages_and_of_every_pronoun() -> None:
    pool = PersonaPool.read()
    ages = [int(re.findall(r"\d+", text)[0]) for text in pool.profiles.values()]
    assert (min(ages), max(ages)) == (16, 84)
    for half in (pool.profiles, pool.personalities):
        assert {text.split()[0] for text in half.values()} == {"He", "She", "They"}


def test_a_personality_names_no_job() -> None:
    for text in PersonaPool.read().personalities.values():
        assert not JOBS.search(text)


# Reading


def test_our_objects_keep_their_ids_and_others_get_one(tmp_path: Path) -> None:
    profiles = file_of(tmp_path, {"id": "one", "profile": "He fishes."}, {"profile": "She bakes."})
    personalities = file_of(tmp_path, {"personality": "They are shy."}, name="t.jsonl")
    pool = PersonaPool.read(profiles, personalities)
    assert pool.profiles == {"one": "He fishes.", content_id("profile", "She bakes."): "She bakes."}
    assert pool.personalities == {content_id("personality", "They are shy."): "They are shy."}
    assert pool.warnings == ()


def test_several_strings_on_one_line_are_all_read_and_noted(tmp_path: Path) -> None:
    pool = PersonaPool.read(file_of(tmp_path, "a", b'"b""c" {"profile": "d"}', "e"))
    assert [*pool.profiles.values()] == ["a", "b", "c", "d", "e"]
    assert pool.warnings == ("file.jsonl:2 holds 3 texts",)


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(b'\xef\xbb\xbf"a"\r\n\r\n  \r\n"b\\n"\r\n\r\n')
    pool = PersonaPool.read(path)
    assert [*pool.profiles.values()] == ["a", "b"]
    assert pool.warnings == ()


def test_line_separators_inside_a_text_are_not_line_ends(tmp_path: Path) -> None:
    text = "one\u2028two\x85three\x0bfour"
    assert [*PersonaPool.read(file_of(tmp_path, f'"{text}"'.encode())).profiles.values()] == [text]


def test_a_repeated_text_is_kept_once_and_noted(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"id": "x", "profile": "a"}, "b", {"id": "y", "profile": " a\n"})
    pool = PersonaPool.read(path)
    assert pool.profiles == {"x": "a", content_id("profile", "b"): "b"}
    assert pool.warnings == ("file.jsonl:3 repeats line 1; kept once, as x",)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{not json", "not JSON"),
        (b'"one", "two"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"caf\xe9", "not UTF-8 at byte 4"),
        (42, "not an object"),
        (["a"], "not an object"),
        (None, "not an object"),
        ("", "profile is empty"),
        ('""', "profile is empty"),
        (b'"\\ud800"', "profile holds half of a surrogate pair"),
        ({"profile": 3}, "profile is not a string"),
        ({"profile": "a", "id": 3}, "id is not a string"),
        ({"profile": "a", "id": ""}, "id is empty"),
        ({"profile": "a", "id": "x+y"}, "id 'x+y' has more than letters"),
        ({"profile": "a", "id": "x y"}, "id 'x y' has more than letters"),
        ({"personality": "a"}, "no profile"),
        ({"profile": "a", "personality": "b"}, "a whole persona; read a file of those on its own"),
    ],
)
def test_a_bad_line_is_named_with_its_reason_and_what_was_expected(tmp_path: Path, line: object, why: str) -> None:
    path = file_of(tmp_path, "good", line, "fine")
    message = complaint(path)
    assert f"line 2 ({why}" in message
    assert "line 1" not in message
    assert "one JSON object with profile per line, or a JSON string" in message

    pool = PersonaPool.read(path, skip_bad=True)
    assert [*pool.profiles.values()] == ["good", "fine"]
    assert len(pool.warnings) == 1
    assert f"file.jsonl:2 left out: {why}" in pool.warnings[0]


def test_all_bad_lines_are_reported_at_once_the_first_five_by_number(tmp_path: Path) -> None:
    message = complaint(file_of(tmp_path, "good", *range(8)))
    assert re.findall(r"line (\d+)", message) == ["2", "3", "4", "5", "6"]
    assert "and 3 more" in message


def test_one_id_for_two_texts_names_both_lines(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"id": "x", "profile": "a"}, "b", {"id": "x", "profile": "c"})
    assert "line 3 (id 'x' has another text on line 1)" in complaint(path)
    assert [*PersonaPool.read(path, skip_bad=True).profiles.values()] == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b" \r\n"])
def test_an_empty_file_says_so(tmp_path: Path, content: bytes) -> None:
    assert "no profile in it" in complaint(file_of(tmp_path, content))


def test_a_file_of_bad_lines_only_is_no_pool_even_when_they_are_skipped(tmp_path: Path) -> None:
    assert "no profile in it" in complaint(file_of(tmp_path, 1, 2), skip_bad=True)


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    assert "No such file" in complaint(tmp_path / "missing.jsonl")
    assert "a folder without a file that can be read" in complaint(tmp_path)


def test_trouble_in_the_second_file_is_found_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.jsonl: .*line 1 \(no personality\)"):
        PersonaPool.read(personalities=file_of(tmp_path, {"profile": "a"}, name="t.jsonl"))


# Whole personas


def test_whole_personas_are_the_only_pairs(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        {"id": "ann", "profile": "a", "personality": "x"},
        {"profile": '"b"\n', "personality": '"x"\n', "conversations": []},
    )
    pool = PersonaPool.read_file(path)
    assert pool.pairs == 2
    assert {persona.id for persona in pool.draw(2, seed=0)} == {"ann", Persona("", "b", "x").id}
    assert PersonaPool.read(path, path) == pool


def test_a_repeated_persona_is_kept_once_and_noted(tmp_path: Path) -> None:
    path = file_of(tmp_path, *({"id": id, "profile": "a", "personality": "x"} for id in "mn"))
    pool = PersonaPool.read_file(path)
    assert [persona.id for persona in pool.personas] == ["m"]
    assert pool.warnings == ("file.jsonl:2 repeats line 1; kept once, as m",)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["a"], "line 1 (a bare string)"),
        ([{"id": "x"}], "line 1 (no profile or personality)"),
        ([{"profile": "a", "personality": "x"}, {"profile": "b"}], "line 2 (a single half among whole personas)"),
        ([{"profile": "b"}, {"profile": "a", "personality": "x"}], "line 2 (a whole persona among single halves)"),
        ([{"id": "m", "profile": p, "personality": "x"} for p in "ab"], "line 2 (id 'm' has another text on line 1)"),
        ([{"profile": "a"}], "no personality in it"),
        ([], "no profile and no personality in it"),
    ],
)
def test_a_file_that_is_no_pool_by_itself_says_why(tmp_path: Path, lines: list[object], why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        PersonaPool.read_file(file_of(tmp_path, *lines))


@given(pool=pools)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back_equal(tmp_path: Path, pool: PersonaPool) -> None:
    path = tmp_path / "pool.jsonl"
    pool.write(path)
    again = PersonaPool.read_file(path)
    assert again == pool
    assert again.warnings == ()
    assert again.fingerprint == pool.fingerprint


def test_a_pool_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        pool_of(1, 1).write(tmp_path / "missing" / "pool.jsonl")


# Drawing


@given(pool=pools, seed=st.integers())
def test_no_pair_is_drawn_twice_and_all_can_be_drawn(pool: PersonaPool, seed: int) -> None:
    drawn = pool.draw(pool.pairs, seed)
    assert len({(persona.profile, persona.personality) for persona in drawn}) == pool.pairs == len(drawn)
    assert len({persona.id for persona in drawn}) == pool.pairs


@given(pool=pools, seed=st.integers(), data=st.data())
def test_a_smaller_draw_is_the_beginning_of_a_larger_one(pool: PersonaPool, seed: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, pool.pairs))
    assert pool.draw(n, seed) == pool.draw(pool.pairs, seed)[:n]


@given(pool=crossed, seed=st.integers(), data=st.data())
def test_profiles_and_personalities_come_equally_often(pool: PersonaPool, seed: int, data: st.DataObject) -> None:
    drawn = pool.draw(data.draw(st.integers(0, pool.pairs)), seed)
    for ids, used in (
        (pool.profiles, Counter(persona.profile_id for persona in drawn)),
        (pool.personalities, Counter(persona.personality_id for persona in drawn)),
    ):
        counts = [used[id] for id in ids]
        assert max(counts) - min(counts) <= 1


@given(pool=listed, seed=st.integers())
def test_of_listed_pairs_too_every_profile_comes_once_before_any_comes_twice(pool: PersonaPool, seed: int) -> None:
    first_round = pool.draw(len(pool.profiles), seed)
    assert {persona.profile_id for persona in first_round} == pool.profiles.keys()


def test_listed_pairs_keep_their_personas_as_they_are() -> None:
    personas = [Persona("ann", "a", "x"), Persona("bob", "b", "x"), Persona("", "a", "y")]
    assert set(PersonaPool.of_personas(personas).draw(3, seed=5)) == set(personas)


def test_another_seed_draws_others() -> None:
    pool = pool_of(20, 5)
    assert len({tuple(pool.draw(5, seed)) for seed in range(50)}) == 50


def test_the_order_of_the_file_does_not_matter() -> None:
    pool = pool_of(9, 4)
    turned = PersonaPool(dict([*pool.profiles.items()][::-1]), dict([*pool.personalities.items()][::-1]))
    assert turned.draw(36, seed=1) == pool.draw(36, seed=1)
    assert turned.split(profiles=3, personalities=2, seed=1) == pool.split(profiles=3, personalities=2, seed=1)
    assert turned.fingerprint == pool.fingerprint


def test_another_process_draws_the_same() -> None:
    script = "from i2a.personas.pool import PersonaPool; print([p.id for p in PersonaPool.read().draw(50, 7)])"
    environment = os.environ | {"PYTHONHASHSEED": "99"}
    shown = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True, env=environment, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert shown.stdout.strip() == str([persona.id for persona in PersonaPool.read().draw(50, 7)])


def test_a_few_can_be_drawn_from_very_many() -> None:
    assert len(pool_of(20_000, 20_000).draw(10, seed=0)) == 10


@pytest.mark.parametrize("n", [-1, 7])
def test_asking_for_more_than_there_are_says_how_many_there_are(n: int) -> None:
    with pytest.raises(UsageError, match=f"cannot draw {n} .*2 profiles and 3 personalities give 6; ask for 0 to 6"):
        pool_of(2, 3).draw(n, seed=0)


def test_none_can_be_drawn_from_an_empty_pool() -> None:
    assert pool_of(0, 0).draw(0, seed=0) == []


# Splitting


@given(pool=crossed, seed=st.integers(), share=st.floats(0.01, 0.99))
def test_a_split_shares_no_profile_and_no_personality_and_loses_none(
    pool: PersonaPool, seed: int, share: float
) -> None:
    if min(len(pool.profiles), len(pool.personalities)) < 2:
        with pytest.raises(UsageError):
            pool.split(profiles=share, personalities=share, seed=seed)
        return
    held_out, rest = pool.split(profiles=share, personalities=share, seed=seed)
    for part, other, whole in (
        (held_out.profiles, rest.profiles, pool.profiles),
        (held_out.personalities, rest.personalities, pool.personalities),
    ):
        assert not set(part.values()) & set(other.values())
        assert {**part, **other} == whole


def test_a_split_takes_counts_and_fractions() -> None:
    held_out, rest = pool_of(40, 10).split(profiles=20, personalities=0.2, seed=3)
    assert (len(held_out.profiles), len(held_out.personalities), held_out.pairs) == (20, 2, 40)
    assert (len(rest.profiles), len(rest.personalities), rest.pairs) == (20, 8, 160)


@pytest.mark.parametrize("share", [0, 4, -1, 0.0, 1.0, 2.5, float("nan")])
def test_a_split_that_leaves_a_part_empty_is_refused(share: int | float) -> None:
    with pytest.raises(UsageError, match="of 4 profiles: at least one must be taken and one left"):
        pool_of(4, 4).split(profiles=share, personalities=2, seed=0)


def test_listed_pairs_that_would_mix_the_parts_are_in_neither_and_noted() -> None:
    pool = PersonaPool.of_personas(pool_of(4, 4).draw(16, seed=0))
    held_out, rest = pool.split(profiles=2, personalities=1, seed=0)
    assert (held_out.pairs, rest.pairs) == (2, 6)
    assert not held_out.profiles.keys() & rest.profiles.keys()
    assert not held_out.personalities.keys() & rest.personalities.keys()
    assert rest.warnings == held_out.warnings
    assert rest.warnings[0].startswith("8 of 16 personas would mix")


def test_listed_pairs_that_cannot_be_split_say_so() -> None:
    pool = PersonaPool.of_personas([Persona("", "a", "x"), Persona("", "a", "y"), Persona("", "b", "x")])
    answers: set[int | str] = set()
    for seed in range(20):
        try:
            answers.add(pool.split(profiles=1, personalities=1, seed=seed)[0].pairs)
        except UsageError as error:
            answers.add(str(error).split(":")[0])
    assert answers == {1, "the split leaves no persona for one part"}


# Fingerprint


def test_the_fingerprint_tells_pools_apart() -> None:
    pool = pool_of(2, 2)
    others = [
        pool_of(2, 3),
        PersonaPool(pool.personalities, pool.profiles),
        PersonaPool({**pool.profiles, "p0": "Another."}, pool.personalities),
        PersonaPool.of_personas(pool.draw(4, seed=0)),
        PersonaPool.of_personas(pool.draw(3, seed=0)),
    ]
    assert len({pool.fingerprint, *(other.fingerprint for other in others)}) == 6
    assert re.fullmatch(r"[0-9a-f]{16}", pool.fingerprint)


# The published pools


@published
def test_the_published_pools_are_read_whole() -> None:
    pool = PersonaPool.read(ALOE / "profile.jsonl", ALOE / "personality.jsonl")
    assert (len(pool.profiles), len(pool.personalities), pool.pairs) == (331, 71, 23_501)
    assert pool.warnings == ("profile.jsonl:6 holds 2 texts",)


@published
def test_the_published_setting_can_be_drawn_and_held_out() -> None:
    pool = PersonaPool.read(ALOE / "profile.jsonl", ALOE / "personality.jsonl")
    held_out, rest = pool.split(profiles=20, personalities=5, seed=0)
    assert (held_out.pairs, rest.pairs) == (100, 311 * 66)
    drawn = pool.draw(3310, seed=0)
    assert set(Counter(persona.profile_id for persona in drawn).values()) == {10}


@published
def test_the_seeds_are_not_the_published_texts() -> None:
    def phrases(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return set(zip(*(words[start:] for start in range(6)), strict=False))

    seeds = PersonaPool.read()
    pool = PersonaPool.read(ALOE / "profile.jsonl", ALOE / "personality.jsonl")
    for ours, theirs in ((seeds.profiles, pool.profiles), (seeds.personalities, pool.personalities)):
        known = set().union(*map(phrases, theirs.values()))
        assert not any(phrases(text) & known for text in ours.values())


@pytest.mark.timeout(30)
def test_a_long_list_of_people_without_a_profile_is_drawn_at_once() -> None:
    """It took minutes when everybody who was left was looked at for each of them."""
    people = [Persona(f"p{i}", "", f"Person {i}.", "", f"t{i}") for i in range(40_000)]
    drawn = PersonaPool.of_personas(people).draw(40_000, seed=1)
    assert {persona.id for persona in drawn} == {persona.id for persona in people}
