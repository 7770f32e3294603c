"""Money and tokens are counted as they are spent; a price that nobody knows is not zero."""

from pathlib import Path

import pytest

from i2a.errors import BudgetSpent, UsageError
from i2a.models.model import Completion, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker, find_price, parse_price
from i2a.runs.journal import Journal, Spent

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


# Tokens of a provider's cache.

CACHED = Completion("Hello.", "stop", 1000, 500, cached_tokens=600, written_tokens=300)


@pytest.mark.parametrize(
    ("price", "dollars"),
    [
        (Price(2.0, 10.0, 0.5, 4.0), 100 * 2.0 + 500 * 10.0 + 600 * 0.5 + 300 * 4.0),
        (Price(2.0, 10.0, 0.5), 400 * 2.0 + 500 * 10.0 + 600 * 0.5),
        (Price(2.0, 10.0), 1000 * 2.0 + 500 * 10.0),
        (Price(2.0, 10.0, 0.0), 400 * 2.0 + 500 * 10.0),
    ],
)
def test_cached_tokens_have_a_price_of_their_own_and_else_that_of_any_token(price: Price, dollars: float) -> None:
    tracker = UsageTracker({"m": price}, max_cost=dollars / 1e6)
    tracker.add("user", "m", CACHED)
    assert tracker.cost() == pytest.approx(dollars / 1e6)
    assert tracker.as_json()["user"] == {
        "calls": 1,
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "retries": 0,
        "cached_tokens": 600,
        "written_tokens": 300,
        "cost": pytest.approx(dollars / 1e6),
    }
    with pytest.raises(BudgetSpent):
        tracker.check()


def test_cached_tokens_of_an_unknown_price_cost_an_unknown_amount() -> None:
    tracker = UsageTracker({"m": None})
    tracker.add("user", "m", CACHED)
    assert tracker.cost() is None


async def test_what_earlier_sessions_read_from_a_cache_counts_as_that(tmp_path: Path) -> None:
    price = Price(2.0, 10.0, 0.5, 4.0)
    paid = UsageTracker({"m": price})
    with Journal(tmp_path / "journal.sqlite") as journal:
        paid.add("user", "m", CACHED)
        await journal.write("t-0", b"k", "user", "m", CACHED)
        assert journal.answers("t-0") == {b"k": CACHED}
    with Journal(tmp_path / "journal.sqlite") as journal:
        resumed = UsageTracker({"m": price}, before=journal.spent())
    assert resumed.cost() == pytest.approx(paid.cost())
    assert resumed.by_role()["user"].cached_tokens == 600


# Prices.


@pytest.mark.parametrize(
    ("text", "model", "price"),
    [
        ("openai:x=0.15/0.6", "openai:x", Price(0.15, 0.6)),
        ("openai:x@http://localhost:1/v1?top_p=0.8=1/2", "openai:x@http://localhost:1/v1?top_p=0.8", Price(1, 2)),
        ("offline=0/0", "offline", Price(0, 0)),
        ("openai:x=2/8/0.5", "openai:x", Price(2, 8, 0.5)),
        ("openai:x=2/8/0.5/2.5", "openai:x", Price(2, 8, 0.5, 2.5)),
    ],
)
def test_a_price_is_told_for_a_model_string(text: str, model: str, price: Price) -> None:
    assert parse_price(text) == (model, price)


@pytest.mark.parametrize(
    "text",
    ["", "openai:x", "openai:x=1", "openai:x=1/2/3/4/5", "openai:x=1//2", "openai:x=a/b", "nonsense=1/2", "=1/2"],
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_price(text)


@pytest.mark.parametrize("amounts", ["-1/2", "1/-2", "nan/1", "1/inf", "1/2/-1", "1/2/nan"])
def test_a_price_that_would_undo_the_budget_is_refused(amounts: str) -> None:
    with pytest.raises(UsageError):
        parse_price(f"openai:x={amounts}")


def test_the_offline_engine_is_free_and_the_list_price_of_a_hosted_model_is_found() -> None:
    assert find_price(ModelSpec.parse("offline")) == Price(0, 0)
    price = find_price(ModelSpec.parse("openai:gpt-4o-mini"))
    assert price is not None
    assert 0 < price.prompt < price.completion < 100


@pytest.mark.parametrize(
    "model", ["openai:deepseek-chat@https://api.deepseek.com", "openai:openai/gpt-4o-mini@https://openrouter.ai/api/v1"]
)
def test_the_list_price_at_another_provider_is_found_by_its_address(model: str) -> None:
    price = find_price(ModelSpec.parse(model))
    assert price is not None
    assert price.cached is not None
    assert 0 < price.cached < price.prompt < price.completion < 100


@pytest.mark.parametrize(
    "model",
    ["openai:gpt-4o@https://a-company.openai.azure.com/openai/v1", "openai:gpt-4o-mini@https://models.example.com/v1"],
)
def test_the_same_name_at_an_address_of_ones_own_tells_no_price(model: str) -> None:
    assert find_price(ModelSpec.parse(model)) is None


@pytest.mark.parametrize("model", ["openai:no-such-model-7", "openai:gpt-4o-mini@http://localhost:8000/v1"])
def test_the_price_of_what_nobody_lists_is_unknown(model: str) -> None:
    assert find_price(ModelSpec.parse(model)) is None
