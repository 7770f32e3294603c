"""What a token loses for going on with what was said before."""

import pytest

from i2a.models.local.repetition import LONGEST, Dry, Repetition

GENTLE = Dry(multiplier=2.0, base=3.0, allowed_length=1)
A, B, C, D, E = range(5)


def penalties(*replies: list[int], dry: Dry = GENTLE) -> dict[int, float]:
    return Repetition(dry, replies).penalties()


def test_what_followed_the_last_token_before_is_penalised() -> None:
    assert penalties([A, B, C], [D, A]) == {B: 2.0}
    assert penalties([A, B, A, C], [D, A]) == {B: 2.0, C: 2.0}
    assert penalties([A, B], [D]) == {}


def test_the_penalty_grows_with_the_tokens_that_are_alike_and_the_longest_match_counts() -> None:
    assert penalties([A, B, C, D], [A, B, C]) == {D: 2.0 * 3.0**2}
    assert penalties([C, D], [A, B, C, D], [E, C, D], [B, C]) == {D: 2.0 * 3.0}


def test_below_the_allowed_length_nothing_is_lost() -> None:
    dry = Dry(2.0, 3.0, allowed_length=2)
    assert penalties([A, B, C], [A], dry=dry) == {}
    assert penalties([A, B, C], [A, B], dry=dry) == {C: 2.0}


def test_a_reply_may_begin_as_others_did_and_none_goes_on_with_the_end_of_another() -> None:
    assert penalties([A, B], [A, C], []) == {}
    assert penalties([A, B], [C, A]) == {B: 2.0}
    assert penalties([D, A], [B, C], [D, A]) == {}


def test_what_is_being_written_counts_too() -> None:
    said = Repetition(GENTLE, [[]])
    lost = []
    for token in (A, B, A, B):
        said.add(token)
        lost.append(said.penalties())
    assert lost == [{}, {}, {B: 2.0}, {A: 6.0}]


def test_a_long_loop_has_a_number() -> None:
    assert penalties([A] * 1000, dry=Dry(1.0, 10.0, 1)) == {A: pytest.approx(10.0 ** (LONGEST - 1))}
