"""How likely given replies are under a causal language model, a batch of prompts at a time.

What the replies to one prompt share is computed once for all of them, and what an earlier call began with not again.
Knows neither text nor queue.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Self

import torch
from transformers.cache_utils import Cache, DynamicCache

from i2a.models.local.batching import Row
from i2a.models.local.generation import PREFILL, computed
from i2a.models.local.padded import PaddedBatch, can_be_split
from i2a.models.local.prefixes import Prefixes, length
from i2a.models.local.template import Tokens

MOST_SCORES = 2**26  # numbers that are computed at once: replies x tokens x words


@dataclass(slots=True, eq=False)
class ScoredRow(Row):
    """Replies to one prompt. `ids`: the tokens that all of them share, but for the last; `tails`: what follows in each.

    The first token of a tail is only read; the others are `scored`. `logprobs`: their sum for each reply, once it is
    there.
    """

    tails: Sequence[Sequence[int]] = ()

    @classmethod
    def of(cls, replies: Sequence[Tokens]) -> Self:
        """`replies`: with one start, which is 1 at least."""
        ids, start = replies[0]
        tails = [reply.ids[start - 1 :] for reply in replies]
        return cls(ids[: start - 1], max(map(len, tails)), 0.0, 1.0, 0, tails=tails)

    @property
    def scored(self) -> list[int]:
        """How many tokens count, for each reply."""
        return [len(tail) - 1 for tail in self.tails]


class Scorer:
    """An `Engine` for rows of type `ScoredRow`. `keep`: how many tokens of earlier calls to remember; 0: none.

    Without `split` every reply is read from its first token on: the model cannot continue a padded batch.
    """

    def __init__(self, model: Any, *, keep: int, split: bool = True) -> None:
        self.model = model
        self._splits = split and can_be_split(model)
        self._prefixes = Prefixes(keep)
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}

    def advance(self, running: Sequence[Row], new: Sequence[Row], wanted: Callable[[], bool]) -> None:
        """See `Engine`. Every row is through after one call."""
        rows = sorted((row for row in [*running, *new] if isinstance(row, ScoredRow)), key=lambda row: len(row.ids))
        for start in range(0, len(rows), PREFILL):
            part = [row for row in rows[start : start + PREFILL] if not row.abandoned]
            computed(lambda part=part: self._score(part))  # type: ignore[misc]

    def forget(self) -> None:
        """See `Engine`."""
        self._prefixes.clear()
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def _score(self, rows: Sequence[ScoredRow]) -> None:
        shared = self._splits and all(row.ids for row in rows)
        for group in self._groups(rows):
            found = self._from_prefix(group) if shared else self._whole(group)
            for row, logprobs in zip(group, found, strict=True):
                row.logprobs = logprobs
                row.end = "stop" if all(value == value and value > float("-inf") for value in logprobs) else "nan"

    def _groups(self, rows: Sequence[ScoredRow]) -> Iterator[list[ScoredRow]]:
        """The rows, as many at once as `MOST_SCORES` allows."""
        words, group = int(self.model.config.get_text_config().vocab_size), list[ScoredRow]()
        for row in rows:
            widest = max(max(map(len, each.tails)) if self._splits else each.longest for each in [*group, row])
            if group and sum(len(each.tails) for each in [*group, row]) * widest * words > MOST_SCORES:
                yield group
                group = []
            group.append(row)
        if group:
            yield group

    def _from_prefix(self, rows: Sequence[ScoredRow]) -> list[list[float]]:
        """The shared tokens once for each row, then the tails of all rows, which are padded on the right."""
        device = self.model.device
        for row in rows:
            row.known = self._prefixes.longest(row.ids)
        batch = PaddedBatch.of(rows, device)
        cache = batch.cache(self.model.config)
        self.model(
            input_ids=batch.ids[:, batch.past :],
            attention_mask=batch.mask,
            position_ids=_positions(batch.mask)[:, batch.past :],
            past_key_values=cache,
            use_cache=True,
            **self._last_only,
        )
        for place, row in enumerate(rows):
            known = batch.part(cache, place, 0)
            assert length(known) == len(row.ids)
            self._prefixes.keep(row.ids, known)
            row.known = None
        tails = [tail for row in rows for tail in row.tails]
        copies = torch.tensor([place for place, row in enumerate(rows) for _ in row.tails], device=device)
        ids, there = _padded(tails, device)
        mask = torch.cat([batch.mask[copies], torch.ones_like(there)], 1)
        scores = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=_positions(mask)[:, batch.width :],
            past_key_values=_copied(cache, copies, self.model.config),
            use_cache=True,
        ).logits
        return _by_row(rows, _summed(scores, ids, there))

    def _whole(self, rows: Sequence[ScoredRow]) -> list[list[float]]:
        """Every reply from its first token on."""
        device = self.model.device
        ids, there = _padded([[*row.ids, *tail] for row in rows for tail in row.tails], device)
        scores = self.model(input_ids=ids, attention_mask=torch.ones_like(there), use_cache=False).logits
        counts = torch.tensor([len(row.ids) for row in rows for _ in row.tails], device=device)
        replies = there * (torch.arange(ids.shape[1], device=device)[None] >= counts[:, None])
        return _by_row(rows, _summed(scores, ids, replies))


def _padded(tokens: Sequence[Sequence[int]], device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, and where they are, as (rows, width). Padding on the right needs no mask: no token looks ahead."""
    width = max(map(len, tokens))
    ids = [[*each, *[0] * (width - len(each))] for each in tokens]
    mask = [[*[1] * len(each), *[0] * (width - len(each))] for each in tokens]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _positions(mask: torch.Tensor) -> torch.Tensor:
    """The place of each token among those of its row."""
    return (mask.cumsum(1) - 1).clamp(min=0)


def _copied(cache: Cache, rows: torch.Tensor, config: Any) -> Cache:
    """The keys and values of these rows of `cache`, some of them several times."""
    copied = DynamicCache(config=config)
    for place, layer in enumerate(cache.layers):
        copied.update(layer.keys[rows], layer.values[rows], place)
    return copied


def _summed(scores: torch.Tensor, ids: torch.Tensor, replies: torch.Tensor) -> torch.Tensor:
    """The log-probability of the tokens of each row where `replies` is 1, less the first of these."""
    counted = (replies[:, 1:] * replies[:, :-1]).bool()
    wide = torch.promote_types(scores.dtype, torch.float32)
    logprobs = scores[:, :-1].to(wide).log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    return torch.where(counted, logprobs, 0.0).sum(1)


def _by_row(rows: Sequence[ScoredRow], sums: torch.Tensor) -> list[list[float]]:
    """The sums of all tails, row by row."""
    left = iter(sums.tolist())
    return [[next(left) for _ in row.tails] for row in rows]
