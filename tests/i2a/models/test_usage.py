"""Money and tokens are counted as they are spent; a price that nobody knows is not zero."""

import pytest

from i2a.errors import BudgetSpent, UsageError
from i2a.models.model import Completion, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker, find_price, parse_price
from i2a.runs.journal import Spent

REPLY = Completion("Hello.", "stop", 1000, 500)
PRICE = Price(2.0, 10.0)  # $0.007 for REPLY


def test_calls_tokens_and_money_are_counted_by_role() -> None:
    tracker = UsageTracker({"m": PRICE})
    tracker.add("user", "m", REPLY)
    tracker.add("user", "m", REPLY)
    tracker.add("judge", "m", REPLY)
    assert tracker.cost() == pytest.approx(0.021)
    assert tracker.cost("user") == pytest.approx(0.014)
    user = tracker.by_role()["user"]
    assert (user.calls, user.prompt_tokens, user.completion_tokens, user.tokens) == (2, 2000, 1000, 3000)


def test_a_role_on_two_models_is_one_role() -> None:
    tracker = UsageTracker({"m": PRICE, "n": Price(0, 0)})
    tracker.add("user", "m", REPLY)
    tracker.add("user", "n", REPLY)
    assert tracker.by_role()["user"].calls == 2
    assert tracker.cost("user") == pytest.approx(0.007)


def test_an_unknown_price_makes_the_cost_unknown_and_not_zero() -> None:
    tracker = UsageTracker({"m": PRICE, "n": None})
    tracker.add("user", "m", REPLY)
    assert tracker.cost() == pytest.approx(0.007)
    tracker.add("judge", "n", REPLY)
    assert tracker.cost() is None
    assert tracker.cost("judge") is None
    assert tracker.cost("user") == pytest.approx(0.007)


def test_a_budget_in_money_refuses_a_model_without_a_price() -> None:
    with pytest.raises(UsageError, match="--max-cost needs the price of n; add --price 'n=IN/OUT'"):
        UsageTracker({"m": PRICE, "n": None}, max_cost=1)
    UsageTracker({"m": PRICE, "n": None}, max_tokens=1)
    UsageTracker({"m": PRICE, "n": None})


def test_a_budget_in_money_is_spent_when_it_is_reached() -> None:
    tracker = UsageTracker({"m": PRICE}, max_cost=0.014)
    for _ in range(2):
        tracker.check()
        tracker.add("user", "m", REPLY)
    with pytest.raises(BudgetSpent, match=r"\$0.014"):
        tracker.check()


def test_a_budget_in_tokens_is_spent_when_it_is_reached() -> None:
    tracker = UsageTracker({"m": None}, max_tokens=2500)
    for _ in range(2):
        tracker.check()
        tracker.add("user", "m", REPLY)
    with pytest.raises(BudgetSpent, match="2,500 tokens"):
        tracker.check()


def test_without_a_budget_nothing_is_ever_spent() -> None:
    tracker = UsageTracker({"m": PRICE})
    for _ in range(1000):
        tracker.check()
        tracker.add("user", "m", REPLY)


def test_what_earlier_sessions_spent_counts() -> None:
    before = [Spent("user", "m", 2, 2000, 1000), Spent("judge", "m", 1, 1000, 500)]
    tracker = UsageTracker({"m": PRICE}, max_cost=0.021, before=before)
    assert tracker.cost() == pytest.approx(0.021)
    assert tracker.by_role()["user"].calls == 2
    assert tracker.session_calls == 0
    with pytest.raises(BudgetSpent):
        tracker.check()
    with pytest.raises(BudgetSpent):
        UsageTracker({"m": PRICE}, max_tokens=4500, before=before).check()


def test_what_earlier_sessions_spent_on_an_unknown_price_is_unknown() -> None:
    assert UsageTracker({"m": None}, before=[Spent("user", "m", 1, 1, 1)]).cost() is None


# Prices.


@pytest.mark.parametrize(
    ("text", "model", "price"),
    [
        ("openai:x=0.15/0.6", "openai:x", Price(0.15, 0.6)),
        ("openai:x@http://localhost:1/v1?top_p=0.8=1/2", "openai:x@http://localhost:1/v1?top_p=0.8", (1, 2)),
        ("offline=0/0", "offline", (0, 0)),
    ],
)
def test_a_price_is_told_for_a_model_string(text: str, model: str, price: tuple[float, float]) -> None:
    assert parse_price(text) == (model, price)


@pytest.mark.parametrize(
    "text", ["", "openai:x", "openai:x=1", "openai:x=1/2/3", "openai:x=a/b", "nonsense=1/2", "=1/2"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_price(text)


@pytest.mark.parametrize("amounts", ["-1/2", "1/-2", "nan/1", "1/inf"])
def test_a_price_that_would_undo_the_budget_is_refused(amounts: str) -> None:
    with pytest.raises(UsageError):
        parse_price(f"openai:x={amounts}")


def test_the_offline_engine_is_free_and_the_list_price_of_a_hosted_model_is_found() -> None:
    assert find_price(ModelSpec.parse("offline")) == Price(0, 0)
    price = find_price(ModelSpec.parse("openai:gpt-4o-mini"))
    assert price is not None
    assert 0 < price.prompt < price.completion < 100


@pytest.mark.parametrize("model", ["openai:no-such-model-7", "openai:gpt-4o-mini@http://localhost:8000/v1"])
def test_the_price_of_what_nobody_lists_is_unknown(model: str) -> None:
    assert find_price(ModelSpec.parse(model)) is None
