"""What the published record promises: nothing is lost on the way into a tree or out of one, and nothing is invented."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2a.errors import UsageError
from i2a.trees.aloe_record import SCENARIO, record_id, records_of, tree_of, turns_left_out
from i2a.trees.json import dump, load
from i2a.trees.persona import Persona, clean
from i2a.trees.tree import Inference, Node, TokenUsage, Tree, Utterance, Verdict

ANNA = Persona("", "She mends clocks.", "She is brisk.")


def published(turns: int = 2, **changes: Any) -> dict[str, Any]:
    return {
        "profile": "She mends clocks.",
        "personality": "She is brisk.",
        "conversations": [
            {
                "user": f"Message {turn}.",
                "assistant": {"preferred": f"Good {turn}.", "rejected": f"Bad {turn}."},
                "chosen": "rejected" if turn % 2 else "preferred",
                "inferred_profile": "She mends clocks." if turn else "None",
                "inferred_personality": "None",
            }
            for turn in range(turns)
        ],
    } | changes


def imported(record: dict[str, Any]) -> Tree:
    tree = tree_of(record)
    assert tree is not None
    return tree


def turn_of(tree: Tree, here: Node | None, labels: tuple[str | None, ...] = ("preferred", "rejected")) -> list[Node]:
    """A message under `here` and one reply for each label; the replies."""
    user = tree.add(here, Utterance("user", "Hello."))
    replies = [tree.add(user, Utterance(("preferred", "rejected")[i % 2], f"Reply {i}.")) for i in range(len(labels))]
    for reply, label in zip(replies, labels, strict=True):
        reply.label = label  # type: ignore[assignment]
    return replies


def grown(*labels: tuple[str | None, ...]) -> Tree:
    """A tree with one turn for each pair of labels, that goes on through the first reply."""
    tree = Tree("aloe-3", "aloe", ANNA, 7, {"turns": len(labels)})
    here = None
    for pair in labels:
        here = tree.keep(turn_of(tree, here, pair)[0])
    return tree


AGREED, DISPUTED = ("preferred", "rejected"), (None, None)

# Into a tree.


def test_a_record_becomes_a_dialogue_with_one_continued_reply_per_turn() -> None:
    tree = imported(published())
    assert [node.content for node in tree.ends[0].path] == ["Message 0.", "Good 0.", "Message 1.", "Bad 1."]
    assert [(pair.chosen.content, pair.rejected.content) for pair in tree.pairs] == [
        ("Good 0.", "Bad 0."),
        ("Good 1.", "Bad 1."),
    ]
    assert load(dump(tree)).scenario == SCENARIO
    assert not any(node.verdicts for node in tree)


def test_the_speaker_of_a_published_reply_is_not_guessed_from_its_label() -> None:
    assert {node.speaker for node in imported(published())} == {"user", "assistant"}


def test_nothing_inferred_is_an_empty_inference() -> None:
    first, second = (node for node in imported(published()) if node.speaker == "user")
    assert first.inference == Inference(reason="", profile=[], personality=[])
    assert second.inference == Inference(reason="", profile=["She mends clocks."], personality=[])


def test_quotes_and_newlines_around_a_persona_are_cleaned_and_come_back() -> None:
    record = published(profile='"She mends clocks."\n', personality="She is brisk.\n")
    tree = imported(record)
    assert tree.persona == ANNA
    assert list(records_of(tree)) == [record]


def test_a_tidy_record_needs_no_notes() -> None:
    assert not any(node.metadata for node in imported(published()))


@pytest.mark.parametrize("chosen", ["preferred", "rejected"])
def test_several_rejected_replies_are_siblings_and_the_dialogue_goes_on_through_one_at_most(chosen: str) -> None:
    record = published(1)
    record["conversations"][0] |= {"assistant": {"preferred": "A", "rejected": ["B", "C"]}, "chosen": chosen}
    tree = imported(record)
    assert [node.content for node in tree.roots[0].children] == ["A", "B", "C"]
    assert tree.ends[0].content == ("A" if chosen == "preferred" else "B")
    assert list(records_of(tree)) == [record]


def test_a_list_of_one_rejected_reply_stays_a_list() -> None:
    record = published(1)
    record["conversations"][0]["assistant"]["rejected"] = ["B"]
    assert list(records_of(imported(record))) == [record]


def test_keys_that_nobody_knows_are_kept_at_every_level() -> None:
    record = published(1, model="x", turn=3)
    record["conversations"][0] |= {"score": 0.5, "profile": None}
    record["conversations"][0]["assistant"]["third"] = {"text": ["C"]}
    assert list(records_of(imported(record))) == [record]


def test_the_same_record_has_the_same_id_whatever_the_order_of_its_keys() -> None:
    record = published()
    assert record_id(record) == record_id(dict(reversed(record.items()))) != record_id(published(1))


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        ((), ["x"], "a record is a JSON object, not a list"),
        ((), None, "a record is a JSON object, not null"),
        (("profile",), ..., "profile is missing"),
        (("profile",), 3, "profile is a number, not a string"),
        (("personality",), '" "\n', "personality is empty"),
        (("conversations",), {}, "conversations is an object, not a list"),
        (("conversations",), [], "conversations is empty"),
        (("conversations", 1), "x", "conversations[1] is a string, not an object"),
        (("conversations", 1, "user"), ..., "conversations[1].user is missing"),
        (("conversations", 1, "assistant"), "x", "conversations[1].assistant is a string, not an object"),
        (("conversations", 0, "assistant", "preferred"), ..., "conversations[0].assistant.preferred is missing"),
        (("conversations", 0, "assistant", "preferred"), ["x"], "preferred is a list, not a string"),
        (("conversations", 0, "assistant", "rejected"), True, "rejected is true or false, not a string"),
        (("conversations", 0, "assistant", "rejected"), [], "conversations[0].assistant.rejected is empty"),
        (("conversations", 0, "assistant", "rejected"), ["x", 1], "rejected[1] is a number, not a string"),
        (("conversations", 1, "chosen"), "first", "conversations[1].chosen is 'first', not 'preferred' or 'rejected'"),
        (("conversations", 1, "inferred_profile"), ..., "conversations[1].inferred_profile is missing"),
        (("conversations", 0, "user"), "\ud800", "half of a surrogate pair"),
        (("profile",), '"\\ud800"', "half of a surrogate pair"),
        (("score",), float("nan"), "not finite"),
        (("i2a",), 3, "i2a: not a tree of format i2a.tree/1"),
        (("i2a",), {"tree": 3}, "i2a: not a tree of format i2a.tree/1"),
    ],
)
def test_what_is_wrong_with_a_record_is_said_with_its_place(
    where: tuple[Any, ...], value: object, problem: str
) -> None:
    record: Any = published()
    holder = record
    for key in where[:-1]:
        holder = holder[key]
    if not where:
        record = value
    elif value is ...:
        del holder[where[-1]]
    else:
        holder[where[-1]] = value
    with pytest.raises(UsageError) as error:
        tree_of(record)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


# Out of a tree.


def test_a_record_names_the_label_of_the_reply_that_was_continued_not_who_spoke_it() -> None:
    tree = grown(("rejected", "preferred"))
    (record,) = records_of(tree, plain=True)
    assert record["conversations"] == [
        {
            "user": "Hello.",
            "assistant": {"preferred": "Reply 1.", "rejected": "Reply 0."},
            "chosen": "rejected",
            "inferred_profile": "None",
            "inferred_personality": "None",
        }
    ]


def test_a_record_ends_before_the_first_turn_without_a_label() -> None:
    tree = grown(AGREED, DISPUTED, AGREED)
    (record,) = records_of(tree)
    assert len(record["conversations"]) == 1
    assert turns_left_out(tree) == 2
    assert dump(imported(record)) == dump(tree)


def test_a_tree_without_any_label_goes_along_whole_but_has_no_plain_record() -> None:
    tree = grown(DISPUTED)
    (record,) = records_of(tree)
    assert record["conversations"] == []
    assert dump(imported(record)) == dump(tree)
    assert list(records_of(tree, plain=True)) == []


def full_tree() -> Tree:
    tree = Tree("full_tree-0", "full_tree", ANNA, 0)
    for reply in turn_of(tree, None):
        for inner in turn_of(tree, tree.keep(reply)):
            tree.keep(inner)
    return tree


def test_a_full_tree_gives_a_record_for_each_dialogue_and_goes_along_once() -> None:
    tree = full_tree()
    first, *others = records_of(tree)
    assert [record["i2a"] for record in others] == [{"tree": tree.id}] * 3
    assert dump(imported(first)) == dump(tree)
    assert [tree_of(record) for record in others] == [None] * 3
    chosen = [[turn["chosen"] for turn in record["conversations"]] for record in (first, *others)]
    assert sorted(chosen) == sorted([a, b] for a in AGREED for b in AGREED)


def test_dialogues_that_are_the_same_up_to_the_missing_label_come_once() -> None:
    tree = full_tree()
    for reply in tree.roots[0].children[1].children[0].children:
        reply.label = None
    lengths = [len(record["conversations"]) for record in records_of(tree)]
    assert lengths == [2, 2, 1]
    assert turns_left_out(tree) == 1


def test_plain_records_have_the_published_keys_only() -> None:
    for record in records_of(full_tree(), plain=True):
        assert record.keys() == published().keys()


@pytest.mark.parametrize("labels", [("preferred", "rejected", None), ("rejected", "preferred", "rejected")])
def test_of_more_than_two_replies_the_labelled_ones_are_told(labels: tuple[str | None, ...]) -> None:
    tree = grown(labels)
    (record,) = records_of(tree)
    rejected = record["conversations"][0]["assistant"]["rejected"]
    assert rejected == ("Reply 1." if None in labels else ["Reply 0.", "Reply 2."])
    assert dump(imported(record)) == dump(tree)


def test_a_tree_of_another_shape_is_refused_in_one_line() -> None:
    tree = Tree("tutor-0", "tutor", ANNA, 0)
    tree.keep(tree.add(tree.add(None, Utterance("pupil", "?")), Utterance("tutor", "!")))
    with pytest.raises(UsageError, match=r"tree tutor-0 \(scenario tutor\) has messages without two replies"):
        list(records_of(tree))
    with pytest.raises(UsageError, match="holds no dialogue"):
        list(records_of(Tree("aloe-0", "aloe", ANNA, 0)))


def test_a_record_that_was_edited_is_not_silently_replaced_by_the_tree_it_came_from() -> None:
    (record,) = records_of(grown(AGREED, DISPUTED))
    record["conversations"][0]["user"] = "Something else."
    with pytest.raises(UsageError, match="differs from the tree under its key i2a"):
        tree_of(record)
    del record["i2a"]
    assert imported(record).roots[0].content == "Something else."


def test_what_was_added_to_an_imported_tree_goes_along() -> None:
    tree = imported(published(profile="She mends clocks.\n"))
    good, bad = tree.roots[0].children
    tree.roots[0].verdicts = [Verdict(good, bad, bad, "shorter")]
    (record,) = records_of(tree)
    assert record["profile"] == "She mends clocks."
    assert dump(imported(record)) == dump(tree)


@pytest.mark.parametrize("notes", [{"record": 3}, {"turn": {"user": 3}}, {"assistant": {"rejected": []}}, {"mine": 1}])
def test_notes_that_are_not_ours_change_no_record(notes: dict[str, Any]) -> None:
    tree = imported(published())
    tree.roots[0].metadata = notes
    (record,) = records_of(tree)
    assert {key: record[key] for key in published()} == published()
    assert dump(imported(record)) == dump(tree)


# Both ways, whatever is in them.

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
halves = texts.filter(clean)
wrapped = halves | halves.map(lambda text: json.dumps(text) + "\n")
inferred = texts | st.sampled_from(["", "None", "None.", " None\n"])
extras = st.dictionaries(texts | st.sampled_from(["profile", "user", "turn", "rejected"]), values, max_size=2)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Published records as they may come: with quotes, lists, and keys that nobody knows."""

    def turn() -> dict[str, Any]:
        replies = {"preferred": draw(texts), "rejected": draw(texts | st.lists(texts, min_size=1, max_size=3))}
        return draw(extras) | {
            "user": draw(texts),
            "assistant": draw(extras) | replies,
            "chosen": draw(st.sampled_from(["preferred", "rejected"])),
            "inferred_profile": draw(inferred),
            "inferred_personality": draw(inferred),
        }

    turns = [turn() for _ in range(draw(st.integers(1, 3)))]
    unknown = {key: value for key, value in draw(extras).items() if key != "i2a"}
    return unknown | {"profile": draw(wrapped), "personality": draw(wrapped), "conversations": turns}


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Trees of messages with two or three replies: any labels and verdicts, one or several replies continued."""
    options = draw(st.dictionaries(texts, values, max_size=2))
    name = draw(st.sampled_from(["aloe", "full_tree", SCENARIO]))
    persona = Persona("", draw(halves.map(clean)), draw(halves.map(clean)))
    tree = Tree("t", name, persona, draw(st.integers(0, 2**31)), options)
    few = st.lists(texts, max_size=2)

    def grow(here: Node | None, left: int) -> None:
        user = tree.add(here, Utterance("user", draw(texts), draw(st.none() | st.just(TokenUsage(3, 4)))))
        user.inference = draw(st.none() | st.builds(Inference, reason=texts, profile=few, personality=few))
        user.metadata = draw(st.just({}) | extras)
        speakers = draw(st.permutations(["preferred", "rejected", "other"]))[: draw(st.integers(2, 3))]
        replies = [tree.add(user, Utterance(speaker, draw(texts))) for speaker in speakers]
        labels = (
            st.permutations(["preferred", "rejected", "rejected"]) | st.just([None] * 3) | st.just(["rejected"] * 3)
        )
        for reply, label in zip(replies, draw(labels), strict=False):
            reply.label = label  # type: ignore[assignment]
        winners = draw(st.lists(st.sampled_from([*replies[:2], None]), max_size=2))
        user.verdicts = [Verdict(replies[0], replies[1], winner, draw(texts)) for winner in winners]
        for reply in draw(st.lists(st.sampled_from(replies), min_size=1, max_size=2, unique=True)):
            tree.keep(reply)
            if left:
                grow(reply, left - 1)

    grow(None, draw(st.integers(0, 2)))
    return tree


@given(records())
def test_a_published_record_comes_back_equal(record: dict[str, Any]) -> None:
    tree = imported(copy.deepcopy(record))
    assert list(records_of(load(dump(tree)))) == [record]
    assert list(records_of(tree, plain=True)) == [record]


@settings(deadline=None)
@given(trees())
def test_a_tree_comes_back_identical(tree: Tree) -> None:
    found = [tree_of(json.loads(json.dumps(record)), id="t") for record in records_of(tree)]
    assert [dump(again) for again in found if again] == [dump(tree)]


@settings(deadline=None)
@given(trees())
def test_plain_records_hold_labelled_turns_only_and_are_records_again(tree: Tree) -> None:
    for record in records_of(tree, plain=True):
        again = imported(record)
        assert len(again.ends[0].path) == 2 * len(record["conversations"]) > 0
        held = {(pair.chosen.content, pair.rejected.content) for pair in tree.pairs}
        assert {(pair.chosen.content, pair.rejected.content) for pair in again.pairs} <= held
