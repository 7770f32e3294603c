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


async def test_a_call_that_was_not_awaited_is_told_what_to_write(tree: Tree) -> None:
    async def user() -> Utterance:
        return Utterance("user", "Hello.")

    with pytest.raises(TypeError, match=r"not awaited; write: tree.add\(here, await ROLE\(here\)\)"):
        tree.add(None, user())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes an Utterance, not a str"):
        tree.add(None, "Hello.")  # type: ignore[arg-type]
    assert list(tree) == []


def conversation(tree: Tree) -> Node:
    """Two turns; the reply that was rejected in the first one opens nothing. Its last node."""
    opening = tree.add(None, Utterance("user", "Hello.\n"))
    kept, _ = fork(tree, opening)
    asked = tree.add(kept, Utterance("user", "Guess what."))
    _, last = fork(tree, asked)
    return tree.keep(last)


def test_a_tree_a_node_and_a_pair_are_one_short_line_however_large_the_tree_is(tree: Tree) -> None:
    here = conversation(tree)
    for _ in range(2000):
        here = tree.add(here, Utterance("user", "word\n" * 100))
    assert repr(tree) == "<Tree t-0: scenario test, persona p, seed 7, 2,006 utterances, 0 labelled pairs>"
    assert repr(here) == f"<Node user: {('word ' * 12)[:60] + '...'!r}>"
    here.label = "preferred"
    assert repr(here).startswith("<Node user [preferred]: 'word")
    assert len(repr(Pair(tree.roots, here, here))) < 400


def test_the_dialogue_that_took_place_is_a_list_of_chat_messages(tree: Tree) -> None:
    conversation(tree)
    assert tree.to_messages() == [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Oh?"},
        {"role": "user", "content": "Guess what."},
        {"role": "assistant", "content": "I see."},
    ]


def test_messages_end_at_a_node_and_are_seen_by_a_speaker(tree: Tree) -> None:
    last = conversation(tree)
    assert last.parent is not None
    assert tree.to_messages(last.parent) == tree.to_messages()[:3]
    other = {"user": "assistant", "assistant": "user"}
    turned = [{"role": other[message["role"]], "content": message["content"]} for message in tree.to_messages()]
    assert tree.to_messages(viewpoint="user") == turned
    assert tree.to_messages(viewpoint="rejected") == tree.to_messages()  # it answers in the same place
    with pytest.raises(ValueError, match="nobody called 'judge' speaks in t-0; there are: user, preferred, rejected"):
        tree.to_messages(viewpoint="judge")


def test_messages_need_one_dialogue(tree: Tree) -> None:
    assert tree.to_messages() == []
    opening = tree.add(None, Utterance("user", "Hello."))
    for reply in fork(tree, opening):
        tree.add(reply, Utterance("user", "And then?"))
    for end in opening.children:
        tree.keep(end.children[0])
    with pytest.raises(ValueError, match=r"t-0 holds 2 dialogues; say which: to_messages\(tree.ends\[0\]\)"):
        tree.to_messages()
    assert [message["role"] for message in tree.to_messages(tree.ends[1])] == ["user", "assistant", "user"]


def test_what_one_side_says_in_a_row_is_one_message(tree: Tree) -> None:
    here = tree.add(None, Utterance("user", "Hello."))
    here = tree.add(here, Utterance("doctor", "Sit down."))
    tree.keep(tree.add(here, Utterance("nurse", "Here.")))
    assert tree.to_messages()[1:] == [{"role": "assistant", "content": "Sit down.\n\nHere."}]
    assert tree.to_messages(viewpoint="nurse") == [
        {"role": "user", "content": "Hello.\n\nSit down."},
        {"role": "assistant", "content": "Here."},
    ]
