"""What a corpus holds, counted from its trees: how many pairs, how often the judge agreed with itself."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from i2a.jsonl import JsonObject
from i2a.markup import unclear
from i2a.trees.tree import ASKED_AGAIN, FAULTS, LEFT_OUT, Node, Tree


@dataclass(slots=True)
class Summary:
    """Counts over a corpus. Every pair is exactly one of labelled, flipped and unjudged.

    `labelled`: the pairs of `Tree.pairs`; `imported` ones have their label without verdicts. `wins`: by whom
    the chosen reply of each was. `flipped`: compared, and the two orders disagree. `unjudged`: a verdict has no winner.
    A pair whose verdicts agree but that the script left without labels is none of these.

    Of the utterances, `cut` break off at their limit of tokens, `overran` were cut where the model went on past its
    end, and `unclear` hold what may be a thought or a special token, or somebody's words about one. `faults` counts
    those that are kept with a fault, by speaker and fault, and `asked_again` those that were said in the place of one.
    `shortened`: for which the oldest turns were left out of a call.

    `by_jury`: the pairs that several judges compared; `unanimous`: those of them on which all verdicts agree.
    """

    trees: int = 0
    utterances: int = 0
    labelled: int = 0
    flipped: int = 0
    unjudged: int = 0
    imported: int = 0
    cut: int = 0
    overran: int = 0
    unclear: int = 0
    shortened: int = 0
    by_jury: int = 0
    unanimous: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    asked_again: Counter[str] = field(default_factory=Counter)
    wins: Counter[str] = field(default_factory=Counter)

    @property
    def pairs(self) -> int:
        return self.labelled + self.flipped + self.unjudged

    @property
    def hint_won(self) -> int:
        """How often the speaker that the shipped scenarios call `preferred`, who gets the hint, was chosen."""
        return self.wins["preferred"]

    @property
    def flip_rate(self) -> float | None:
        """Share of the judged pairs on which the two orders disagree; None if none was judged."""
        judged = self.labelled - self.imported + self.flipped
        return self.flipped / judged if judged else None

    def as_json(self) -> JsonObject:
        names = ("trees", "utterances", "pairs", "labelled", "flipped", "unjudged", "imported", "hint_won", "flip_rate")
        rare = {name: getattr(self, name) for name in ("cut", "overran", "unclear", "shortened")}
        rare |= {"faults": dict(sorted(self.faults.items())), "asked_again": dict(sorted(self.asked_again.items()))}
        rare |= {"jury": {"pairs": self.by_jury, "unanimous": self.unanimous} if self.by_jury else {}}
        return {name: getattr(self, name) for name in names} | {name: count for name, count in rare.items() if count}

    def add(self, tree: Tree) -> None:
        self.trees += 1
        labelled: set[frozenset[Node]] = set()
        for _, chosen, rejected in tree.pairs:
            labelled.add(frozenset((chosen, rejected)))
            self.wins[chosen.speaker] += 1
            self.imported += chosen.parent is None or not chosen.parent.verdicts
        self.labelled += len(labelled)
        for node in tree:
            self.utterances += 1
            self.cut += node.cut
            self.overran += node.finish_reason == "stop_string"
            self.unclear += unclear(node.content)
            self.shortened += LEFT_OUT in node.metadata
            self.faults.update(f"{node.speaker}: {fault}" for fault in node.metadata.get(FAULTS, ()))
            self.asked_again.update(f"{node.speaker}: {fault}" for fault in node.metadata.get(ASKED_AGAIN, ()))
            several = {frozenset(verdict[:2]) for verdict in node.verdicts if verdict.judge}
            for pair, winners in compared(node).items():
                self.by_jury += pair in several
                self.unanimous += pair in several and len(winners) == 1 and None not in winners
                if pair not in labelled:
                    self.unjudged += None in winners
                    self.flipped += None not in winners and len(winners) > 1

    @classmethod
    def of(cls, trees: Iterable[Tree]) -> Self:
        summary = cls()
        for tree in trees:
            summary.add(tree)
        return summary


def compared(node: Node) -> dict[frozenset[Node], set[Node | None]]:
    """The pairs among the replies to `node` that a judge compared, and whom its verdicts on each name as the winner."""
    pairs: dict[frozenset[Node], set[Node | None]] = {}
    for verdict in node.verdicts:
        pairs.setdefault(frozenset((verdict.first, verdict.second)), set()).add(verdict.winner)
    return pairs
