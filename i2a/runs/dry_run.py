"""What a run will take, told before it is made: calls by role, tokens, money, time. Extrapolates from a sample."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table
from rich.text import Text

from i2a.jsonl import JsonObject
from i2a.models.batch import BATCH
from i2a.models.model import Price
from i2a.models.usage import cost
from i2a.runs.amount import Amount, Amounts
from i2a.runs.config import RunConfig
from i2a.runs.live import money
from i2a.runs.plan import RunPlan
from i2a.runs.sample import Sample, take
from i2a.runs.session import prices_of

CALL, TOKEN = 1.0, 0.02  # seconds that a call and each token of its answer take, where no server was asked
# Student's t, two-sided 90%, for a sample of 2, 3, ...; beyond, the normal distribution's 1.64 is as good.
T90 = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83)
ALONE = 0.25  # the margin where one conversation stands for many
LEAST = 0.03  # the least margin: a run has retries and repairs that a small sample need not have

Prices = Mapping[tuple[str, str], Price | None]  # by role and model


@dataclass(frozen=True, slots=True)
class Span:
    """An estimate, and between which bounds it lies."""

    estimate: float
    low: float
    high: float

    def as_json(self) -> JsonObject:
        return {"estimate": self.estimate, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What a run will take. `units`: how many of `unit` are left to do. `basis`: what it is based on, in words.

    `amounts`: by role and model. `cost` is None if a price is unknown.
    """

    unit: str
    units: int
    basis: str
    amounts: Amounts
    prices: Prices
    tokens: Span
    cost: Span | None
    seconds: Span
    notes: Sequence[str] = ()

    @property
    def calls(self) -> int:
        return round(sum(amount.calls for amount in self.amounts.values()))

    def as_json(self) -> JsonObject:
        """An unknown cost is null."""
        return {
            "unit": self.unit,
            "units": self.units,
            "basis": self.basis,
            "calls": self.calls,
            "tokens": self.tokens.as_json(),
            "cost": self.cost and self.cost.as_json(),
            "seconds": self.seconds.as_json(),
            "roles": [
                {
                    "role": role,
                    "model": model,
                    "calls": round(amount.calls),
                    "prompt_tokens": round(amount.prompt_tokens),
                    "cached_tokens": round(amount.cached_tokens),
                    "completion_tokens": round(amount.completion_tokens),
                    "cost": priced({(role, model): amount}, self.prices),
                }
                for (role, model), amount in sorted(self.amounts.items())
            ],
            "notes": list(self.notes),
        }


async def estimate(plan: RunPlan, config: RunConfig, console: Console | None = None) -> RunEstimate:
    """What `execute(plan, config)` will take; of a run that is continued, what is left of it.

    A probe is shown on `console`. Raises `UsageError` for settings that cannot work, and what `take` raises.
    """
    models = prices_of(plan, config)
    for role in config.batched:
        plan.models_of(role)
    sample = await take(plan, config, console)
    called = {who for held in sample.held for who in held.amounts}
    prices = {(role, model): models.get(model + BATCH * (role in config.batched)) for role, model in called}
    return extrapolated(plan, config, sample, prices)


def extrapolated(plan: RunPlan, config: RunConfig, sample: Sample, prices: Prices) -> RunEstimate:
    """From the sample to the run."""
    whole = of_all(sample)
    few, some, many = (
        varied(whole, 1 + share * (sample.longer - 1), 1 + share * (sample.rejected - 1), sample.quoted)
        for share in (0.0, 0.5, 1.0)
    )
    margin = max(LEAST, spread(sample, prices))

    def span(measure: Callable[[Amounts], float]) -> Span:
        return Span(measure(some), measure(few) / (1 + margin), measure(many) * (1 + margin))

    known = None not in prices.values()
    return RunEstimate(
        unit=plan.unit,
        units=plan.target or 0 if plan.work is not None else round(sum(sample.sizes.values())),
        basis=sample.basis,
        amounts=some,
        prices=prices,
        tokens=span(tokens),
        cost=span(lambda amounts: priced(amounts, prices) or 0.0) if known else None,
        seconds=span(lambda amounts: seconds(plan, config, sample, amounts)),
        notes=notes_on(config, sample),
    )


def of_all(sample: Sample) -> Amounts:
    """All conversations of the run: those of the sample, each as often as there are others like it."""
    sums: dict[tuple[str, str], Amount] = {}
    for of, size in sample.sizes.items():
        held = [each.amounts for each in sample.held if each.of == of]
        for amounts in held:
            for who, amount in amounts.items():
                sums[who] = sums.get(who, Amount()) + amount.times(size / len(held))
    return sums


def varied(
    amounts: Amounts, longer: float, more: float, quoted: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], Amount]:
    """More calls, in which everybody says so many times as much, and is `quoted` with it in later prompts."""
    return {who: amount.times(more, 1 + (longer - 1) * quoted.get(who, 0.0), longer) for who, amount in amounts.items()}


def tokens(amounts: Amounts) -> float:
    return sum(amount.tokens for amount in amounts.values())


def priced(amounts: Amounts, prices: Prices) -> float | None:
    """US dollars; None if a price is unknown."""
    total = 0.0
    for who, amount in amounts.items():
        if (price := prices[who]) is None:
            return None
        total += cost(price, amount)
    return total


def spread(sample: Sample, prices: Prices) -> float:
    """How far the sum over all conversations may be from the estimate, as a share of it, with 90% confidence."""
    known = any(price is not None and sum(price[:2]) for price in prices.values()) and None not in prices.values()
    total, variance = 0.0, 0.0
    for of, size in sample.sizes.items():
        held = [each.amounts for each in sample.held if each.of == of]
        values = [(priced(amounts, prices) or 0.0) if known else tokens(amounts) for amounts in held]
        total += size * mean(values)
        if len(values) == 1:
            variance += (ALONE * (size - 1) * values[0]) ** 2 if size > 1 else 0.0
        elif sample.others or len(values) < size:
            t = T90[len(values) - 2] if len(values) - 2 < len(T90) else 1.64
            left = 1.0 if sample.others else 1 - len(values) / size
            variance += (t * size * stdev(values)) ** 2 / len(values) * left
    return math.sqrt(variance) / total if total else 0.0


def seconds(plan: RunPlan, config: RunConfig, sample: Sample, amounts: Amounts) -> float:
    """The time at the limits of `config`: so many conversations at once, and so many calls at once to one model."""
    calls = sum(amount.calls for amount in amounts.values())
    if not calls:
        return 0.0
    call = CALL + TOKEN * sum(amount.completion_tokens for amount in amounts.values()) / calls
    if plan.work is not None:
        return math.ceil(calls / config.calls_at_once) * call
    if sample.path is not None:
        call = sample.path / sample.rounds
    to_one: dict[str, float] = {}
    for (_, model), amount in amounts.items():
        to_one[model] = to_one.get(model, 0.0) + amount.calls
    in_rows = math.ceil(sum(sample.sizes.values()) / config.concurrency) * sample.rounds
    return call * max(in_rows, max(to_one.values()) / config.calls_at_once)


def notes_on(config: RunConfig, sample: Sample) -> list[str]:
    """What to know about the estimate."""
    notes = []
    if sample.longer > 1:
        notes.append(
            "low: messages as short as the simulator's; high: three whole sentences each. A model that thinks before "
            "it answers takes more. --probe 2 holds two conversations with the models themselves, which is paid."
        )
    if sample.rejected > 1:
        notes.append("low: hardly any text is rejected, as of the simulator's; high: every second one.")
    if config.batched:
        notes.append("Time: without waiting for batches, which providers answer within a day.")
    if sample.path is None:
        notes.append(f"Time: at {CALL:g} s a call and {TOKEN:g} s a token of its answer; --probe 2 measures it.")
    return notes


def print_estimate(found: RunEstimate, config: RunConfig, console: Console) -> None:
    """Print the table by role, the sum, and what it is based on."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("role", "model", "calls", "prompt tokens", "cached", "answer tokens", "money"):
        table.add_column(name, justify="left" if name in ("role", "model") else "right", overflow="fold")
    for (role, model), amount in sorted(found.amounts.items()):
        cached = f"{amount.cached_tokens / amount.prompt_tokens:.0%}" if amount.cached_tokens else "-"
        numbers = (f"{round(amount.calls):,}", f"~{round(amount.prompt_tokens):,}", cached)
        last = (f"~{round(amount.completion_tokens):,}", money(priced({(role, model): amount}, found.prices)))
        table.add_row(Text(role), Text(model + BATCH * (role in config.batched)), *numbers, *last)
    console.print(table)
    console.print(Text("\n".join(in_words(found, config))))


def in_words(found: RunEstimate, config: RunConfig) -> list[str]:
    """The sum, each with its range, and what it is based on."""
    size, time = found.tokens, found.seconds
    lines = [
        f"Dry run: {found.units:,} {found.unit}, {found.calls:,} calls; nothing is written",
        f"tokens: ~{size.estimate:,.0f} ({size.low:,.0f} to {size.high:,.0f})",
    ]
    if found.cost is None:
        unknown = next(model for (_, model), price in found.prices.items() if price is None)
        lines.append(f"money: price unknown; add --price '{unknown}=IN/OUT'")
    else:
        bounds = f"{money(found.cost.low)} to {money(found.cost.high)}"
        lines.append(f"money: ~{money(found.cost.estimate)} ({bounds})")
        if config.max_cost is not None and found.cost.high > config.max_cost:
            lines.append(f"--max-cost {config.max_cost:g} may stop it before its end; --resume would continue it")
    limits = f"{config.concurrency} at once, {config.calls_at_once} calls at once to one model"
    lines.append(f"time: ~{span_of(time.estimate)} ({span_of(time.low)} to {span_of(time.high)}), {limits}")
    return [*lines, f"based on: {found.basis}", *found.notes]


def span_of(time: float) -> str:
    """Seconds in words."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if time >= 2 * size:
            return f"{time / size:.0f} {unit}"
    return f"{time:.0f} s"
