"""DRY, "don't repeat yourself": the penalty of a token that repeats earlier words. Knows no torch.

As in llama.cpp and text-generation-webui (Weidmann 2024, https://github.com/oobabooga/text-generation-webui/pull/5677),
but for the words of the assistant only: it may repeat the user's.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

LONGEST = 64  # longer matches count as this long


class Dry(NamedTuple):
    """Where the last n tokens stood before, n >= `allowed_length`, the token that followed them there loses
    multiplier * base ** (n - allowed_length)."""

    multiplier: float
    base: float
    allowed_length: int


class Repetition:
    """The tokens of the replies so far, the one being written last. No sequence of tokens goes across replies."""

    def __init__(self, dry: Dry, replies: Iterable[Sequence[int]]) -> None:
        self._dry = dry
        self._tokens: list[int | None] = []
        self._after: dict[int, list[tuple[int, int]]] = defaultdict(list)  # by token, what followed it, and where
        for reply in replies:
            self._tokens.append(None)
            for token in reply:
                self.add(token)

    def add(self, token: int) -> None:
        """Add a token to the last reply."""
        if (last := self._tokens[-1]) is not None:
            self._after[last].append((token, len(self._tokens)))
        self._tokens.append(token)

    def penalties(self) -> dict[int, float]:
        """By token, what it loses if it comes next; of several places where it followed, the longest match counts."""
        if (last := self._tokens[-1]) is None:
            return {}
        multiplier, base, allowed = self._dry
        longest: dict[int, int] = {}
        for token, place in self._after[last]:
            longest[token] = max(longest.get(token, 0), self._alike(place))
        return {token: multiplier * base ** (n - allowed) for token, n in longest.items() if n >= allowed}

    def _alike(self, place: int) -> int:
        """How many tokens before `place` are the last ones, at least one."""
        n = 1
        while n < LONGEST and self._tokens[place - 1 - n] == self._tokens[-1 - n] is not None:
            n += 1
        return n
