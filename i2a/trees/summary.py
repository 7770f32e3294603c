"""What a corpus holds, counted from its trees: how many pairs, how often the judge agreed with itself."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Self

from i2a.trees.tree import Tree


@dataclass(slots=True)
class Summary:
    """Counts over a corpus. Every compared pair is exactly one of labelled, flipped and unjudged.

    `flipped`: the two orders disagree. `unjudged`: a verdict is missing. Of the labelled, `imported` came with their
    label and without verdicts, and in `hint_won` the hinted reply is the preferred one.
    """

    trees: int = 0
    utterances: int = 0
    pairs: int = 0
    labelled: int = 0
    flipped: int = 0
    unjudged: int = 0
    imported: int = 0
    hint_won: int = 0

    @property
    def flip_rate(self) -> float | None:
        """Share of the judged pairs on which the two orders disagree; None if none was judged."""
        judged = self.labelled - self.imported + self.flipped
        return self.flipped / judged if judged else None

    def as_json(self) -> dict[str, float | int | None]:
        return asdict(self) | {"flip_rate": self.flip_rate}

    def add(self, tree: Tree) -> None:
        self.trees += 1
        for node in tree:
            self.utterances += 1
            preferred = next((child for child in node.children if child.label == "preferred"), None)
            if preferred is not None:
                self.labelled += 1
                self.imported += not node.verdicts
                self.hint_won += preferred.speaker == "preferred"
            elif node.verdicts:
                missing = any(verdict.winner is None for verdict in node.verdicts)
                self.unjudged += missing
                self.flipped += not missing
        self.pairs = self.labelled + self.flipped + self.unjudged

    @classmethod
    def of(cls, trees: Iterable[Tree]) -> Self:
        summary = cls()
        for tree in trees:
            summary.add(tree)
        return summary
