"""Advantages among siblings: centred, untouched by replies without a reward, and what comes later if asked."""

import random
from collections.abc import Sequence
from statistics import stdev

import pytest

from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance
from training.advantages import Spread, advantages, groups, spread

PERSONA = Persona("p", "q", "likes tea", "is calm")


def grown(turns: Sequence[Sequence[float | None]], followed: int = 0, name: str = "t") -> Tree:
    """A dialogue in which the policy gives a reply for each of these rewards, turn by turn."""
    tree = Tree(name, "siblings", PERSONA, 0)
    here = None
    for rewards in turns:
        here = tree.add(here, Utterance("user", "hello"))
        replies = [tree.add(here, Utterance("policy", str(at))) for at in range(len(rewards))]
        for reply, reward in zip(replies, rewards, strict=True):
            reply.metadata["reward"] = reward
            reply.continued = False
        here = tree.keep(replies[followed])
    return tree


def found(tree: Tree, **options: float) -> list[list[float | None]]:
    """By turn and reply; None: no advantage."""
    values = advantages([tree], **options)  # type: ignore[arg-type]
    places = [node.children for node in tree if node.speaker == "user"]
    return [[values.get(reply) for reply in place] for place in places]


def test_replies_are_compared_with_their_siblings() -> None:
    assert found(grown([[1, 2, 3, 6], [5, 5, 1, 1]])) == [[-2, -1, 0, 3], [2, 2, -2, -2]]


def test_scaled_a_group_has_about_one_standard_deviation() -> None:
    [[*values]] = found(grown([[1, 2, 3, 6]]), scale=True)
    assert stdev(value for value in values if value is not None) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("scale", [False, True])
def test_groups_without_spread_give_zero(scale: bool) -> None:
    assert found(grown([[0.1, 0.1, 0.1], [4.0]]), scale=scale) == [[0, 0, 0], [0]]


@pytest.mark.parametrize("scale", [False, True])
def test_a_reply_that_was_not_scored_has_none_and_changes_no_other(scale: bool) -> None:
    """Whichever 30% of the scores the judge fails to give: those that it gave count as if there were no others."""
    chance = random.Random(4)
    for _ in range(50):
        turns = [[chance.choice([1, 2, 3, 4, 5]) for _ in range(4)] for _ in range(3)]
        lost = [[None if chance.random() < 0.3 else value for value in place] for place in turns]
        alone = [[value for value in place if value is not None] for place in lost]
        values = found(grown(lost), scale=scale)
        assert [[value is None for value in place] for place in values] == [[v is None for v in p] for p in lost]
        kept = [[value for value in place if value is not None] for place in values]
        assert kept == [found(grown([place]), scale=scale)[0] if place else [] for place in alone]


def test_the_future_counts_for_the_reply_that_had_one() -> None:
    good, bad = grown([[1, 3], [4, 6], [2, 2]], name="a"), grown([[1, 3], [1, 1], [4, 4]], name="b")
    values = advantages([good, bad], gamma=0.5)
    # What followed the first turn: 5 + 0.5 * 2 = 6, and 1 + 0.5 * 4 = 3; the second: 2, and 4.
    first, second, third = (node.children for node in good if node.speaker == "user")
    assert [values[reply] for reply in first] == [-1 + 0.5 * 1.5, 1]
    assert [values[reply] for reply in second] == [-1 + 0.5 * -1, 1]
    assert [values[reply] for reply in third] == [0, 0]
    first, second, third = (node.children for node in bad if node.speaker == "user")
    assert [values[reply] for reply in first] == [-1 - 0.5 * 1.5, 1]


def test_without_gamma_trees_know_nothing_of_each_other() -> None:
    trees = [grown([[1, 3], [4, 6]], name="a"), grown([[5, 5], [9, None]], name="b")]
    assert advantages(trees) == {**advantages(trees[:1]), **advantages(trees[1:])}


def test_the_spread_is_watched() -> None:
    tree = grown([[1, 3], [2, 2, None], [None, None]])
    assert len(list(groups(tree))) == 2
    assert spread([tree]) == Spread(2, 1, 0.5)
    assert spread([]).mean == 0
