"""What a run has used, by role and model: calls, tokens and money. An unknown price is unknown, never 0."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import TYPE_CHECKING, Protocol, Self

from i2a.errors import BudgetSpent, UsageError
from i2a.models.model import Completion, Price
from i2a.models.spec import ModelSpec
from i2a.trees.frame import to_dataframe

if TYPE_CHECKING:
    from pandas import DataFrame

_RARE = ("estimated", "cached_tokens", "written_tokens")  # told where there are any


@dataclass(slots=True)
class Usage:
    """`calls` were paid in this or an earlier session of the run, `estimated` of them without a count by the server;
    `replayed` were read from the journal. `cached_tokens` and `written_tokens`: see `Completion`."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    replayed: int = 0
    retries: int = 0
    estimated: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __iadd__(self, other: "Usage") -> Self:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


class Spending(Protocol):
    """What a price can be put on."""

    @property
    def prompt_tokens(self) -> float: ...
    @property
    def completion_tokens(self) -> float: ...
    @property
    def cached_tokens(self) -> float: ...
    @property
    def written_tokens(self) -> float: ...


class UsageTracker:
    """Usage by (role, model), and the budget. `prices`: by model string, see `find_price`; None where unknown.

    `before`: what earlier sessions of the run spent, as (role, model, calls, prompt tokens, completion tokens,
    estimated calls, cached tokens, written tokens).
    """

    def __init__(
        self,
        prices: Mapping[str, Price | None],
        *,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        before: Iterable[tuple[str, str, int, int, int, int, int, int]] = (),
    ) -> None:
        unknown = sorted(model for model, price in prices.items() if price is None)
        if max_cost is not None and unknown:
            raise UsageError(
                f"--max-cost needs the price of {unknown[0]}; add --price '{unknown[0]}=IN/OUT' "
                "(US dollars for a million prompt and completion tokens; IN/OUT/CACHED where cached ones are cheaper)"
            )
        self.prices, self.max_cost, self.max_tokens = prices, max_cost, max_tokens
        self.usage: defaultdict[tuple[str, str], Usage] = defaultdict(Usage)
        for role, model, calls, prompt, completion, estimated, cached, written in before:
            self.usage[role, model] = Usage(calls, prompt, completion, 0, 0, estimated, cached, written)
        self._tokens = sum(used.tokens for used in self.usage.values())
        self._cost = self.cost() or 0.0
        self.session_calls = 0

    def add(self, role: str, model: str, completion: Completion) -> None:
        """Count a call that was paid."""
        used = self.usage[role, model]
        used.calls += 1
        used.prompt_tokens += completion.prompt_tokens
        used.completion_tokens += completion.completion_tokens
        used.estimated += completion.estimated
        used.cached_tokens += completion.cached_tokens
        used.written_tokens += completion.written_tokens
        self.session_calls += 1
        self._tokens += completion.prompt_tokens + completion.completion_tokens
        if price := self.prices.get(model):
            self._cost += cost(price, completion)

    def check(self) -> None:
        """Raises `BudgetSpent` if no further call may be made."""
        if self.max_tokens is not None and self._tokens >= self.max_tokens:
            raise BudgetSpent(f"the budget of {self.max_tokens:,} tokens is spent")
        if self.max_cost is not None and self._cost >= self.max_cost:
            raise BudgetSpent(f"the budget of ${self.max_cost:g} is spent")

    def cost(self, role: str | None = None) -> float | None:
        """US dollars, of one role or of all; None if a price is unknown."""
        total = 0.0
        for (of, model), used in self.usage.items():
            if role is None or role == of:
                if (price := self.prices.get(model)) is None:
                    return None
                total += cost(price, used)
        return total

    @property
    def estimated(self) -> int:
        """How many calls have tokens of our own estimate."""
        return sum(used.estimated for used in self.usage.values())

    def by_role(self) -> dict[str, Usage]:
        roles: defaultdict[str, Usage] = defaultdict(Usage)
        for (role, _), used in self.usage.items():
            roles[role] += used
        return dict(roles)

    def to_dataframe(self) -> "DataFrame":
        """A table of what each role used of each model; an unknown cost is missing. Needs pandas."""
        return to_dataframe(
            {
                "role": role,
                "model": model,
                **asdict(used),
                "cost": None if price is None else cost(price, used),
            }
            for (role, model), used in sorted(self.usage.items())
            for price in [self.prices.get(model)]
        )

    def as_json(self) -> dict[str, dict[str, int | float | None]]:
        """What each role has used, over all sessions of the run; an unknown cost is null."""
        return {
            role: {
                "calls": used.calls,
                "prompt_tokens": used.prompt_tokens,
                "completion_tokens": used.completion_tokens,
                "retries": used.retries,
                **{name: count for name in _RARE if (count := getattr(used, name))},
                "cost": self.cost(role),
            }
            for role, used in sorted(self.by_role().items())
        }


def parse_price(text: str) -> tuple[str, Price]:
    """`MODEL=IN/OUT[/CACHED[/WRITTEN]]` as a model string and its price."""
    model, _, amounts = text.rpartition("=")
    try:
        dollars = [float(amount) for amount in amounts.split("/")]
        if not (2 <= len(dollars) <= len(Price._fields) and all(0 <= amount < inf for amount in dollars)):
            raise ValueError(amounts)
        return str(ModelSpec.parse(model)), Price(*dollars)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a price; write MODEL=IN/OUT, e.g. openai:gpt-4o-mini=0.15/0.60, or IN/OUT/CACHED, or "
            "IN/OUT/CACHED/WRITTEN"
        ) from None


def cost(price: Price, used: Spending) -> float:
    """US dollars. Tokens in a cache cost what any others do where their own price is unknown."""
    cached, written = used.cached_tokens, used.written_tokens
    return (
        (used.prompt_tokens - cached - written) * price.prompt
        + used.completion_tokens * price.completion
        + cached * (price.prompt if price.cached is None else price.cached)
        + written * (price.prompt if price.written is None else price.written)
    ) / 1e6


def find_price(spec: ModelSpec) -> Price | None:
    """The price that the kind of this model reports; None if unknown. The model is not opened."""
    return spec.load_kind().list_price(spec.name, spec.url, dict(spec.params))
