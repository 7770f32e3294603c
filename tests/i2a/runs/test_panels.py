"""Panels of conversations in progress show the path that each takes, its latest words, and nothing as markup."""

import io

import pytest
from rich.console import Console

from i2a.runs.panels import conversation, conversations, current_path, turns_of, utterances
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree, Utterance

PERSONA = Persona("p-1", "A baker.", "Blunt.")


def rendered(*things: object, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(*things)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def empty(**options: object) -> Tree:
    return Tree("aloe-0", "aloe", PERSONA, 7, options)


def say(tree: Tree, here: Node | None, speaker: str, text: str) -> Node:
    return tree.add(here, Utterance(speaker, text))


def aloe(turns: int) -> Tree:
    """A dialogue in which the rejected reply continues every time."""
    tree, here = empty(turns=10), None
    for turn in range(turns):
        here = say(tree, here, "user", f"u{turn}")
        pair = [say(tree, here, speaker, f"{speaker[0]}{turn}") for speaker in ("preferred", "rejected")]
        here = tree.keep(pair[1])
    return tree


def test_a_dialogue_is_read_turn_after_turn_and_what_was_left_behind_stands_in_its_turn() -> None:
    told = [(node.content, followed) for node, followed in utterances(aloe(8))]
    assert told == [step for turn in range(8) for step in ((f"u{turn}", True), (f"p{turn}", False), (f"r{turn}", True))]


def test_before_one_reply_is_followed_all_may_be() -> None:
    tree = aloe(1)
    here = say(tree, tree.ends[0], "user", "u1")
    say(tree, here, "preferred", "p1")
    say(tree, here, "rejected", "r1")
    assert [(node.content, followed) for node, followed in utterances(tree)][-3:] == [
        ("u1", True),
        ("p1", True),
        ("r1", True),
    ]


def test_a_rejected_opening_comes_before_the_dialogue() -> None:
    tree = empty()
    kept = say(tree, None, "pro", "kept")
    say(tree, None, "pro", "rejected")
    say(tree, kept, "con", "answer")
    assert [node.content for node, _ in utterances(tree)] == ["rejected", "kept", "answer"]


def test_of_two_branches_that_both_go_on_one_is_followed_to_its_end() -> None:
    tree = empty()
    here = say(tree, None, "user", "u0")
    ends = [say(tree, tree.keep(say(tree, here, who, who)), "user", f"{who} on") for who in ("preferred", "rejected")]
    for end in ends:
        tree.keep(end)
    assert [node.content for node in current_path(tree)] == ["u0", "rejected", "rejected on"]


@pytest.mark.parametrize("turns", [0, 1, 8])
def test_a_turn_is_over_when_it_was_answered(turns: int) -> None:
    tree = aloe(turns)
    say(tree, tree.ends[0] if turns else None, "user", "next")
    assert turns_of(tree) == (turns, 10)


def test_a_scenario_without_turns_has_no_count_of_them() -> None:
    tree = aloe(2)
    tree.options = {}
    assert turns_of(tree) == (2, 0)


def test_what_a_model_said_is_no_markup() -> None:
    tree = empty()
    here = say(tree, None, "user", "I [bold]bake[/bold] [link=http://x]bread[/link] :smile:\nat night")
    say(tree, here, "preferred", "Oh? [/]")
    text = rendered(conversation(tree))
    assert "I [bold]bake[/bold] [link=http://x]bread[/link] :smile: at night" in text
    assert "Oh? [/]" in text


@pytest.mark.parametrize("evil", ["\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\r\x08\x08"])
def test_what_a_model_said_does_not_steer_the_terminal(evil: str) -> None:
    tree = empty()
    say(tree, None, "user", f"Hello {evil}")
    assert not {"\x1b", "\x07", "\x08", "\r"} & set(rendered(conversation(tree)))


def test_a_conversation_without_utterances_can_be_shown() -> None:
    assert "aloe-0" in rendered(conversation(empty()))


def test_the_title_says_which_turn_it_is() -> None:
    assert "aloe-0, 3/10 turns" in rendered(conversation(aloe(3)))


@pytest.mark.parametrize(
    ("width", "height", "panels"), [(50, 5, 1), (80, 20, 2), (160, 20, 4), (300, 40, 5), (80, 2, 0)]
)
def test_as_many_conversations_are_shown_as_have_room(width: int, height: int, panels: int) -> None:
    found = conversations([aloe(8) for _ in range(5)], width, height)
    if not panels:
        assert found is None
        return
    lines = rendered(found, width=width).splitlines()
    assert sum(line.count("aloe-0") for line in lines) == panels
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("r7" in line for line in lines), "the latest words are there"


def test_a_long_name_and_a_long_reply_leave_each_other_room() -> None:
    tree = empty()
    here = say(tree, None, "the_very_patient_interviewer", "word " * 40)
    say(tree, here, "user", "x" * 200)
    lines = rendered(conversation(tree, 12), width=50).splitlines()
    assert len(lines) == 12
    assert max(map(len, lines)) <= 50
    assert "the_very_pati…" in lines[1]
