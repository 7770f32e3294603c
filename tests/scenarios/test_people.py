"""Roles are told whom they play: one person, one each, in the person's own language, or nobody at all."""

import json
from pathlib import Path

import pytest

from i2a import simulate
from i2a.errors import UsageError
from i2a.settings import from_keywords
from i2a.testing import ScriptedModel
from i2a.trees.json import load, read
from i2a.trees.tree import Tree
from scenarios.settings import Simulation

TALK = '''
from agents.prompt import Prompt
from agents.role import Role
from scenarios import scenario

class Friend(Role):
    """A friend."""
    prompt = Prompt("You are $occupation, aged $age. You are called $name.")

class Stranger(Role):
    """Says whatever."""
    prompt = Prompt("You know no persona.")

@scenario
async def talk(tree, alice: Friend, bob: Friend, stranger: Stranger) -> None:
    """Friends who talk. The word persona in a script is no use of one."""
    here = tree.add(None, await alice(None))
    here = tree.add(here, await bob(here))
    tree.add(here, await stranger(here))
'''
ALONE = '''
from agents.prompt import Prompt
from agents.role import Role
from scenarios import scenario

class Speaker(Role):
    """Speaks. It has no persona."""
    prompt = Prompt("Say something.")

@scenario
async def alone(tree, speaker: Speaker) -> None:
    """Somebody speaks."""
    tree.add(None, await speaker(None))
'''
PEOPLE = "name,age,occupation,language\n" + "".join(
    f"N{i},{20 + i},job {i},{'German' if i % 2 else ''}\n" for i in range(8)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "talk.py").write_text(TALK, "utf-8")
    (tmp_path / "alone.py").write_text(ALONE, "utf-8")
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    return tmp_path


def grown(
    folder: Path, name: str = "talk", conversations: int = 3, **settings: object
) -> tuple[list[Tree], ScriptedModel]:
    model = ScriptedModel()
    where = {"scenario": str(folder / f"{name}.py"), "out": folder / "run"}
    config = from_keywords(Simulation, {**where, "conversations": conversations, **settings})
    simulate(config, clients={"*": model}).raise_for_status()
    return list(read(folder / "run" / "trees.jsonl")), model


def told(model: ScriptedModel, role: str) -> list[str]:
    return sorted(request.messages[0].content for request in model.requests if request.role == role)


def test_prompts_name_any_field_of_a_persona(folder: Path) -> None:
    trees, model = grown(folder, personas=folder / "people.csv")
    expected = sorted(
        f"You are {p['occupation']}, aged {p['age']}. You are called {p['name']}."
        for p in (tree.persona.values for tree in trees)
    )
    assert [text.partition("\n")[0] for text in told(model, "alice")] == expected
    assert [text.partition("\n")[0] for text in told(model, "bob")] == expected


def test_roles_from_one_file_are_different_people(folder: Path) -> None:
    both = dict.fromkeys(("alice", "bob"), folder / "people.csv")
    trees, model = grown(folder, conversations=4, role_personas=both)
    everybody = [persona.id for tree in trees for persona in tree.personas.values()]
    assert len(set(everybody)) == 8
    assert all(tree.persona == tree.personas["alice"] for tree in trees)
    for tree in trees:
        assert any(tree.personas["bob"].values["name"] in text for text in told(model, "bob"))
        assert not any(tree.personas["bob"].values["name"] in text for text in told(model, "alice"))
    with pytest.raises(UsageError, match="cannot draw 10 personas"):
        grown(folder, conversations=5, role_personas=both)


def test_a_smaller_run_is_the_beginning_of_a_larger_one(folder: Path) -> None:
    both = dict.fromkeys(("alice", "bob"), folder / "people.csv")
    small, _ = grown(folder, conversations=2, role_personas=both)
    (folder / "run").rename(folder / "small")
    large, _ = grown(folder, conversations=4, role_personas=both)
    assert [tree.personas for tree in small] == [tree.personas for tree in large[:2]]


def test_a_tree_with_people_by_role_is_stored_and_read_back(folder: Path) -> None:
    trees, _ = grown(folder, role_personas={"bob": folder / "people.csv"}, personas=folder / "people.csv")
    line = (folder / "run" / "trees.jsonl").read_text("utf-8").splitlines()[0]
    assert json.loads(line)["format"] == "i2a.tree/2"
    assert load(line).personas == trees[0].personas
    assert trees[0].persona_of("alice") == trees[0].persona != trees[0].persona_of("bob")


def test_a_scenario_that_uses_no_persona_needs_none(folder: Path) -> None:
    trees, _ = grown(folder, "alone", conversations=500)
    assert len(trees) == 500
    assert all(tree.persona.unknown for tree in trees)
    manifest = json.loads((folder / "run" / "manifest.json").read_text("utf-8"))
    assert manifest["uses_personas"] is False


def test_people_that_are_asked_for_are_kept_even_if_nobody_is_told_of_them(folder: Path) -> None:
    trees, _ = grown(folder, "alone", conversations=10, personas=folder / "people.csv")
    assert len({tree.persona.id for tree in trees}) == 8


def test_whoever_speaks_is_told_the_language_of_its_persona_and_no_other(folder: Path) -> None:
    trees, model = grown(folder, conversations=8, personas=folder / "people.csv")
    last = "Write your message in German, whatever language the text above is in."
    german = sum(tree.persona.language == "German" for tree in trees)
    for role in ("alice", "bob", "stranger"):
        assert sum(text.endswith(last) for text in told(model, role)) == german == 4
    assert sum("language" in text for text in told(model, "alice")) == 4


def test_a_persona_without_what_a_prompt_names_is_refused_before_any_call(folder: Path) -> None:
    with (folder / "people.csv").open("a", encoding="utf-8") as lines:
        lines.write("N9,,job 9,\n")
    with pytest.raises(
        UsageError, match=r"persona f-\w+ has no age, which the prompt of alice names: add it to the file"
    ):
        grown(folder, conversations=9, personas=folder / "people.csv")
    assert not (folder / "run").exists()


def test_settings_that_contradict_each_other_are_refused(folder: Path) -> None:
    people = folder / "people.csv"
    with pytest.raises(UsageError, match="--personas holds whole personas: leave out --profiles"):
        grown(folder, personas=people, profiles=people)
    with pytest.raises(UsageError, match="has no role 'carol'; its roles: alice, bob, stranger"):
        grown(folder, role_personas={"carol": people})


def test_another_prompt_may_name_the_fields(folder: Path) -> None:
    (folder / "prompt.txt").write_text("You are $name.", "utf-8")
    _, model = grown(folder, "alone", personas=folder / "people.csv", role_prompt={"speaker": folder / "prompt.txt"})
    assert all(text.startswith("You are N") for text in told(model, "speaker"))
    (folder / "prompt.txt").write_text("You are $shoe.", "utf-8")
    with pytest.raises(UsageError, match=r"no value for \$shoe of speaker; there are: \$age, "):
        grown(folder, "alone", personas=folder / "people.csv", role_prompt={"speaker": folder / "prompt.txt"})


def test_the_offline_engine_says_that_it_knows_english_only(folder: Path) -> None:
    simulate(personas=folder / "people.csv", scenario=str(folder / "alone.py"), conversations=2, out=folder / "run")
    notes = json.loads((folder / "run" / "manifest.json").read_text("utf-8"))["notes"]
    assert "the offline engine writes English only, and some personas write German" in notes
