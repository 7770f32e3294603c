"""Amounts are added and scaled, prompts and answers by themselves."""

from i2a.models.usage import Usage
from i2a.runs.amount import Amount, summed


def test_prompts_and_answers_grow_by_themselves() -> None:
    amount = Amount(calls=2, prompt_tokens=100, completion_tokens=10, cached_tokens=40)
    assert amount.times(3, 1.5, 2) == Amount(6, 450, 60, 180)
    assert amount.tokens == 110


def test_what_a_role_spent_in_batches_and_live_is_one_amount_for_a_model() -> None:
    spent = [("judge", "m", Usage(1, 10, 1)), ("judge", "m", Usage(2, 20, 2, cached_tokens=5)), ("user", "m", Usage(1))]
    assert summed(spent) == {("judge", "m"): Amount(3, 30, 3, 5), ("user", "m"): Amount(1)}
