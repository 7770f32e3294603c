"""Two choosers that understand nothing: common words, and length. What they get right says nothing about a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation.choice.items import OPTIONS, ChoiceDialogue, ChoiceItem, OptionKind
from i2a.simulator.language.text import stems, words

Shares = dict[OptionKind, float]
BASELINES = ("word overlap", "length")


def overlap(said: Iterable[str], reply: str) -> float:
    """The content words (as stems) that `reply` shares with what was `said`, as a share of all its words."""
    return len(common(said, reply)) / max(1, len(words(reply)))


def common(said: Iterable[str], reply: str) -> frozenset[str]:
    """The stems of the content words that stand in both."""
    return stems(reply) & frozenset[str]().union(*map(stems, said))


def preferred(scores: Mapping[OptionKind, float]) -> Shares:
    """Where the choice falls: on the highest score, in equal parts where there are several."""
    best = max(scores.values())
    winners = [kind for kind in OPTIONS if scores[kind] == best]
    return {kind: (kind in winners) / len(winners) for kind in OPTIONS}


def by_overlap(dialogue: ChoiceDialogue, item: ChoiceItem) -> Shares:
    """With the person's own messages; the whole chat, half of which the assistant wrote, tells less."""
    said = dialogue.until(item.turn)[::2]
    return preferred({kind: overlap(said, reply) for kind, reply in item.options.items()})


def by_length(item: ChoiceItem, which: Literal["shortest", "longest"]) -> Shares:
    """In characters."""
    sign = 1 if which == "longest" else -1
    return preferred({kind: sign * len(reply) for kind, reply in item.options.items()})


@dataclass(frozen=True, slots=True)
class BaselineChoices:
    """What the two choose, by case and turn. `length` is that of the two rules which gets more items right.

    `hard` are the items on which neither of them is right: it has no sole winner, or another one.
    """

    overlap: Mapping[tuple[str, int], Shares]
    length: Mapping[tuple[str, int], Shares]
    rule: Literal["shortest", "longest"]

    @classmethod
    def of(cls, dialogues: Sequence[ChoiceDialogue]) -> "BaselineChoices":
        items = [(dialogue, item) for dialogue in dialogues for item in dialogue.items]
        rules: dict[Literal["shortest", "longest"], dict[tuple[str, int], Shares]] = {
            "shortest": {(dialogue.case, item.turn): by_length(item, "shortest") for dialogue, item in items},
            "longest": {(dialogue.case, item.turn): by_length(item, "longest") for dialogue, item in items},
        }
        rule = max(rules, key=lambda rule: sum(shares["fits"] for shares in rules[rule].values()))
        by_words = {(dialogue.case, item.turn): by_overlap(dialogue, item) for dialogue, item in items}
        return cls(by_words, rules[rule], rule)

    def is_hard(self, case: str, turn: int) -> bool:
        return self.overlap[case, turn]["fits"] < 1 and self.length[case, turn]["fits"] < 1
