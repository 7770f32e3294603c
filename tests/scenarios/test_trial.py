"""A script is tried out once, and never for ever."""

from pathlib import Path

import pytest

from i2a.errors import UsageError
from scenarios.trial import trial

SCRIPT = """
from agents.user import User
from scenarios import scenario

@scenario
async def chat(tree, user: User) -> None:
    here = None
    while True:
        pass
"""


def test_a_loop_that_never_awaits_is_stopped_and_its_line_is_named(tmp_path: Path) -> None:
    script = tmp_path / "chat.py"
    script.write_text(SCRIPT)
    with pytest.raises(UsageError, match=r"chat\.py:[89]: the conversation does not end: .* 0.5 seconds"):
        trial(script, seconds=0.5)


def test_a_loop_that_calls_a_role_for_ever_is_stopped_too(tmp_path: Path) -> None:
    script = tmp_path / "chat.py"
    script.write_text(SCRIPT.replace("pass", "await user(here)"))
    with pytest.raises(UsageError, match=r"chat\.py:9: the conversation does not end: .* after 1000 calls"):
        trial(script)


def test_a_script_that_adds_nothing_is_told_what_to_write(tmp_path: Path) -> None:
    script = tmp_path / "chat.py"
    script.write_text(SCRIPT.replace("while True", "if True"))
    with pytest.raises(UsageError, match=r"added nothing to the tree; write: here = tree\.add"):
        trial(script)


TWICE = """
from agents.prompt import Prompt
from agents.role import Role
from agents.user import User
from scenarios import scenario

class Guest(Role):
    prompt = Prompt("You visit $place.")

@scenario
async def chat(tree, user: User, guest: Guest) -> None:
    here = tree.add(None, await user(None))
    for _ in range(2):
        tree.add(here, await guest(here, place="a lake"))
"""


def test_what_a_role_is_sent_and_answers_is_seen_and_two_calls_of_a_kind_differ(tmp_path: Path) -> None:
    script = tmp_path / "chat.py"
    script.write_text(TWICE)
    calls: list[str] = []
    assert "grew 3 utterances by guest, user" in trial(script, seen=calls.append)
    opening, *drafts = calls
    assert opening.startswith("--- user was sent\n[system] ")
    answer = opening.partition("--- user answered\n")[2].strip()
    for draft in drafts:
        assert draft.startswith(
            f"--- guest was sent\n[system] You visit a lake.\n[user] {answer}\n--- guest answered\n"
        )
    assert drafts[0] != drafts[1]


def test_what_came_before_a_fault_is_seen_too(tmp_path: Path) -> None:
    script = tmp_path / "chat.py"
    script.write_text(TWICE.replace("range(2)", "1"))
    calls: list[str] = []
    with pytest.raises(UsageError, match=r"chat\.py:13: TypeError: 'int' object is not iterable"):
        trial(script, seen=calls.append)
    assert len(calls) == 1
