"""Advantages: how much better a reply of the policy was than its siblings, the other replies to the same words.

Pure functions of trees whose nodes have a `reward` in their metadata. A reply without one could not be scored: it has
no advantage, and changes that of no other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev, stdev

from i2a.trees.tree import REWARD, Node, Tree

TINY = 1e-4  # as TRL has it


@dataclass(frozen=True)
class Spread:
    """Of the groups of siblings of some trees: how many, how many of them have replies of one reward only, and the mean
    of their standard deviations."""

    groups: int
    without: int
    mean: float


def groups(tree: Tree) -> Iterator[list[Node]]:
    """The scored replies in each place where there are any, from the first turn on."""
    seen: set[int] = set()
    for node in tree:
        place = tree.alternatives(node)
        if id(place) not in seen:
            seen.add(id(place))
            if scored := [reply for reply in place if reply.metadata.get(REWARD) is not None]:
                yield scored


def spread(trees: Iterable[Tree]) -> Spread:
    """How far the rewards of siblings are apart."""
    found = [pstdev(map(_reward, group)) for tree in trees for group in groups(tree)]
    return Spread(len(found), found.count(0.0), fmean(found) if found else 0.0)


def advantages(trees: Sequence[Tree], *, scale: bool = False, gamma: float = 0.0) -> dict[Node, float]:
    """The advantage of each reply with a reward: its reward less the mean of its group, all that were scored in its
    place. A group without spread, one reply alone among them, gives zero.

    `scale`: divided by the standard deviation of the group, as in the first GRPO. Not by default: it makes most of the
    groups in which replies hardly differ, and of the judge's noise (Dr. GRPO, Liu et al. 2025, arXiv 2503.20783).

    `gamma`: what came after a reply counts, too, discounted by this for every turn. Only the reply that went on has a
    future: the mean rewards of the groups that follow. What it is compared with is what followed at the same turn of
    all trees, as its siblings have none: their term is zero, its expectation. So the sum over a place stays centred
    only on average, and `gamma` needs trees enough.
    """
    places = [group for tree in trees for group in groups(tree)]
    found = {reply: value for group in places for reply, value in zip(group, _centred(group, scale=scale), strict=True)}
    if gamma:
        futures = {reply: value for tree in trees for reply, value in _futures(tree, gamma).items()}
        for reply, value in _against_the_turn(futures, scale=scale).items():
            found[reply] += gamma * value
    return found


def _reward(reply: Node) -> float:
    return float(reply.metadata[REWARD])


def _centred(group: Sequence[Node], *, scale: bool) -> list[float]:
    return _standard(list(map(_reward, group)), scale=scale)


def _standard(values: Sequence[float], *, scale: bool) -> list[float]:
    if min(values) == max(values):  # also free of rounding
        return [0.0] * len(values)
    mean = fmean(values)
    by = stdev(values) + TINY if scale else 1.0
    return [(value - mean) / by for value in values]


def _futures(tree: Tree, gamma: float) -> dict[Node, float]:
    """Of each scored reply that went on to scored replies: the mean of the next group, and `gamma` times what follows
    that."""
    first = {reply: group for group in groups(tree) for reply in group}

    def following(node: Node) -> list[list[Node]]:
        """The next groups below a node, one for each way the dialogue went on."""
        below = [child for child in node.children if child.continued or child in first]
        here = next((first[child] for child in below if child in first), None)
        return [here] if here else [group for child in below for group in following(child)]

    def to_go(group: Sequence[Node]) -> float:
        later = [to_go(after) for reply in _place(group) for after in following(reply)]
        return fmean(map(_reward, group)) + (gamma * fmean(later) if later else 0.0)

    return {reply: fmean(map(to_go, after)) for reply in first if (after := following(reply))}


def _place(group: Sequence[Node]) -> Sequence[Node]:
    """All replies in the place of a group, also those without a reward, through one of which it may have gone on."""
    parent = group[0].parent
    return group if parent is None else parent.children


def _against_the_turn(futures: Mapping[Node, float], *, scale: bool) -> dict[Node, float]:
    by_turn: dict[int, list[Node]] = {}
    for reply in futures:
        by_turn.setdefault(len(reply.path), []).append(reply)
    return {
        reply: value
        for replies in by_turn.values()
        for reply, value in zip(replies, _standard([futures[one] for one in replies], scale=scale), strict=True)
    }
