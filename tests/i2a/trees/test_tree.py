"""A tree says where everybody stands: paths, siblings, ends and pairs follow from who was put under whom."""

import pytest

from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Pair, TokenUsage, Tree, Utterance
from tests.fakes import spoken


@pytest.fixture
def tree() -> Tree:
    return Tree("t-0", "test", Persona("p", "A baker.", "Blunt."), 7)


def fork(tree: Tree, here: Node) -> tuple[Node, Node]:
    return tree.add(here, Utterance("preferred", "Oh?")), tree.add(here, Utterance("rejected", "I see."))


def test_an_utterance_becomes_a_node_with_all_it_came_with(tree: Tree) -> None:
    node = tree.add(None, Utterance("user", "Hello.", TokenUsage(12, 3)))
    assert (node.parent, node.speaker, node.content, node.usage) == (None, "user", "Hello.", TokenUsage(12, 3))
    assert tree.roots == [node]


def test_a_new_node_knows_nothing_that_nobody_found_out(tree: Tree) -> None:
    node = tree.add(None, Utterance("user", "Hello."))
    assert (node.usage, node.inference, node.label, node.verdicts, node.metadata) == (None, None, None, [], {})
    assert not node.continued


def test_a_path_leads_from_the_first_utterance_to_the_node(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    reply, _ = fork(tree, opening)
    answer = tree.add(reply, Utterance("user", "Yes."))
    assert answer.path == [opening, reply, answer]
    assert opening.path == [opening]


def test_siblings_answer_the_same_node_and_exclude_oneself(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    one, other = fork(tree, opening)
    assert (one.siblings, other.siblings) == ([other], [one])
    assert opening.siblings == []


def test_equal_utterances_are_different_nodes(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    one, other = (tree.add(opening, Utterance("rejected", "I see.")) for _ in range(2))
    assert one != other
    assert one.siblings == [other]


def test_iteration_is_depth_first_whatever_grew_first(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "1"))
    left, right = fork(tree, opening)
    under_right = tree.add(right, Utterance("user", "2r"))
    under_left = tree.add(left, Utterance("user", "2l"))
    second_root = tree.add(None, Utterance("user", "another opening"))
    assert list(tree) == [opening, left, under_left, right, under_right, second_root]


def test_a_long_dialogue_is_walked_without_recursion(tree: Tree) -> None:
    here = None
    for i in range(5000):
        here = tree.add(here, Utterance("user", str(i)))
    assert here is not None
    assert len(here.path) == len(list(tree)) == 5000


def test_an_end_is_where_a_held_dialogue_ends_and_no_reply_left_lying(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    reply, left_lying = fork(tree, opening)
    tree.keep(reply)
    assert tree.ends == [reply]
    assert not left_lying.continued


def test_both_branches_end_when_both_went_on(tree: Tree) -> None:
    one, other = fork(tree, tree.add(None, Utterance("user", "Hello.")))
    last = [tree.keep(tree.add(reply, Utterance("user", "So."))) for reply in (one, other)]
    assert tree.ends == last
    assert [spoken(end) for end in last] == [["user", "preferred", "user"], ["user", "rejected", "user"]]


def test_the_dialogue_goes_on_through_what_is_answered(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    assert not opening.continued
    fork(tree, opening)
    assert opening.continued


def test_keep_gives_back_the_node(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    assert tree.keep(opening) is opening
    assert opening.continued


def test_a_pair_is_a_preferred_and_a_rejected_sibling_after_their_history(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    one, other = fork(tree, opening)
    one.label, other.label = "rejected", "preferred"
    assert tree.pairs == [Pair([opening], other, one)]


def test_replies_without_a_label_make_no_pair(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    one, other = fork(tree, opening)
    assert tree.pairs == []
    one.label = "preferred"
    assert tree.pairs == []
    other.label = "preferred"
    assert tree.pairs == []


def test_one_preferred_reply_pairs_with_each_rejected_one(tree: Tree) -> None:
    opening = tree.add(None, Utterance("user", "Hello."))
    replies = [tree.add(opening, Utterance("r", str(i))) for i in range(3)]
    replies[1].label = "preferred"
    replies[0].label = replies[2].label = "rejected"
    assert [(pair.chosen.content, pair.rejected.content) for pair in tree.pairs] == [("1", "0"), ("1", "2")]


def test_chance_follows_from_the_id_and_the_seed_alone() -> None:
    def draws(id: str, seed: int) -> list[float]:
        tree = Tree(id, "test", Persona("p", "A baker.", "Blunt."), seed)
        return [tree.random.random() for _ in range(3)]

    assert draws("t-0", 7) == draws("t-0", 7)
    assert draws("t-0", 7) != draws("t-0", 8)
    assert draws("t-0", 7) != draws("t-1", 7)


def test_no_two_trees_share_their_nodes() -> None:
    one, other = (Tree(id, "test", Persona("p", "A baker.", "Blunt."), 7) for id in ("a", "b"))
    one.add(None, Utterance("user", "Hello."))
    assert list(other) == []
