"""Draws the next token of each row with that row's settings and random numbers, and decides when a batch pauses."""

from collections.abc import Callable, Sequence

import torch

from i2a.models.local.batching import Row
from i2a.models.local.repetition import Repetition

LIKELIEST = 128  # words that mostly cover the share of top-p; only if they do not, all words are sorted


def pick(
    scores: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, chance: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The next token of each row, and whether its scores are no numbers.

    Shapes: scores (rows, words), everything else (rows, 1). Inverse transform sampling: the first word up to which the
    probabilities add up to more than `chance`, so one number in [0, 1) decides. Temperature 0 takes the likeliest word.
    Top-p: the fewest words, likeliest first, that cover that share.
    """
    best, greedy = scores.max(-1, keepdim=True)
    probabilities = torch.softmax(scores / torch.where(temperature > 0, temperature, 1.0), -1)
    if bool((top_p < 1).any()):
        probabilities = _likeliest(probabilities, top_p)
    reached = probabilities.cumsum(-1)
    total = reached[:, -1:]
    wanted = torch.minimum(chance * total, torch.nextafter(total, torch.zeros_like(total)))
    drawn = torch.searchsorted(reached, wanted, right=True).clamp(max=scores.shape[-1] - 1)
    return torch.where(temperature > 0, drawn, greedy), ~best.isfinite()


def _likeliest(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """The probabilities of the fewest words of each row that cover the share `top_p`, 0 for all others; of equally
    likely ones the first are taken."""
    falling, order = probabilities.topk(min(LIKELIEST, probabilities.shape[-1]))
    inside = falling.cumsum(-1) - falling <= top_p
    edge = inside[:, :-1] & ~inside[:, 1:] & (falling[:, :-1] > falling[:, 1:])
    if not bool(edge.any(-1).all()):  # further down, or between equals, whose order `topk` leaves open
        falling, order = probabilities.sort(dim=-1, descending=True, stable=True)
        inside = falling.cumsum(-1) - falling <= top_p
    return torch.zeros_like(probabilities).scatter(-1, order, falling.masked_fill(~inside, 0.0))


class Draw:
    """A logits processor of transformers that leaves one token to choose from; never a stop as the first of a reply."""

    def __init__(self, rows: Sequence[Row], width: int, stops: torch.Tensor) -> None:
        device = stops.device

        def column(values: Sequence[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)[:, None]

        most = max(row.left for row in rows)
        chances = [row.chances[row.limit - row.left :] for row in rows]
        padded = [[*left, *[0.0] * (most - len(left))] for left in chances]
        self._chances = torch.tensor(padded, dtype=torch.float32, device=device)
        self._temperature, self._top_p = column([row.temperature for row in rows]), column([row.top_p for row in rows])
        self._width, self._stops = width, stops
        self._ends = set(stops.tolist())
        self._repetitions = {
            place: Repetition(row.dry, [*row.earlier, row.written]) for place, row in enumerate(rows) if row.dry
        }
        self._fresh = torch.tensor([not row.written for row in rows], device=device).nonzero()
        self.broken = torch.zeros(len(rows), 1, dtype=torch.bool, device=device)
        self._keeps = any(row.keeps_logprobs for row in rows)
        self._logprobs: list[torch.Tensor] = []

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step, raw = ids.shape[1] - self._width, scores
        if not step:
            scores = scores.index_put((self._fresh, self._stops), torch.tensor(float("-inf"), device=scores.device))
        if self._repetitions:
            scores = self._without_repetition(scores, ids[:, -1].tolist() if step else [])
        tokens, broken = pick(scores, self._temperature, self._top_p, self._chances[:, step, None])
        self.broken |= broken
        if self._keeps:
            wide = raw.to(torch.promote_types(raw.dtype, torch.float32))
            scaled = wide / torch.where(self._temperature > 0, self._temperature, 1.0)
            self._logprobs.append(scaled.log_softmax(-1).gather(-1, tokens))
        return torch.full_like(scores, float("-inf")).scatter(-1, tokens, 0.0)

    def logprobs(self) -> list[list[float]]:
        """Of the tokens drawn for each row, where any row keeps them."""
        return torch.cat(self._logprobs, 1).tolist() if self._logprobs else []

    def _without_repetition(self, scores: torch.Tensor, drawn: Sequence[int]) -> torch.Tensor:
        """The scores, less what `Repetition` takes. `drawn`: the last token of each row, from the second step on."""
        for place, token in enumerate(drawn):
            if token in self._ends:
                self._repetitions.pop(place, None)  # after the end there is only padding
            elif place in self._repetitions:
                self._repetitions[place].add(token)
        lost = {
            (place, token): loss
            for place, repetition in self._repetitions.items()
            for token, loss in repetition.penalties().items()
        }
        if not lost:
            return scores
        places = torch.tensor(list(lost), device=scores.device).unbind(1)
        return scores.index_put(places, -scores.new_tensor(list(lost.values())), accumulate=True)


class Ends:
    """A stopping criterion of transformers: which rows have ended; all of them once the batch should pause."""

    def __init__(
        self, rows: Sequence[Row], width: int, stops: torch.Tensor, enough: Callable[[int, int], bool]
    ) -> None:
        self._rows, self._width, self._stops, self._enough = rows, width, stops, enough
        self._left = torch.tensor([row.left for row in rows], device=stops.device)
        self._ended = torch.zeros(len(rows), dtype=torch.bool, device=stops.device)

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        steps = ids.shape[1] - self._width
        self._ended |= torch.isin(ids[:, -1], self._stops) | (self._left <= steps)
        ended = self._ended | torch.tensor([row.abandoned for row in self._rows], device=ids.device)
        if self._enough(int(ended.sum()), steps):
            return torch.ones_like(ended)
        return ended
