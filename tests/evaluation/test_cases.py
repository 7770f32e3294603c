"""Cases follow from the personas and the seed alone, and say where they come from."""

from pathlib import Path

import pytest

from evaluation.cases import crossed, recorded
from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from i2a.trees.json import write
from scenarios.drift import Exchange
from scenarios.settings import Simulation
from scenarios.simulation import simulate
from tests.evaluation.parts import OTHER, PERSONA, dialogue, empty, pools


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of three stored trees of three turns."""
    out = tmp_path_factory.mktemp("corpus") / "run"
    simulate(Simulation(out=out, conversations=3, turns=3, quiet=True))
    return out


def test_the_benchmark_is_twenty_profiles_with_five_personalities() -> None:
    described = crossed(None, None, None, 0).described
    assert (described["cases"], described["profiles"], described["personalities"]) == (100, 20, 5)
    assert "benchmark" in described["provenance"]


def test_the_benchmark_shares_no_persona_with_the_seeds() -> None:
    seeds, benchmark = PersonaPool.read(), crossed(None, None, None, 0).all
    assert not {case.persona.profile for case in benchmark} & set(seeds.profiles.values())
    assert not {case.persona.personality for case in benchmark} & set(seeds.personalities.values())


def test_a_case_has_the_same_seed_however_many_cases_there_are() -> None:
    everybody = {case.id: case for case in crossed(None, None, None, 3).all}
    some = crossed(None, None, 7, 3)
    assert len(some.all) == 7
    assert all(everybody[case.id] == case for case in some.all)
    assert len({case.seed for case in everybody.values()}) == 100
    assert crossed(None, None, 12, 3).all[:7] == some.all


def test_another_seed_draws_other_cases_and_gives_them_other_seeds() -> None:
    assert [case.id for case in crossed(None, None, 9, 0).all] != [case.id for case in crossed(None, None, 9, 1).all]
    assert crossed(None, None, None, 0).all[0].seed != crossed(None, None, None, 1).all[0].seed


def test_pools_of_ones_own_are_crossed_and_fingerprinted(tmp_path: Path) -> None:
    cases = crossed(*pools(tmp_path, 3, 2), None, 0)
    assert cases.described["cases"] == 6
    assert cases.provenance == "profiles.jsonl x personalities.jsonl"
    assert cases.fingerprint != crossed(*pools(tmp_path, 4, 2), None, 0).fingerprint


def test_a_file_of_whole_personas_is_taken_as_it_is(tmp_path: Path) -> None:
    PersonaPool.of_personas([PERSONA, OTHER]).write(tmp_path / "people.jsonl")
    cases = crossed(tmp_path / "people.jsonl", tmp_path / "people.jsonl", None, 0)
    assert [case.persona for case in cases.all] == [PERSONA, OTHER]


def test_one_pool_alone_is_refused_for_the_other_would_be_that_of_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="go together"):
        crossed(pools(tmp_path, 2, 2)[0], None, None, 0)


def test_a_donor_has_another_profile_and_another_personality(tmp_path: Path) -> None:
    cases = crossed(*pools(tmp_path, 3, 2), None, 0)
    for case in cases.all:
        donor = cases.donor(case, 5).persona
        assert donor.profile_id != case.persona.profile_id
        assert donor.personality_id != case.persona.personality_id
        assert cases.donor(case, 5).persona == donor


def test_without_donors_nothing_can_be_shuffled(tmp_path: Path) -> None:
    cases = crossed(*pools(tmp_path, 3, 1), None, 0)
    with pytest.raises(UsageError, match="two profiles and two personalities"):
        cases.donor(cases.all[0], 0)


def test_each_stored_tree_is_a_case_with_the_dialogue_that_was_held(run: Path) -> None:
    cases = recorded(run, None, 0)
    assert [case.id for case in cases.all] == [f"aloe-0-{i:06}" for i in range(3)]
    for case in cases.all:
        assert [node.speaker for node in case.dialogue] == ["user", "assistant"] * 3
        assert case.messages == 3
    assert cases.provenance == "dialogues stored in run"


def test_a_part_of_the_stored_dialogues_keeps_their_order(run: Path) -> None:
    ids = [case.id for case in recorded(run, 2, 0).all]
    assert len(ids) == 2
    assert ids == sorted(ids)
    with pytest.raises(UsageError, match="holds 3 dialogues"):
        recorded(run, 4, 0)


def test_dialogues_without_a_user_cannot_be_replayed(tmp_path: Path) -> None:
    tree = empty()
    tree.keep(dialogue(tree, "Hm."))
    tree.roots[0].speaker = "tutor"
    write(tmp_path / "trees.jsonl", [tree])
    with pytest.raises(UsageError, match="nobody called 'user' speaks in it"):
        recorded(tmp_path, None, 0)


def test_a_run_without_a_user_is_replayed_for_a_role_and_told_which_there_are(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path, conversations=2, turns=2, quiet=True, scenario="tutor"))
    with pytest.raises(UsageError, match=r"nobody called 'user' speaks .*--role NAME .*: pupil, tutor$"):
        recorded(tmp_path, None, 0)
    with pytest.raises(UsageError, match=r"nobody called 'teacher' answers .*: pupil, tutor$"):
        recorded(tmp_path, None, 0, "teacher")
    cases = recorded(tmp_path, None, 0, "tutor").all
    assert len(cases) == 2
    for case in cases:
        replies = [node for node in case.dialogue if node.speaker == "assistant"]
        assert all(node.prompt and "tutor" in node.prompt.system.lower() for node in replies)
        assert case.dialogue[0].speaker == "user"


def test_dialogues_whose_persona_changes_are_not_replayed_as_if_it_had_not(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "run", scenario="drift", conversations=2, turns=2, option={"change": 2}))
    with pytest.raises(UsageError, match="judged by the old one"):
        recorded(tmp_path / "run", None, 0)


@pytest.mark.parametrize("exchange", ["personality", "profile", "both"])
def test_everybody_becomes_somebody_else_and_those_of_one_half_become_the_same(exchange: Exchange) -> None:
    cases = crossed(None, None, 24, 0)
    becoming = cases.becoming(exchange, 3)
    assert cases.becoming(exchange, 3) == becoming
    for half, kept in (("profile_id", exchange == "personality"), ("personality_id", exchange == "profile")):
        pairs = {(getattr(case.persona, half), getattr(becoming[case.id], half)) for case in cases.all}
        assert all((old == new) is kept for old, new in pairs)
        assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)


def test_the_donor_of_one_who_changes_is_neither_of_the_two() -> None:
    cases = crossed(None, None, 24, 0)
    becoming = cases.becoming("both", 0)
    for case in cases.all:
        donor = cases.donor(case, 0, becoming[case.id]).persona
        assert donor.personality_id not in (case.persona.personality_id, becoming[case.id].personality_id)
        assert donor.profile_id not in (case.persona.profile_id, becoming[case.id].profile_id)


def test_nobody_can_become_another_where_all_are_alike(tmp_path: Path) -> None:
    cases = crossed(*pools(tmp_path, 3, 1), None, 0)
    assert len(cases.becoming("profile", 0)) == 3
    with pytest.raises(UsageError, match="nobody has another personality to become"):
        cases.becoming("personality", 0)


def test_sessions_are_not_replayed_as_if_each_stood_alone(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "run", scenario="sessions", conversations=1, turns=2))
    with pytest.raises(UsageError, match="several sessions"):
        recorded(tmp_path / "run", None, 0)
