"""The scenario in which the person changes."""

from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.trees.json import dump, load, read
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from scenarios.script import find
from scenarios.settings import Simulation
from scenarios.simulation import plan_simulation, simulate
from tests.fakes import ScriptedClient, plausible

LATER = Persona("q", "A pilot who plays chess.", "Gushing.")


async def grown(**options: object) -> tuple[Tree, list[tuple[str, str]]]:
    asked: list[tuple[str, str]] = []

    def answer(request):  # type: ignore[no-untyped-def]
        asked.append((request.role, request.messages[0].content))
        return plausible(request)

    scenario = find("drift")
    tree = Tree("t-0", "drift", Persona("p", "A baker who keeps bees.", "Blunt."), 7, scenario.resolve(options))
    tree.personas = {"later": LATER}
    await scenario.grow(tree, dict.fromkeys(scenario.roles, ScriptedClient(answer)), **tree.options)
    return tree, asked


async def test_from_the_change_on_user_inducer_and_judge_are_told_of_the_new_persona_only() -> None:
    _, asked = await grown(turns=4, change=3)
    for role, calls in (("user", 1), ("inducer", 1), ("judge", 2)):
        mine = ["Gushing." in text for name, text in asked if name == role]
        assert mine == [False] * (2 * calls) + [True] * (2 * calls)
        assert all(
            ("Blunt." in text) is not new
            for (name, text), new in zip([each for each in asked if each[0] == role], mine, strict=True)
        )


@pytest.mark.parametrize(
    ("exchange", "profile", "personality"),
    [
        ("personality", "A baker who keeps bees.", "Gushing."),
        ("profile", "A pilot who plays chess.", "Blunt."),
        ("both", "A pilot who plays chess.", "Gushing."),
    ],
)
async def test_a_stored_tree_says_whose_persona_holds_at_each_node(
    exchange: str, profile: str, personality: str
) -> None:
    tree = load(dump((await grown(turns=3, change=2, exchange=exchange))[0]))
    first, *_, last = tree.ends[0].path
    assert tree.persona_at(first) == tree.persona
    assert (tree.persona_at(last).profile, tree.persona_at(last).personality) == (profile, personality)


async def test_without_a_second_persona_it_says_so() -> None:
    scenario = find("drift")
    tree = Tree("t-0", "drift", Persona("p", "A baker.", "Blunt."), 7, scenario.resolve({}))
    with pytest.raises(UsageError, match="nobody whom its person could become"):
        await scenario.grow(tree, dict.fromkeys(scenario.roles, ScriptedClient()))


def test_a_simulation_with_one_person_has_nobody_to_become(tmp_path: Path) -> None:
    people = tmp_path / "people.jsonl"
    people.write_text('{"profile": "A baker.", "personality": "Blunt."}', "utf-8")
    with pytest.raises(UsageError, match="nobody among the personas shares neither"):
        plan_simulation(Simulation(out=Path("never"), scenario="drift", conversations=1, personas=people))


def test_a_simulation_gives_pairs_before_and_after_the_change_and_no_tree_becomes_itself(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "run", scenario="drift", conversations=3, turns=4, option={"change": 3}))
    trees = list(read(tmp_path / "run" / "trees.jsonl"))
    assert len(trees) == 3
    assert all(tree.persona.personality != tree.personas["later"].personality for tree in trees)
    assert {tree.persona_at(pair.chosen) is tree.persona for tree in trees for pair in tree.pairs} == {True, False}
