"""The parser of the prompts: a transcript may be empty, before anybody has spoken."""

import pytest

from i2a.simulator.parts.prompt_parser import Dialogue, transcript


@pytest.mark.parametrize("text", ["", "nobody has spoken yet"])
def test_a_dialogue_without_lines_is_empty(text: str) -> None:
    assert transcript(text) == Dialogue(())
