"""What a run has spent, by role and model: calls, tokens and money. An unknown price is unknown, never 0."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from i2a.errors import BudgetSpent, UsageError
from i2a.models.spec import ModelSpec
from i2a.runs.journal import Reply, Spent


class Price(NamedTuple):
    """US dollars for a million tokens."""

    prompt: float
    completion: float


@dataclass(slots=True)
class Count:
    """`calls` were answered (and paid) now or in an earlier session of this run; `replayed` came from the journal."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    replayed: int = 0
    retries: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class Meter:
    """Counts by (role, model), and the budget. `prices` holds what the user said; see `find_price` for the rest."""

    def __init__(
        self,
        prices: Mapping[str, Price | None],
        *,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        before: Iterable[Spent] = (),
    ) -> None:
        unknown = sorted(model for model, price in prices.items() if price is None)
        if max_cost is not None and unknown:
            raise UsageError(
                f"--max-cost needs the price of {unknown[0]}; add --price '{unknown[0]}=IN/OUT' "
                "(US dollars for a million prompt and completion tokens)"
            )
        self.prices, self.max_cost, self.max_tokens = prices, max_cost, max_tokens
        self.counts: defaultdict[tuple[str, str], Count] = defaultdict(Count)
        for role, model, calls, prompt_tokens, completion_tokens in before:
            self.counts[role, model] = Count(calls, prompt_tokens, completion_tokens)
        self._tokens = sum(count.tokens for count in self.counts.values())
        self._cost = self.cost() or 0.0
        self.session_calls = 0

    def paid(self, role: str, model: str, reply: Reply) -> None:
        count = self.counts[role, model]
        count.calls += 1
        count.prompt_tokens += reply.prompt_tokens
        count.completion_tokens += reply.completion_tokens
        self.session_calls += 1
        self._tokens += reply.prompt_tokens + reply.completion_tokens
        if price := self.prices.get(model):
            self._cost += (reply.prompt_tokens * price.prompt + reply.completion_tokens * price.completion) / 1e6

    def check(self) -> None:
        """Raises `BudgetSpent` if no further call may go out."""
        if self.max_tokens is not None and self._tokens >= self.max_tokens:
            raise BudgetSpent(f"the budget of {self.max_tokens:,} tokens is spent")
        if self.max_cost is not None and self._cost >= self.max_cost:
            raise BudgetSpent(f"the budget of ${self.max_cost:g} is spent")

    def cost(self, role: str | None = None) -> float | None:
        """US dollars, of one role or of all; None if a price is unknown."""
        total = 0.0
        for (of, model), count in self.counts.items():
            if role is None or role == of:
                if (price := self.prices.get(model)) is None:
                    return None
                total += (count.prompt_tokens * price.prompt + count.completion_tokens * price.completion) / 1e6
        return total

    def by_role(self) -> dict[str, Count]:
        roles: defaultdict[str, Count] = defaultdict(Count)
        for (role, _), count in self.counts.items():
            for field in ("calls", "prompt_tokens", "completion_tokens", "replayed", "retries"):
                setattr(roles[role], field, getattr(roles[role], field) + getattr(count, field))
        return dict(roles)

    def as_json(self) -> dict[str, dict[str, int | float | None]]:
        """What each role has used, over all sessions of the run; an unknown cost is null."""
        return {
            role: {
                "calls": count.calls,
                "prompt_tokens": count.prompt_tokens,
                "completion_tokens": count.completion_tokens,
                "retries": count.retries,
                "cost": self.cost(role),
            }
            for role, count in sorted(self.by_role().items())
        }


def parse_price(text: str) -> tuple[str, Price]:
    """`MODEL=IN/OUT` as a model string and its price."""
    model, _, amounts = text.rpartition("=")
    try:
        prompt, completion = map(float, amounts.split("/"))
        if not (0 <= prompt < inf and 0 <= completion < inf):
            raise ValueError(amounts)
        return str(ModelSpec.parse(model)), Price(prompt, completion)
    except ValueError:
        raise UsageError(f"{text!r} is not a price; write MODEL=IN/OUT, e.g. openai:gpt-4o-mini=0.15/0.60") from None


def find_price(spec: ModelSpec) -> Price | None:
    """The list price of a model at its maker's own address, as far as the library genai-prices knows it.

    What runs on this machine costs nothing.
    """
    if spec.kind in ("offline", "hf"):
        return Price(0.0, 0.0)
    if spec.kind != "openai" or spec.url is not None:
        return None
    from genai_prices import Usage, calc_price

    try:
        prompt = calc_price(Usage(input_tokens=1000), spec.name, provider_id="openai")
        completion = calc_price(Usage(output_tokens=1000), spec.name, provider_id="openai")
    except LookupError:
        return None
    return Price(float(prompt.total_price) * 1000, float(completion.total_price) * 1000)
