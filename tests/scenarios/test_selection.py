"""What is good enough stays, as a run; the rest is listed with its reasons."""

import json
from pathlib import Path
from typing import Any

import pytest

from i2a import read_trees, select
from i2a.errors import UsageError
from i2a.runs.run_folder import RunFolder
from i2a.runs.simulated import is_simulated
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance, Verdict
from scenarios import Simulation, simulate

ANNA = Persona("a", "She is a baker. She has two cats.", "She is warm.", fields={"country": "Peru"})
BEN = Persona("b", "He is a guard.", "He is dry.", fields={"country": "Chile"})


def conversation(id: str, *said: str, person: Persona = ANNA, **notes: Any) -> Tree:
    """User and responder in turn; the notes are those of the last reply."""
    tree = Tree(id, "aloe", person, 1)
    here = None
    for at, text in enumerate(said or (f"Hello, here is {id}.", "How do you do today?")):
        here = tree.keep(tree.add(here, Utterance("user" if at % 2 == 0 else "preferred", text)))
    assert here is not None
    here.metadata |= notes
    return tree


def judged(id: str, *winners: str) -> Tree:
    """One pair of replies; `winners`: by verdict, the first order and then the second."""
    tree = conversation(id, "Hello, my cats are well.")
    [asked] = tree.roots
    one, other = (tree.add(asked, Utterance(name, f"{name} says so")) for name in ("preferred", "rejected"))
    named = {"preferred": one, "rejected": other}
    for at, winner in enumerate(winners):
        first, second = (one, other) if at % 2 == 0 else (other, one)
        asked.verdicts.append(Verdict(first, second, named.get(winner), "so"))
    if set(winners) == {"preferred"}:
        one.label, other.label = "preferred", "rejected"
    return tree


def selected(tmp_path: Path, trees: list[Tree], **rules: Any) -> tuple[list[str], dict[str, list[str]]]:
    """The ids that are kept, and the reasons of the others."""
    tmp_path.mkdir(exist_ok=True)
    source = tmp_path / "trees.jsonl"
    write(source, trees)
    before = source.read_bytes()
    select(runs=[source], out=tmp_path / "out", **rules)
    assert source.read_bytes() == before
    lines = (tmp_path / "out/rejected.jsonl").read_text("utf-8").splitlines()
    return [tree.id for tree in read_trees(tmp_path / "out")], {
        each["id"]: each["reasons"] for each in map(json.loads, lines)
    }


def test_pairs_on_which_the_verdicts_agree(tmp_path: Path) -> None:
    trees = [
        judged("agreed", "preferred", "preferred"),
        judged("flipped", "preferred", "rejected"),
        judged("silent", "preferred", "nobody"),
        conversation("unjudged"),
    ]
    assert selected(tmp_path, trees, min_agreement=1) == (
        ["agreed"],
        {
            "flipped": ["agreement 0, under 1"],
            "silent": ["agreement 0, under 1"],
            "unjudged": ["no agreement to measure"],
        },
    )


def test_scores_are_ratings_or_a_number_in_the_notes(tmp_path: Path) -> None:
    trees = [
        conversation("rated", ratings={"judge": {"score": 4}, "other": {"score": 2}}),
        conversation("noted", quality={"score": 5}),
        conversation("bad", quality={"score": 1}),
    ]
    kept, why = selected(tmp_path, trees, min_score=3, score="quality.score")
    assert (kept, why) == (["rated", "noted"], {"bad": ["score 1, under 3"]})


def test_faults_are_those_that_were_marked_or_found_anew(tmp_path: Path) -> None:
    marked = conversation("marked", faults=["invented"])
    assistant = conversation("assistant", "How can I help you today?", "Tell me.")
    assert selected(tmp_path / "a", [marked, assistant, conversation("good")], max_faults=0)[0] == ["assistant", "good"]
    assert selected(tmp_path / "b", [marked, assistant, conversation("good")], max_faults=0, audit=True)[0] == ["good"]


def test_length_is_turns_and_words(tmp_path: Path) -> None:
    short, long = conversation("short"), conversation("long", "Hi.", "Well, " * 40, "Oh.", "Why?")
    assert selected(tmp_path / "a", [short, long], min_turns=2)[0] == ["long"]
    assert selected(tmp_path / "b", [short, long], max_words=10)[1] == {"long": ["words 20.5, over 10"]}
    assert selected(tmp_path / "c", [short, long], min_words=10, min_turns=2)[1] == {
        "short": ["turns 1, under 2", "words 5, under 10"]
    }


def test_of_nearly_the_same_conversations_the_first_one_stays(tmp_path: Path) -> None:
    pytest.importorskip("datasketch")
    text = "My two cats have slept on the warm oven all day, and the bread has not risen at all because of them again."
    trees = [
        conversation("first", text, "Poor bread."),
        conversation("twin", f"{text} Sigh.", "Poor bread."),
        conversation("other", "The prison was quiet last night, so I read half a book.", "Which one?"),
    ]
    assert selected(tmp_path, trees, max_similarity=0.6) == (["first", "other"], {"twin": ["nearly the same as first"]})


def test_each_person_and_each_level_of_a_field_has_its_share(tmp_path: Path) -> None:
    trees = [conversation(str(n), person=ANNA if n < 3 else BEN) for n in range(5)]
    assert selected(tmp_path / "a", trees, max_per={"persona": 2})[0] == ["0", "1", "3", "4"]
    assert selected(tmp_path / "b", trees, max_per={"country": 1}) == (
        ["0", "3"],
        {
            "1": ["1 of country Peru are kept already"],
            "2": ["1 of country Peru are kept already"],
            "4": ["1 of country Chile are kept already"],
        },
    )


def test_what_is_selected_is_a_run_that_says_where_it_comes_from(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "run", conversations=4, turns=2, seed=3))
    found = select(runs=[tmp_path / "run"], out=tmp_path / "good", max_per={"persona": 2})
    manifest = RunFolder(tmp_path / "good").manifest()
    assert is_simulated(manifest)
    assert manifest["uses_personas"] is True
    assert manifest["identity"]["selected"] == {"max_per": {"persona": 2}}
    assert manifest["selection"] == found.as_json() == {"read": 4, "kept": 4, "rejected": {}}
    assert (tmp_path / "good/trees.jsonl").read_bytes() == (tmp_path / "run/trees.jsonl").read_bytes()
    select(runs=[tmp_path / "run"], out=tmp_path / "good", max_per={"persona": 2})
    with pytest.raises(UsageError, match="holds another run"):
        select(runs=[tmp_path / "run"], out=tmp_path / "good", max_per={"persona": 3})


def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path) -> None:
    source = tmp_path / "trees.jsonl"
    write(source, [conversation("a")])
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "no rule is given"),
        ({"audit": True, "min_turns": 1}, "--audit counts faults"),
        ({"min_turns": 9}, "none of 1 conversations is kept: min_turns left out 1"),
        ({"min_turns": 1, "runs": [source, tmp_path / "same.jsonl"]}, "as .*trees.jsonl has; select from each apart"),
    ]
    for settings, reason in cases:
        write(tmp_path / "same.jsonl", [conversation("a")])
        with pytest.raises(UsageError, match=reason) as caught:
            select(**{"runs": [source], "out": tmp_path / f"out{len(reason)}", **settings})
        assert "\n" not in str(caught.value)
