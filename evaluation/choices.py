"""Choices of people between two replies, the file that `i2a view SIMULATION --rate` writes, against what judges say.

A judge prefers a reply by its verdicts, which stand in the trees: one where both orders named one winner, neither where
they did not. Where both replies were scored, the sign of the difference is a choice too. Knows no model.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from evaluation.agreement import Agreement, agreement_of
from evaluation.ratings import human
from evaluation.scores import Protocol
from i2a import jsonl
from i2a.errors import UsageError
from i2a.trees.json import read, trees_of
from i2a.trees.summary import compared
from i2a.trees.tree import RATINGS, Node, Tree
from i2a.validation import problem

Choice = Literal["first", "second", "tie"]
SIGNS: dict[Choice, int] = {"first": -1, "tie": 0, "second": 1}
CHOICES = Protocol("choices", "first, neither or second", -1, 1)
JUDGE = "judge"


class PairKey(NamedTuple):
    """Two replies, by their numbers in the tree (`first` < `second`), and the message `node` that they answer."""

    tree: str
    node: int
    first: int
    second: int

    @property
    def case(self) -> str:
        """What is alike within: pairs of one tree are."""
        return self.tree


class ChoiceOfPerson(BaseModel):
    """An answer of a person; other keys are ignored. One that was `skipped` has no choice."""

    tree: str
    node: int
    first: int
    second: int
    choice: Choice | None = None
    rater: str | None = None
    skipped: str | None = None
    revised: bool = False

    @model_validator(mode="after")
    def _is_chosen_or_skipped(self) -> Self:
        if self.choice is None and self.skipped is None:
            raise PydanticCustomError("choice", "choice: Field required, or skipped with the reason")
        return self

    @property
    def pair(self) -> PairKey:
        return PairKey(self.tree, self.node, self.first, self.second)


def holds_choices(file: Path) -> bool:
    """Whether a file of `--ratings` holds choices between two replies, not scores. Raises `UsageError`."""
    if file.suffix.lower() == ".csv" or not file.is_file():
        return False
    first = next((row for _, row in jsonl.read(file)), None)
    return isinstance(first, dict) and {"tree", "first", "second"} <= first.keys()


def read_choices(file: Path) -> dict[str, dict[PairKey, int]]:
    """By rater, what was chosen: -1 the first, 1 the second, 0 neither; skipped pairs are left out.

    Raises `UsageError`, with file and line, for a line that is no choice, and a second one that is not `revised`.
    """
    found: dict[str, dict[PairKey, int]] = defaultdict(dict)
    for number, row in jsonl.read(file, must_exist=True):
        try:
            given = ChoiceOfPerson.model_validate(row)
        except ValidationError as error:
            raise UsageError(f"{file}:{number}: not a choice: {problem(error)}") from None
        mine = found[human(given.rater)]
        if given.pair in mine and not given.revised:
            raise UsageError(f"{file}:{number}: {human(given.rater)} chooses from this pair a second time")
        mine.pop(given.pair, None)
        if given.choice is not None:
            mine[given.pair] = SIGNS[given.choice]
    return found


def judged(tree: Tree) -> Iterator[tuple[str, PairKey, int]]:
    """What judges chose in a tree, by judge and pair. A pair with an unusable verdict is chosen by nobody."""
    number = {node: place for place, node in enumerate(tree)}

    def key(message: Node, two: Iterable[Node]) -> PairKey:
        first, second = sorted(number[node] for node in two)
        return PairKey(tree.id, number[message], first, second)

    for message in tree:
        for two, winners in compared(message).items():
            pair = key(message, two)
            best = [node for node in two if node.label == "preferred"] or [node for node in winners if node is not None]
            labelled = {node.label for node in two} == {"preferred", "rejected"}
            if labelled or (None not in winners and len(winners) == 1):
                yield JUDGE, pair, -1 if number[best[0]] == pair.first else 1
            elif None not in winners:
                yield JUDGE, pair, 0
        scored = [node for node in message.children if RATINGS in node.metadata]
        for place, one in enumerate(scored):
            for other in scored[place + 1 :]:
                for name, rating in one.metadata[RATINGS].items():
                    a, b = rating["score"], other.metadata[RATINGS].get(name, {}).get("score")
                    if a is not None and b is not None:
                        yield name, key(message, (one, other)), (b > a) - (b < a)


def agreement_on_choices(run: Path, file: Path) -> Agreement:
    """How far people agree with the judges of a run, and with each other, on which of two replies is better.

    Raises `UsageError` for what `read_choices` refuses, and if no choice is of a pair that was judged.
    """
    return chosen_by(read(trees_of(run)), read_choices(file), file)


def chosen_by(trees: Iterable[Tree], stored: Mapping[str, Mapping[PairKey, int]], file: Path) -> Agreement:
    judges: dict[str, dict[PairKey, int]] = defaultdict(dict)
    for tree in trees:
        for name, pair, sign in judged(tree):
            judges[name][pair] = sign
    known = set().union(*judges.values())
    people = {name: {pair: mine[pair] for pair in mine if pair in known} for name, mine in stored.items()}
    if not any(people.values()):
        raise UsageError(f"{file}: no choice is of a pair that was judged in this run; check tree, first and second")
    unmatched = sum(len(stored[name]) - len(people[name]) for name in stored)
    agreed = agreement_of(judges, people, CHOICES, unmatched)
    assert agreed is not None  # a judge and a person
    return agreed
