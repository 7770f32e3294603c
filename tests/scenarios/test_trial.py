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
