"""Rows from hand-made trees: the path really taken, each user message once, whole replies, nothing unlabelled."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a.trees.aloe_record import tree_of
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree, Utterance, Verdict
from training.rows import PairFilter, dpo_rows, in_both_orders, sft_rows

PLAIN = PairFilter()
DISAGREE, UNUSABLE = "pairs on which the verdicts disagree", "pairs without a usable verdict"


def new_tree(scenario: str = "aloe") -> Tree:
    return Tree("t-0", scenario, Persona("", "She mends clocks.", "Brisk.", "p-1", "t-1"), 3)


def ask(tree: Tree, here: Node | None, text: str, speaker: str = "user") -> Node:
    return tree.add(here, Utterance(speaker, text))


def answer(tree: Tree, user: Node, *texts: str, winners: tuple[int | None, ...] = (0, 0)) -> list[Node]:
    """Replies to `user`, compared in both orders; `winners` say which of them each verdict names."""
    speakers = ["preferred", "rejected", "other"]
    replies = [tree.add(user, Utterance(speakers[i], text)) for i, text in enumerate(texts)]
    judged(user, replies, *winners)
    return replies


def judged(user: Node, replies: list[Node], *winners: int | None) -> None:
    one, other = replies[:2]
    for number, winner in enumerate(winners):
        first, second = (other, one) if number % 2 else (one, other)
        user.verdicts.append(Verdict(first, second, None if winner is None else replies[winner], "why"))
    if len(set(winners)) == 1 and winners[0] is not None:
        for node in replies:
            node.label = "preferred" if node is replies[winners[0]] else "rejected"


def aloe_tree() -> Tree:
    """Three turns: it went on through the rejected reply, then the verdicts disagree, then the hinted reply lost."""
    tree = new_tree()
    user = ask(tree, None, "I row.")
    _, plain = answer(tree, user, "On the lake?", "Sports are healthy.")
    user = ask(tree, tree.keep(plain), "I know.")
    hinted, _ = answer(tree, user, "Sorry. Alone?", "Good.", winners=(0, 1))
    user = ask(tree, tree.keep(hinted), "With my sister.")
    answer(tree, user, "Sisters!", "Who is faster?", winners=(1, 1))
    return tree


def said(messages: Any) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


FIRST, THIRD = (
    [("user", "I row.")],
    [
        ("user", "I row."),
        ("assistant", "Sports are healthy."),
        ("user", "I know."),
        ("assistant", "Sorry. Alone?"),
        ("user", "With my sister."),
    ],
)


def test_dpo_rows_follow_the_path_really_taken_and_hold_whole_replies() -> None:
    made = dpo_rows(aloe_tree(), PLAIN)
    first, third = made.rows
    assert said(first["prompt"]) == FIRST
    assert said(third["prompt"]) == THIRD
    assert first["chosen"] == [{"role": "assistant", "content": "On the lake?"}]
    assert first["rejected"] == [{"role": "assistant", "content": "Sports are healthy."}]
    assert third["chosen"] == [{"role": "assistant", "content": "Who is faster?"}]
    assert third["rejected"] == [{"role": "assistant", "content": "Sisters!"}]
    assert made.left_out == {DISAGREE: 1}
    assert made.written == {"rows": 2}


def test_a_row_says_where_it_comes_from() -> None:
    origins = [
        {name: row[name] for name in ("tree", "profile", "personality", "turn")}
        for row in dpo_rows(aloe_tree(), PLAIN).rows
    ]
    assert origins == [{"tree": "t-0", "profile": "p-1", "personality": "t-1", "turn": turn} for turn in (1, 3)]


def test_sft_learns_the_preferred_reply_to_the_same_history() -> None:
    made = sft_rows(aloe_tree(), PLAIN)
    assert [said(row["prompt"]) for row in made.rows] == [FIRST, THIRD]
    assert [said(row["completion"]) for row in made.rows] == [
        [("assistant", "On the lake?")],
        [("assistant", "Who is faster?")],
    ]
    assert made.left_out == {DISAGREE: 1}


def test_sft_on_the_rejected_replies_changes_the_target_alone() -> None:
    preferred, rejected = (sft_rows(aloe_tree(), PairFilter(target)) for target in ("preferred", "rejected"))
    assert [row["completion"][0]["content"] for row in rejected.rows] == ["Sports are healthy.", "Sisters!"]
    assert [row["prompt"] for row in rejected.rows] == [row["prompt"] for row in preferred.rows]


def test_a_pair_that_nobody_could_judge_makes_no_row() -> None:
    tree = new_tree()
    answer(tree, ask(tree, None, "I row."), "A", "B", winners=(None, 0))
    for make in (sft_rows, dpo_rows):
        assert make(tree, PLAIN) == ([], {"rows": 0}, {UNUSABLE: 1})


def test_in_a_full_tree_each_branch_has_the_history_of_its_own() -> None:
    tree = new_tree("full_tree")
    one, other = answer(tree, ask(tree, None, "I row."), "A", "B")
    for reply in (one, other):
        answer(tree, ask(tree, tree.keep(reply), f"After {reply.content}."), "C", "D", winners=(1, 1))
    rows = dpo_rows(tree, PLAIN).rows
    assert [[text for _, text in said(row["prompt"])] for row in rows] == [
        ["I row."],
        ["I row.", "A", "After A."],
        ["I row.", "B", "After B."],
    ]
    assert [row["turn"] for row in rows] == [1, 2, 2]


# Who is who.


def test_in_an_imported_tree_the_replying_side_is_the_assistant_too() -> None:
    turn = {"user": "Hi.", "assistant": {"preferred": "Yes?", "rejected": "Ho."}, "chosen": "rejected"}
    turn |= {"inferred_profile": "None", "inferred_personality": "None"}
    tree = tree_of({"profile": "P.", "personality": "T.", "conversations": [turn, turn | {"user": "So."}]})
    assert tree is not None
    rows = dpo_rows(tree, PLAIN).rows
    assert said(rows[1]["prompt"]) == [("user", "Hi."), ("assistant", "Ho."), ("user", "So.")]


def test_whoever_answers_in_the_pair_is_the_assistant_whatever_the_scenario_calls_them() -> None:
    tree = new_tree("tutor")
    here = ask(tree, ask(tree, ask(tree, None, "Heavy falls fast.", "pupil"), "Why?", "tutor"), "It is heavy.", "pupil")
    judged(
        here, [tree.add(here, Utterance("tutor", "And a feather?")), tree.add(here, Utterance("tutor", "No."))], 0, 0
    )
    (row,) = dpo_rows(tree, PLAIN).rows
    assert said(row["prompt"]) == [("user", "Heavy falls fast."), ("assistant", "Why?"), ("user", "It is heavy.")]


def test_the_side_of_the_pupil_can_be_learnt_as_well() -> None:
    tree = new_tree("tutor")
    here = ask(tree, ask(tree, None, "Heavy falls fast.", "pupil"), "Why?", "tutor")
    judged(here, [tree.add(here, Utterance("pupil", "It is heavy.")), tree.add(here, Utterance("pupil", "Eh."))], 0, 0)
    (row,) = dpo_rows(tree, PLAIN).rows
    assert said(row["prompt"]) == [("assistant", "Heavy falls fast."), ("user", "Why?")]


def test_a_third_responder_on_the_way_is_of_the_side_whose_replies_it_stood_among() -> None:
    tree = new_tree()
    third = answer(tree, ask(tree, None, "I row."), "A", "B", "C")[2]
    answer(tree, ask(tree, tree.keep(third), "On the sea."), "D", "E")
    row = dpo_rows(tree, PLAIN).rows[-1]
    assert said(row["prompt"]) == [("user", "I row."), ("assistant", "C"), ("user", "On the sea.")]


def test_what_one_side_says_in_a_row_is_one_message() -> None:
    tree = new_tree()
    here = ask(tree, ask(tree, None, "I row."), "And swim.", "friend")
    answer(tree, here, "A", "B")
    (row,) = dpo_rows(tree, PLAIN).rows
    assert said(row["prompt"]) == [("user", "I row.\n\nAnd swim.")]


def test_replies_that_answer_no_message_of_somebody_else_make_no_row() -> None:
    tree = new_tree()
    here = ask(tree, None, "Hello.", "preferred")
    answer(tree, here, "A", "B")
    assert dpo_rows(tree, PLAIN).left_out == {"pairs without a message of another speaker to answer": 1}


# What makes no row.


@pytest.mark.parametrize(("one", "other"), [("", "B"), ("A", " \n")])
def test_an_empty_reply_makes_no_pair(one: str, other: str) -> None:
    tree = new_tree()
    answer(tree, ask(tree, None, "I row."), one, other)
    assert dpo_rows(tree, PLAIN) == ([], {"rows": 0}, {"pairs with an empty reply": 1})
    assert len(sft_rows(tree, PLAIN).rows) == (1 if one else 0)


def test_two_replies_of_the_same_words_make_no_pair() -> None:
    tree = new_tree()
    answer(tree, ask(tree, None, "I row."), "A", "A ")
    assert dpo_rows(tree, PLAIN).left_out == {"pairs of the same words": 1}


def test_a_preferred_reply_with_two_rejected_ones_is_two_pairs_but_learnt_once() -> None:
    tree = new_tree()
    answer(tree, ask(tree, None, "I row."), "A", "B", "C")
    assert [row["rejected"][0]["content"] for row in dpo_rows(tree, PLAIN).rows] == ["B", "C"]
    made = sft_rows(tree, PLAIN)
    assert (len(made.rows), made.left_out) == (1, {"pairs whose reply another pair has too": 1})
    assert len(sft_rows(tree, PairFilter("rejected")).rows) == 2


# Margins and orders.


def several_judges(*winners: int | None) -> Tree:
    """One pair, labelled for the first reply whatever the verdicts."""
    tree = new_tree()
    one, other = answer(tree, ask(tree, None, "I row."), "A", "B", winners=winners)
    one.label, other.label = "preferred", "rejected"
    return tree


@pytest.mark.parametrize(
    ("winners", "expected"),
    [((0, 0), 1.0), ((0, 1, 0, 0), 0.5), ((0, None), 1.0), ((1, 0, 1), -1 / 3), ((None,), None)],
)
def test_the_margin_is_a_share_of_the_usable_verdicts(winners: tuple[int | None, ...], expected: float | None) -> None:
    (pair,) = several_judges(*winners).pairs
    assert pair.margin == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("winners", "both"), [((0, 0), True), ((0, None), False), ((0, 1, 0, 0), True), ((0,), False), ((None, 0), False)]
)
def test_both_orders_must_name_the_chosen_reply(winners: tuple[int | None, ...], both: bool) -> None:
    tree = several_judges(*winners)
    assert in_both_orders(tree.pairs[0]) is both
    made = dpo_rows(tree, PairFilter(both_orders=True))
    assert len(made.rows) == both
    assert made.left_out == ({} if both else {"pairs without verdicts in both orders for the chosen reply": 1})


def test_pairs_below_the_least_margin_are_left_out_and_counted() -> None:
    tree = several_judges(0, 1, 0, 0)
    assert len(sft_rows(tree, PairFilter(min_margin=0.5)).rows) == 1
    assert sft_rows(tree, PairFilter(min_margin=0.6)).left_out == {"pairs with a margin below 0.6": 1}


def test_an_imported_pair_has_no_margin_and_no_orders() -> None:
    tree = several_judges()
    assert tree.pairs[0].margin is None
    assert len(dpo_rows(tree, PLAIN).rows) == 1
    assert dpo_rows(tree, PairFilter(min_margin=-1)).left_out == {"pairs without a margin, as they have no verdicts": 1}
    assert dpo_rows(tree, PairFilter(both_orders=True)).rows == []


def test_verdicts_on_another_pair_of_the_same_message_do_not_count() -> None:
    tree = new_tree()
    user = ask(tree, None, "I row.")
    one, other, third = answer(tree, user, "A", "B", "C")
    user.verdicts.append(Verdict(one, third, third, "why"))
    assert [pair.margin for pair in tree.pairs] == [1.0, -1.0]
    assert other.label == "rejected"


# Laws.


def grown(seed: int) -> Tree:
    """Any tree of a few turns, whose utterances are told apart by their words."""
    chance = random.Random(seed)
    tree = new_tree()
    here: list[Node | None] = [None]
    for turn in range(chance.randint(1, 5)):
        user = ask(tree, chance.choice(here), f"Message {turn}.")
        winners = chance.choice([(0, 0), (1, 1), (0, 1), (None, 0)])
        here += map(tree.keep, answer(tree, user, f"Hinted {turn}.", f"Plain {turn}.", winners=winners))
    return tree


@given(st.integers(0, 2**32))
def test_every_labelled_pair_makes_one_row_of_whole_words_on_its_path(seed: int) -> None:
    tree = grown(seed)
    rows = dpo_rows(tree, PLAIN).rows
    nodes = {node.content: node for node in tree}
    for row, pair in zip(rows, tree.pairs, strict=True):
        prompt = said(row["prompt"])
        assert [nodes[text] for _, text in prompt] == pair.history
        assert [role for role, _ in prompt] == ["user", "assistant"] * (len(prompt) // 2) + ["user"]
        assert said(row["chosen"]) == [("assistant", pair.chosen.content)]
        assert said(row["rejected"]) == [("assistant", pair.rejected.content)]


@given(st.integers(0, 2**32))
def test_rows_and_left_out_pairs_are_all_the_pairs_there_are(seed: int) -> None:
    tree = grown(seed)
    for make in (sft_rows, dpo_rows):
        made = make(tree, PLAIN)
        assert len(made.rows) + sum(made.left_out.values()) == sum(bool(node.verdicts) for node in tree)


def test_a_reply_that_is_cut_teaches_nothing_unless_it_is_kept() -> None:
    for cut, made in ((0, sft_rows), (0, dpo_rows), (1, dpo_rows)):
        tree = new_tree()
        answer(tree, ask(tree, None, "I row."), "On the", "Sports are healthy.")[cut].finish_reason = "length"
        assert made(tree, PLAIN).left_out == {"pairs with a reply that was cut at its limit of tokens": 1}
        assert len(made(tree, PairFilter(keep_cut=True)).rows) == 1


def test_rows_after_a_change_of_the_person_are_for_the_new_one() -> None:
    tree = aloe_tree()
    tree.personas = {"later": Persona("", "She mends clocks.", "Gushing.", "p-1", "t-2")}
    last = max(tree, key=lambda node: (node.speaker == "user", len(node.path)))
    last.metadata["persona"] = "later"
    for rows in (sft_rows(tree, PLAIN).rows, dpo_rows(tree, PLAIN).rows):
        assert [(row["personality"], row["turn"]) for row in rows] == [("t-1", 1), ("t-2", 3)]
