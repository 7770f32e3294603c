"""A pool of personas while it grows: what is new enough is kept, in order, and everything else is counted by reason.

It knows neither writers nor models: it is offered texts.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from i2a.personas.encoders import Encoder
from i2a.personas.index import KeptVectors, filter_batch
from i2a.personas.parse import parse
from i2a.personas.quality import check


@dataclass(frozen=True, slots=True)
class Rules:
    """When a text is kept, and when there are enough.

    `threshold`: the largest cosine similarity to a kept one. `checked`: whether texts must have the right form.
    Saturated is a pool when, of the last `window` candidates, less than the share `saturation` was new; an answer
    without any text counts as `batch` candidates.
    """

    kind: Literal["profile", "personality"]
    threshold: float
    target: int
    window: int = 400
    saturation: float = 0.05
    batch: int = 20
    checked: bool = True


class GrowingPool:
    """The texts that are kept, in order, and why the others are not. Each text is encoded once."""

    def __init__(self, rules: Rules, seeds: Sequence[str], encoder: Encoder) -> None:
        self.rules, self._encoder = rules, encoder
        self.texts = list(seeds)
        self.candidates = 0
        self.rejections: Counter[str] = Counter()
        self._known = {known(text) for text in seeds}
        self._lately: deque[bool] = deque(maxlen=rules.window)
        self._kept = KeptVectors()
        self._kept.add(encoder.encode(self.texts))

    @property
    def full(self) -> bool:
        return len(self.texts) >= self.rules.target

    @property
    def saturated(self) -> bool:
        """Whether, over the last `window` candidates, too few were new."""
        rules = self.rules
        return len(self._lately) == rules.window and sum(self._lately) < rules.saturation * rules.window

    def offer(self, answer: str) -> None:
        """Keep what is new in the answer of a writer; see `sift`."""
        items = parse(answer)
        if not items:
            self._reject("no item in the answer", self.rules.batch)
        self.sift(items)

    def sift(self, candidates: Sequence[str]) -> None:
        """Keep those that are new, in order, up to the target; count the rest by reason."""
        fit: list[str] = []
        for text in candidates:
            self.candidates += 1
            if reason := check(text, self.rules.kind) if self.rules.checked else None:
                self._reject(reason)
            elif known(text) in self._known:
                self._reject("duplicate")
            else:
                self._known.add(known(text))
                fit.append(text)
        if not fit:
            return
        room = self.rules.target - len(self.texts)
        for text, new in zip(
            fit, filter_batch(self._kept, self._encoder.encode(fit), self.rules.threshold), strict=True
        ):
            if not new:
                self._reject("too similar")
            elif room:
                self.texts.append(text)
                self._lately.append(True)
                room -= 1

    def _reject(self, reason: str, candidates: int = 1) -> None:
        self.rejections[reason] += 1
        self._lately.extend([False] * candidates)


def known(text: str) -> str:
    """What two texts share that differ in case, space and punctuation only."""
    return "".join(char for char in text.casefold() if char.isalnum())
