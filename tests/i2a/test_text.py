"""Text for people: no character steers a terminal, and one thing is no plural."""

import pytest

from i2a.text import counted, one_line, shortened


def test_whatever_a_model_writes_is_one_printable_line() -> None:
    assert one_line("  a\x1b[31m\n\tb ") == "a [31m b"


@pytest.mark.parametrize(
    ("count", "what", "words"),
    [
        (0, "pairs", "0 pairs"),
        (1, "pairs without a verdict", "1 pair without a verdict"),
        (1, "replies", "1 reply"),
        (2000, "replies", "2,000 replies"),
    ],
)
def test_a_count_has_its_noun_in_the_right_number(count: int, what: str, words: str) -> None:
    assert counted(count, what) == words


def test_a_long_text_is_cut_and_shows_it() -> None:
    assert shortened("a few\nwords", 11) == "a few words"
    assert shortened("a few\nwords", 8) == "a few w\u2026"
