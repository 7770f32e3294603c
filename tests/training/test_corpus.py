"""A corpus is split without leaks, refuses what would spoil the benchmark, and holds no text."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from i2a.runs.run_folder import RunFolder
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.preferences import trl
from i2a.trees.tree import Tree, Utterance, Verdict
from training.corpus import Corpus
from training.leaks import in_benchmark, key, keys_of
from training.rows import PairFilter, dpo_rows, sft_rows

OFFLINE = {"scenario": {"name": "aloe"}, "seed": 3, "models": {"user": "openai:a", "judge": "offline"}}


def tree(id: str, profile: str = "She mends clocks.", personality: str = "Brisk.", *, agreed: bool = True) -> Tree:
    """One turn, on which the verdicts agree or not."""
    made = Tree(id, "aloe", Persona("", profile, personality), 3)
    user = made.add(None, Utterance("user", f"I am in {id}."))
    one, other = made.add(user, Utterance("preferred", "Oh?")), made.add(user, Utterance("rejected", "Okay."))
    user.verdicts = [Verdict(one, other, one, "why"), Verdict(other, one, one if agreed else other, "why")]
    if agreed:
        one.label, other.label = "preferred", "rejected"
    made.keep(one)
    return made


def grid(profiles: int, personalities: int) -> list[Tree]:
    """A tree for every pair."""
    halves = [(p, t) for p in range(profiles) for t in range(personalities)]
    return [tree(f"t-{p}-{t}", f"Profile {p}.", f"Personality {t}.") for p, t in halves]


def run(path: Path, *trees: Tree, identity: object = OFFLINE) -> Path:
    with RunFolder.open(path, identity, {}, resume=False) as folder:  # type: ignore[arg-type]
        write(folder.trees_file, trees)
    return path


def read(*runs: Path, **options: object) -> Corpus:
    return Corpus.read(runs, dpo_rows, PairFilter(), **options)  # type: ignore[arg-type]


# Reading.


def test_a_corpus_of_several_runs_is_read_in_their_order(tmp_path: Path) -> None:
    one, other = run(tmp_path / "a", tree("t-0"), tree("t-1")), run(tmp_path / "b", tree("t-0"))
    assert [row["tree"] for row in read(one, other).rows()] == ["a/t-0", "a/t-1", "b/t-0"]
    assert [row["tree"] for row in read(one).rows()] == ["t-0", "t-1"]


def test_runs_whose_folders_have_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    runs = [run(tmp_path / name, tree("t-0")) for name in ("a", "a-2", "x/a")]
    assert [row["tree"] for row in read(*runs).rows()] == ["a/t-0", "a-2/t-0", "a-3/t-0"]


def test_a_file_of_trees_needs_no_run_around_it(tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", [tree("t-0")])
    corpus = read(tmp_path / "mine.jsonl")
    assert corpus.metadata["sources"] == [{"run": "mine"}]
    assert not corpus.simulated


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    corpus = read(run(tmp_path / "a", tree("t-0"), tree("t-1", agreed=False)))
    share = corpus.shares["train"]
    assert (share.trees, share.rows, share.left_out) == (2, 1, {"pairs on which the verdicts disagree": 1})


def test_what_it_is_can_be_written_down(tmp_path: Path) -> None:
    metadata = json.loads(json.dumps(read(run(tmp_path / "a", tree("t-0"))).metadata))
    assert metadata["sources"] == [{"run": "a", **OFFLINE}]
    assert metadata["simulated"] is True
    assert metadata["parts"] == {"train": {"trees": 1, "rows": 1, "left_out": {}}}


def test_the_fingerprint_follows_the_trees_and_not_their_place_or_order(tmp_path: Path) -> None:
    one, other = run(tmp_path / "a", tree("t-0")), run(tmp_path / "b", tree("t-1"))
    again = run(tmp_path / "c", tree("t-0"), identity={})
    assert read(one).fingerprint == read(again).fingerprint != read(other).fingerprint
    assert read(one, other).fingerprint == read(other, one).fingerprint != read(one).fingerprint
    assert read(one).personas == read(other).personas != read(run(tmp_path / "d", tree("t", "P.", "T."))).personas


# What is no corpus.


def test_a_run_without_trees_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere holds no trees; `i2a simulate --out"):
        read(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no conversation in .*trees\.jsonl; `i2a simulate` grows some"):
        read(run(tmp_path / "empty"))


def test_a_corpus_without_a_labelled_pair_says_what_became_of_its_pairs(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", tree("t-0", agreed=False))
    with pytest.raises(UsageError, match=r"no labelled pair .*: 1 pair on which the verdicts disagree$"):
        read(folder)
    silent = Tree("t", "tutor", Persona("", "P.", "T."), 0)
    silent.add(None, Utterance("pupil", "Hm."))
    with pytest.raises(UsageError, match=r"1 tree in which nothing was compared \(--role.*; the roles: pupil \(1\)$"):
        read(run(tmp_path / "b", silent))


def test_a_run_that_is_given_twice_counts_once(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", tree("t-0"))
    with pytest.raises(UsageError, match="is named twice"):
        read(folder, folder / "trees.jsonl")


def test_a_line_that_is_no_tree_is_named(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", tree("t-0"))
    with (folder / "trees.jsonl").open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(UsageError, match=r"trees\.jsonl:2: not a tree"):
        read(folder)


# The benchmark.


@pytest.mark.parametrize("half", ["profile", "personality"])
def test_a_tree_with_half_a_persona_of_the_benchmark_is_refused_and_the_half_named(tmp_path: Path, half: str) -> None:
    pool = PersonaPool.benchmark()
    texts = pool.profiles if half == "profile" else pool.personalities
    id, text = next(iter(texts.items()))
    changed: dict[str, Any] = {half: text}
    folder = run(tmp_path / "a", tree("t-0"), tree("t-1", **changed))
    with pytest.raises(UsageError, match=rf"personas of the benchmark \({id}\); .*: simulate with other personas"):
        read(folder)


def test_case_spaces_and_punctuation_hide_no_persona_of_the_benchmark(tmp_path: Path) -> None:
    text = next(iter(PersonaPool.benchmark().profiles.values()))
    disguised = f'"  {text.upper().replace(" ", "  ").rstrip(".")} !"\n'
    with pytest.raises(UsageError, match="personas of the benchmark"):
        read(run(tmp_path / "a", tree("t-0", disguised)))


@pytest.mark.parametrize("half", ["profile", "personality"])
def test_a_near_copy_of_the_benchmark_is_refused_and_the_half_named(tmp_path: Path, half: str) -> None:
    pool = PersonaPool.benchmark()
    texts = pool.profiles if half == "profile" else pool.personalities
    id, text = next(iter(texts.items()))
    for i, changed in enumerate(
        (text.partition(". ")[2], f"1. {text}", text.replace(" a ", " one ", 1), f"{text} Ha.")
    ):
        copy = tree("t-1", profile=changed) if half == "profile" else tree("t-1", personality=changed)
        with pytest.raises(UsageError, match=rf"personas of the benchmark \({id}\)"):
            read(run(tmp_path / str(i), tree("t-0"), copy))


def test_many_matching_personas_are_named_in_one_line(tmp_path: Path) -> None:
    trees = [tree(id, text) for id, text in PersonaPool.benchmark().profiles.items()]
    with pytest.raises(UsageError, match=rf"and {len(trees) - 5} more") as error:
        read(run(tmp_path / "a", *trees))
    assert "\n" not in str(error.value)


def test_another_pool_can_be_held_out(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", tree("t-0", "Mine."))
    with pytest.raises(UsageError, match="mine-1"):
        read(folder, held_out=PersonaPool({"mine-1": "mine"}, {}))


def test_no_persona_that_comes_with_i2a_for_training_is_in_the_benchmark() -> None:
    seeds, held_out = PersonaPool.read(), PersonaPool.benchmark()
    assert not {key("profile", text) for text in seeds.profiles.values()} & {
        key("profile", text) for text in held_out.profiles.values()
    }
    assert not {key("personality", text) for text in seeds.personalities.values()} & {
        key("personality", text) for text in held_out.personalities.values()
    }


# The split.


@pytest.mark.parametrize("seed", range(5))
def test_no_profile_and_no_personality_is_on_both_sides_of_the_split(tmp_path: Path, seed: int) -> None:
    trees = grid(8, 6)
    corpus = read(run(tmp_path / "a", *trees), validation=0.25, seed=seed)
    halves = {made.id: keys_of(made.persona) for made in trees}
    train, validation = ([halves[row["tree"]] for row in corpus.rows(part)] for part in ("train", "validation"))
    assert train
    assert validation
    assert not {keys.profile for keys in train} & {keys.profile for keys in validation}
    assert not {keys.personality for keys in train} & {keys.personality for keys in validation}
    assert len(train) + len(validation) + corpus.mixed == len(trees)
    assert corpus.shares["validation"].rows == len(validation)


def test_one_text_under_two_ids_is_on_one_side(tmp_path: Path) -> None:
    renamed = grid(6, 6)
    for made in renamed:
        persona = made.persona
        made.persona = Persona("", persona.profile, persona.personality, f"other-{persona.profile_id}", "other")
    runs = run(tmp_path / "a", *grid(6, 6)), run(tmp_path / "b", *renamed)
    corpus = read(*runs, validation=0.2)
    ids = {part: {row["tree"].partition("/")[2] for row in corpus.rows(part)} for part in ("train", "validation")}
    assert not ids["train"] & ids["validation"]
    assert all(share.rows % 2 == 0 for share in corpus.shares.values())


def test_near_copies_are_on_one_side_of_the_split(tmp_path: Path) -> None:
    """Each profile twice, the second time with a label in front, and the same of each personality."""
    profiles, personalities = (
        list(PersonaPool.read().profiles.values()),
        list(PersonaPool.read().personalities.values()),
    )
    halves = [
        (f"Profile: {p}" if twice else p, f"Style: {t}" if twice else t)
        for p in profiles[:6]
        for t in personalities[:5]
        for twice in (False, True)
    ]
    trees = [tree(f"t-{i}", p, t) for i, (p, t) in enumerate(halves)]
    corpus = read(run(tmp_path / "a", *trees), validation=0.3, seed=1)
    train, validation = ({row["tree"] for row in corpus.rows(part)} for part in ("train", "validation"))
    assert train
    assert validation
    for side in (train, validation):
        assert {int(id[2:]) // 2 for id in side} == {int(id[2:]) // 2 for id in side if int(id[2:]) % 2}


def test_what_is_trained_on_is_known_and_holds_nobody_of_the_validation_part(tmp_path: Path) -> None:
    trees = grid(6, 5)
    corpus = read(run(tmp_path / "a", *trees), validation=0.3)
    texts = {made.id: made.persona for made in trees}
    profiles = {part: {texts[row["tree"]].profile for row in corpus.rows(part)} for part in ("train", "validation")}
    assert set(corpus.trained_on["profile"]) == profiles["train"]
    assert not set(corpus.trained_on["profile"]) & profiles["validation"]


def test_the_split_follows_from_the_seed_and_not_from_the_order_of_trees(tmp_path: Path) -> None:
    trees = grid(6, 5)
    runs = run(tmp_path / "a", *trees), run(tmp_path / "b", *trees[::-1])
    one, again = (sorted(row["tree"] for row in read(folder, validation=0.2, seed=1).rows()) for folder in runs)
    assert one == again != sorted(row["tree"] for row in read(runs[0], validation=0.2, seed=2).rows())


def test_a_split_that_leaves_a_part_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot hold out 0\.2 of 1 profiles"):
        read(run(tmp_path / "a", tree("t-0")), validation=0.2)
    disputed = [tree(f"t-{p}-{t}", f"P{p}.", f"T{t}.", agreed=(p, t) == (0, 0)) for p in range(3) for t in range(3)]
    with pytest.raises(UsageError, match=r"the split leaves no row for \w+; hold out another share"):
        read(run(tmp_path / "b", *disputed), validation=0.3)


# As a stream.


def test_rows_are_the_same_at_each_reading_and_those_of_a_conversation_stand_together(tmp_path: Path) -> None:
    corpus = read(run(tmp_path / "a", *grid(3, 3)))
    rows = list(corpus.rows())
    assert rows == list(corpus.rows())
    assert [row["tree"] for row in rows] == [made.id for made in grid(3, 3)]
    assert rows == [row for made in grid(3, 3) for row in dpo_rows(made, PairFilter()).rows]


def test_a_corpus_holds_no_text(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", *(tree(f"t-{i}", "x" * 50_000, "T.") for i in range(40)))
    tracemalloc.start()
    try:
        corpus = read(folder)
        assert sum(1 for _ in corpus.rows()) == 40
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (folder / "trees.jsonl").stat().st_size > 2_000_000
    assert held < 200_000
    assert most < 1_000_000


def test_a_tree_that_breaks_between_the_readings_is_an_error_of_one_line(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", tree("t-0"))
    corpus = read(folder)
    (folder / "trees.jsonl").write_text("{}\n", "utf-8")
    with pytest.raises(UsageError, match=r"trees\.jsonl:1: not a tree"):
        list(corpus.rows())


def test_sft_and_its_ablation_read_the_same_trees(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", tree("t-0"))
    (row,) = Corpus.read([folder], sft_rows, PairFilter("rejected")).rows()
    assert row["completion"] == [{"role": "assistant", "content": "Okay."}]


# Conversations of others.


def test_preferences_of_others_are_trained_on_and_their_people_held_out_one_by_one(tmp_path: Path) -> None:
    trees = []
    for number in range(10):
        record = {"prompt": f"Question {number}?", "chosen": "Yes.", "rejected": "No.", "id": f"r-{number}"}
        assert trl.read is not None
        made = trl.read(record)
        assert made is not None
        trees.append(made)
    corpus = read(run(tmp_path / "trl", *trees), validation=0.2)
    held = [row["prompt"][0]["content"] for row in corpus.rows("validation")]
    learnt = [row["prompt"][0]["content"] for row in corpus.rows("train")]
    assert (len(held), len(learnt)) == (2, 8)
    assert sorted([*held, *learnt]) == [f"Question {number}?" for number in range(10)]
    assert corpus.mixed == 0


def test_strangers_are_no_copies_of_each_other_nor_of_the_benchmark(tmp_path: Path) -> None:
    assert len({keys_of(Persona(f"id-{number}")) for number in range(3)}) == 3
    assert not in_benchmark(Persona("id-0"))


def test_a_tree_with_somebody_in_training_and_somebody_held_out_is_in_no_part(tmp_path: Path) -> None:
    trees = grid(8, 8)
    parts = read(run(tmp_path / "a", *trees), validation=0.25).parts
    train, held = (next(t for t in trees if parts.get(keys_of(t.persona)) == part) for part in ("train", "validation"))
    before = read(run(tmp_path / "b", *trees), validation=0.25)
    train.personas = {"later": held.persona}
    after = read(run(tmp_path / "c", *trees), validation=0.25)
    assert (after.mixed, after.shares["train"].trees) == (before.mixed + 1, before.shares["train"].trees - 1)
    assert train.id not in {row["tree"] for part in ("train", "validation") for row in after.rows(part)}


def test_whom_a_person_becomes_must_not_be_of_the_benchmark_either(tmp_path: Path) -> None:
    made = tree("t-0")
    made.personas = {"later": PersonaPool.benchmark().all()[0]}
    with pytest.raises(UsageError, match="contains personas of the benchmark"):
        read(run(tmp_path / "a", made))
