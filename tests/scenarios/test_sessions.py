"""The scenario in which the person comes back."""

from pathlib import Path

import pytest

from agents.memory import ASK
from i2a.errors import UsageError
from i2a.trees.json import dump, load, read
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from scenarios.script import find
from scenarios.sessions import whole
from scenarios.settings import Simulation
from scenarios.simulation import simulate
from tests.fakes import ScriptedClient, plausible, spoken
from training.rows import PairFilter, sft_rows

BAKER = Persona("p", "A baker who keeps bees.", "Blunt.")


async def grown(**options: object) -> tuple[Tree, dict[str, list[str]]]:
    """A tree, and what each role was sent, call by call."""
    asked: dict[str, list[str]] = {}

    def answer(request):  # type: ignore[no-untyped-def]
        asked.setdefault(request.role, []).append(request.text)
        return "She keeps bees." if request.role == "memory" else plausible(request)

    scenario = find("sessions")
    tree = Tree("t-0", "sessions", BAKER, 7, scenario.resolve(options))
    await scenario.grow(tree, dict.fromkeys(scenario.roles, ScriptedClient(answer)), **tree.options)
    return tree, asked


async def test_each_session_has_a_root_of_its_own_and_the_next_one_opens_with_the_note() -> None:
    tree, asked = await grown(turns=4, sessions=2)
    first, second = tree.roots
    assert (first.speaker, second.speaker) == ("user", "note")
    assert [root.metadata["session"] for root in tree.roots] == [1, 2]
    end, _ = tree.ends
    assert [node.speaker for node in end.path[-2:]] == ["note", "memory"]
    assert end.path[-2].content == ASK
    assert "She keeps bees." in second.content
    assert len(asked["memory"]) == 1, "nobody comes after the last session"


async def test_the_model_has_the_note_alone_and_the_person_all_that_was_said_but_the_note() -> None:
    tree, asked = await grown(turns=4, sessions=2)
    opening = tree.roots[0].content
    assert opening not in asked["rejected"][2]
    assert "She keeps bees." in asked["rejected"][2]
    assert opening in asked["user"][2]
    assert "She keeps bees." not in asked["user"][2]
    heard = whole(tree, tree.ends[-1])
    assert heard is not None
    assert {"note", "memory"}.isdisjoint(spoken(heard))
    assert sum(node.speaker == "user" for node in heard.path) == 4


async def test_who_reads_a_transcript_finds_the_note_on_the_persons_side() -> None:
    _, asked = await grown(turns=2, sessions=2)
    for role in ("inducer", "judge"):
        assert "User: What you wrote down about me after we last talked: She keeps bees." in asked[role][-1]


async def test_rows_of_a_later_session_begin_with_the_note_and_stored_trees_say_the_same() -> None:
    tree = load(dump((await grown(turns=4, sessions=2))[0]))
    prompts = [row["prompt"] for row in sft_rows(tree, PairFilter()).rows]
    later = [prompt for prompt in prompts if "She keeps bees." in prompt[0]["content"]]
    assert 0 < len(later) < len(prompts)
    assert all(message["role"] == ("user", "assistant")[place % 2] for p in prompts for place, message in enumerate(p))


async def test_a_note_is_learnt_from_the_place_of_all_who_answered() -> None:
    tree, _ = await grown(turns=4, sessions=2)
    (row,) = sft_rows(tree, PairFilter.of_role("memory", "score", None)).rows
    talk = [message for message in row["prompt"] if message["role"] != "system"]
    assert [message["role"] for message in talk] == ["user", "assistant", "user", "assistant", "user"]
    assert talk[-1]["content"] == ASK
    assert row["completion"][0]["content"] == "She keeps bees."


async def test_openings_of_sessions_are_no_alternatives_of_each_other() -> None:
    tree, _ = await grown(turns=4, sessions=2)
    assert [tree.alternatives(root) for root in tree.roots] == [[root] for root in tree.roots]


async def test_sessions_of_unequal_length_are_refused() -> None:
    with pytest.raises(UsageError, match="5 turns are not 2 sessions of the same length"):
        await grown(turns=5, sessions=2)


def test_offline_the_note_holds_what_the_person_has_told(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "run", scenario="sessions", conversations=3, turns=8))
    trees = list(read(tmp_path / "run" / "trees.jsonl"))
    notes = [node.content for tree in trees for node in tree if node.speaker == "memory"]
    assert len(notes) == 3
    assert all("you" in note.lower().split() for note in notes), "to the person's face"
    assert any("your" in note.lower().split() for note in notes)
