"""What a corpus holds, counted from its trees: how many pairs, how often the judge agreed with itself."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Self

from i2a.tree import Tree


@dataclass(slots=True)
class Summary:
    """Counts over a corpus. Every compared pair is exactly one of labelled, flipped and unjudged.

    `flipped`: the two orders disagree. `unjudged`: a verdict is missing. `hint_won`: the hinted reply is the preferred.
    """

    trees: int = 0
    utterances: int = 0
    pairs: int = 0
    labelled: int = 0
    flipped: int = 0
    unjudged: int = 0
    hint_won: int = 0

    @property
    def flip_rate(self) -> float | None:
        """Share of the judged pairs on which the two orders disagree; None if none was judged."""
        judged = self.labelled + self.flipped
        return self.flipped / judged if judged else None

    def as_json(self) -> dict[str, float | int | None]:
        return asdict(self) | {"flip_rate": self.flip_rate}

    def add(self, tree: Tree) -> None:
        self.trees += 1
        for node in tree:
            self.utterances += 1
            if node.verdicts:
                self.pairs += 1
                winners = {verdict.winner for verdict in node.verdicts}
                if None in winners:
                    self.unjudged += 1
                elif len(winners) > 1:
                    self.flipped += 1
                else:
                    self.labelled += 1
                    self.hint_won += winners.pop().speaker == "preferred"  # type: ignore[union-attr]

    @classmethod
    def of(cls, trees: Iterable[Tree]) -> Self:
        summary = cls()
        for tree in trees:
            summary.add(tree)
        return summary
