"""Rows of different lengths as one batch: padded on the left, with what is known of each in the model's cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Self

import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from i2a.models.local.batching import Row
from i2a.models.local.prefixes import KeysValues, length

MORE = 32  # further tokens that are allocated at first


def can_be_split(model: PreTrainedModel) -> bool:
    """Whether a row's keys and values are all that its next token needs, wherever they stand in a batch.

    Not so for sliding windows and recurrent states, nor where a bias goes by the place in the batch (ALiBi).
    """
    if "position_ids" not in signature(model.forward).parameters or getattr(model.config, "alibi", False):
        return False
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


@dataclass(frozen=True, slots=True)
class PaddedBatch:
    """Rows side by side: first what is `known` of each, then what is yet to be read (`fresh` tokens). Both parts are
    padded on the left, where the mask is 0. `ids` and `mask` are (rows, width)."""

    known: Sequence[KeysValues | None]
    fresh: Sequence[int]
    ids: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[Row], device: torch.device) -> Self:
        known = [length(row.known) for row in rows]
        fresh = [len(row.ids) - n for row, n in zip(rows, known, strict=True)]
        ids, mask = [], []
        for row, n, m in zip(rows, known, fresh, strict=True):
            gaps = [0] * (max(known) - n), [0] * (max(fresh) - m)
            ids.append([*gaps[0], *row.ids[:n], *gaps[1], *row.ids[n:]])
            mask.append([*gaps[0], *[1] * n, *gaps[1], *[1] * m])
        tensors = torch.tensor(ids, device=device), torch.tensor(mask, device=device)
        return cls([row.known for row in rows], fresh, *tensors)

    @property
    def width(self) -> int:
        return int(self.ids.shape[1])

    @property
    def past(self) -> int:
        return self.width - max(self.fresh)

    def cache(self, config: PretrainedConfig) -> Cache:
        """What is known of the rows, as the model takes it."""
        layers = [GrowingLayer(self.width + MORE) for _ in DynamicCache(config=config).layers]
        if self.past:
            for place, layer in enumerate(layers):
                layer.fill(self.past, [known[place] if known else None for known in self.known])
        return Cache(layers=layers)

    def part(self, cache: Cache, place: int, written: int) -> KeysValues:
        """What is known of one row once `written` tokens more were read: a view of `cache` where there is no gap."""
        known, fresh = length(self.known[place]), self.width - self.fresh[place]
        start, end = (self.past - known if known else fresh), self.width + written

        def of_row(whole: torch.Tensor) -> torch.Tensor:
            if not known or fresh == self.past:
                return whole[place, :, start:end]
            return torch.cat([whole[place, :, start : self.past], whole[place, :, fresh:end]], 1)

        return tuple((of_row(layer.keys), of_row(layer.values)) for layer in cache.layers)


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values in tensors with room for tokens to come: the library's own layer copies them at every token."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity, self._used = capacity, 0
        self._all: tuple[torch.Tensor, ...] = ()

    def fill(self, past: int, known: Sequence[tuple[torch.Tensor, torch.Tensor] | None]) -> None:
        """Put in what is known of each row, at the right end of the first `past` tokens."""
        models = next(pair for pair in known if pair)
        self.lazy_initialization(*models)
        self._used = past
        self._all = tuple(part.new_empty(len(known), part.shape[0], self._capacity, part.shape[2]) for part in models)
        for place, pair in enumerate(known):
            start = past - (pair[0].shape[1] if pair else 0)
            for whole, part in zip(self._all, pair or models, strict=True):
                whole[place, :, :start] = 0  # uninitialized memory may be NaN, and NaN times a weight of 0 is NaN
                whole[place, :, start:past] = part[:, : past - start]
        self.keys, self.values = (whole[:, :, :past] for whole in self._all)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self._used = self._used, self._used + key_states.shape[2]
        if not self._all or self._used > self._capacity:
            self._capacity = max(self._capacity, self._used + self._used // 4)
            grown = [
                part.new_empty(*part.shape[:2], self._capacity, part.shape[3]) for part in (key_states, value_states)
            ]
            for whole, before in zip(grown, self._all, strict=False):
                whole[:, :, :start] = before[:, :, :start]
            self._all = tuple(grown)
        for whole, part in zip(self._all, (key_states, value_states), strict=True):
            whole[:, :, start : self._used] = part
        self.keys, self.values = (whole[:, :, : self._used] for whole in self._all)
        return self.keys, self.values
