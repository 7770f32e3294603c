"""What is good enough stays, as a run; the rest is listed with its reasons."""

import json
from pathlib import Path
from typing import Any

import pytest

from i2a import read_trees, select
from i2a.errors import UsageError
from i2a.runs.run_folder import RunFolder
from i2a.runs.simulated import is_simulated, simulated_roles
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance, Verdict
from scenarios import Simulation, simulate
from scenarios.selection import NearDuplicates

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


def test_where_nobody_is_called_user_who_opens_is_answered(tmp_path: Path) -> None:
    def debate(id: str, *said: str) -> Tree:
        tree, here = Tree(id, "debate", ANNA, 1), None
        for at, text in enumerate(said):
            here = tree.keep(tree.add(here, Utterance("for" if at % 2 == 0 else "against", text)))
        return tree

    trees = [debate("short", "It is so.", "No."), debate("long", *["It is so, as all of us know.", "No."] * 4)]
    assert selected(tmp_path / "a", trees, min_turns=2) == (["long"], {"short": ["turns 1, under 2"]})
    assert selected(tmp_path / "b", trees, max_turns=2) == (["short"], {"long": ["turns 4, over 2"]})
    assert selected(tmp_path / "c", trees, max_words=1)[0] == ["short", "long"]


def test_a_letter_of_a_script_without_spaces_is_half_a_word(tmp_path: Path) -> None:
    chinese = conversation("chinese", "\u4f60\u597d", "\u4f60\u597d\u5417")
    other = conversation("other", "Hi.", "So, so and so.")
    assert selected(tmp_path, [chinese, other], min_words=2) == (["other"], {"chinese": ["words 1.5, under 2"]})


@pytest.mark.parametrize("most", [0.01, 0.5, 0.85, 0.95, 0.99, 0.999])
def test_what_is_hardly_more_similar_than_allowed_is_found(tmp_path: Path, most: float) -> None:
    pytest.importorskip("datasketch")
    said = [f"word{n}" for n in range(400)]
    trees = [conversation("first", " ".join(said), "Yes."), conversation("same", " ".join(said), "Yes.")]
    others = [f"other{n}" for n in range(400)]
    trees.append(conversation("other", " ".join(others), "No."))
    assert selected(tmp_path, trees, max_similarity=most)[0] == ["first", "other"]


def test_most_of_those_just_above_the_bound_are_found() -> None:
    """Of pairs that share 0.85 of their pieces, with a bound of 0.8."""
    pytest.importorskip("datasketch")
    found = 0
    for seed in range(40):
        said = [f"w{seed}-{n}" for n in range(202)]
        near = NearDuplicates(0.8)
        near.twin_or_add(conversation("one", " ".join(said)))
        found += (
            near.twin_or_add(conversation("other", " ".join([*said[:186], *[f"x{seed}-{n}" for n in range(16)]])))
            == "one"
        )
    assert found >= 30


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


def test_halves_go_by_their_ids(tmp_path: Path) -> None:
    trees = [conversation("1"), conversation("2")]
    why = f"1 of profile {ANNA.profile_id} are kept already"
    assert selected(tmp_path, trees, max_per={"profile": 1}) == (["1"], {"2": [why]})
    unknown = [conversation(id, person=Persona(id)) for id in ("x", "y")]
    assert selected(tmp_path / "b", unknown, max_per={"profile": 1})[0] == ["x", "y"]


def test_what_was_imported_stays_imported_and_what_was_simulated_simulated(tmp_path: Path) -> None:
    for name, identity, more in (
        ("imported", {"imported": {"file": "chats.json"}}, {"notes": ["2 lines left out"]}),
        (
            "served",
            {"models": {"judge": "openai:m@http://localhost/v1"}},
            {"simulated": {"openai:m@http://localhost/v1": True}},
        ),
        ("real", {"models": {"judge": "openai:gpt"}}, {"simulated": {"openai:gpt": False}}),
    ):
        with RunFolder.open(tmp_path / name, identity, more, resume=False) as folder:
            write(folder.trees_file, [conversation(name)])
    select(runs=[tmp_path / "imported"], out=tmp_path / "a", min_turns=1)
    manifest = RunFolder(tmp_path / "a").manifest()
    assert manifest["identity"]["imported"] == {"file": "chats.json"}
    assert "2 lines left out" in manifest["notes"]
    assert not is_simulated(manifest)
    select(runs=[tmp_path / "served", tmp_path / "real"], out=tmp_path / "b", min_turns=1)
    manifest = RunFolder(tmp_path / "b").manifest()
    assert manifest["identity"]["models"] == {"judge": "openai:m@http://localhost/v1", "judge 2": "openai:gpt"}
    assert simulated_roles(manifest) == ["judge"]
    assert "imported" not in manifest["identity"]


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


def test_who_lacks_the_field_is_left_out_and_an_id_stands_for_one(tmp_path: Path) -> None:
    trees = [conversation("anna"), conversation("nobody", person=Persona("c", "He is a cook.", "He is kind."))]
    assert selected(tmp_path / "a", trees, max_per={"country": 1}) == (["anna"], {"nobody": ["no country to count by"]})
    with pytest.raises(UsageError, match="has a conversation anna, twice"):
        selected(tmp_path / "b", [trees[0], trees[0]], min_turns=1)


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
