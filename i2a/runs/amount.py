"""How many calls and tokens: of a conversation, of a run, of the mean of several."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from i2a.models.usage import Spending, Usage
from i2a.runs.journal import Spent


@dataclass(frozen=True, slots=True)
class Amount:
    """Calls and tokens, or the mean of several."""

    calls: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    cached_tokens: float = 0.0
    written_tokens: float = 0.0

    @classmethod
    def of(cls, used: Spending, calls: float) -> "Amount":
        return cls(calls, used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.written_tokens)

    @property
    def tokens(self) -> float:
        return self.prompt_tokens + self.completion_tokens

    def times(self, calls: float, prompts: float = 1.0, answers: float = 1.0) -> "Amount":
        """So many times as many calls, whose prompts and answers are so many times as long."""
        more = calls * prompts
        return Amount(
            self.calls * calls,
            self.prompt_tokens * more,
            self.completion_tokens * calls * answers,
            self.cached_tokens * more,
            self.written_tokens * more,
        )

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.written_tokens + other.written_tokens,
        )


Amounts = Mapping[tuple[str, str], Amount]  # by role and model


def summed(spent: Iterable[tuple[str, str, Usage | Spent]]) -> Amounts:
    """What was spent, from (role, model, usage)."""
    sums: dict[tuple[str, str], Amount] = {}
    for role, model, used in spent:
        sums[role, model] = sums.get((role, model), Amount()) + Amount.of(used, used.calls)
    return sums
