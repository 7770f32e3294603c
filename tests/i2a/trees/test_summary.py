"""Every compared pair is counted once: labelled, flipped or unjudged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a.trees.persona import Persona
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree, Utterance, Verdict

OUTCOMES = ["hinted", "plain", "first", "second", "half", "none", "uncompared"]


def tree_of(*outcomes: str) -> Tree:
    """A dialogue in which the judge said this about each pair of replies."""
    tree = Tree("t", "test", Persona("p", "A baker.", "Blunt."), 7)
    here = None
    for outcome in outcomes:
        here = tree.add(here, Utterance("user", "Hello."))
        one, other = tree.add(here, Utterance("preferred", "A")), tree.add(here, Utterance("rejected", "B"))
        winners = {
            "hinted": (one, one),
            "plain": (other, other),
            "first": (one, other),
            "second": (other, one),
            "half": (one, None),
            "none": (None, None),
        }.get(outcome)
        if winners:
            here.verdicts = [Verdict(one, other, winners[0], ""), Verdict(other, one, winners[1], "")]
            if outcome in ("hinted", "plain"):
                one.label, other.label = ("preferred", "rejected") if outcome == "hinted" else ("rejected", "preferred")
        here = one
    return tree


def test_nothing_counts_nothing_and_has_no_flip_rate() -> None:
    summary = Summary.of([])
    assert set(summary.as_json().values()) == {0, None}
    assert summary.flip_rate is None


def test_a_corpus_is_counted() -> None:
    summary = Summary.of([tree_of("hinted", "plain", "first"), tree_of("half", "none", "uncompared")])
    assert summary.as_json() == {
        "trees": 2,
        "utterances": 18,
        "pairs": 5,
        "labelled": 2,
        "flipped": 1,
        "unjudged": 2,
        "imported": 0,
        "hint_won": 1,
        "flip_rate": pytest.approx(1 / 3),
    }


def test_a_judge_that_never_answers_has_no_flip_rate_rather_than_a_good_one() -> None:
    assert Summary.of([tree_of("none", "half")]).flip_rate is None


def test_an_imported_pair_is_labelled_without_verdicts() -> None:
    tree = tree_of("uncompared", "uncompared")
    one, other = tree.roots[0].children
    one.label, other.label = "preferred", "rejected"
    summary = Summary.of([tree])
    assert (summary.pairs, summary.labelled, summary.flipped, summary.unjudged) == (1, 1, 0, 0)


def test_where_no_judge_was_asked_twice_there_is_no_flip_rate() -> None:
    tree = tree_of("uncompared")
    tree.roots[0].children[0].label = "preferred"
    assert Summary.of([tree]).flip_rate is None


def three_replies(*compared: tuple[int, int, bool], labels: str) -> Tree:
    """A message with three replies; `compared`: two of them, and whether the orders agree. `labels`: p, r or -."""
    tree = Tree("t", "test", Persona("p", "A baker.", "Blunt."), 7)
    here = tree.add(None, Utterance("user", "Hello."))
    replies = [tree.add(here, Utterance("bob", text)) for text in "ABC"]
    for i, j, agree in compared:
        one, other = replies[i], replies[j]
        here.verdicts += [Verdict(one, other, one, ""), Verdict(other, one, one if agree else other, "")]
    for reply, label in zip(replies, labels, strict=True):
        reply.label = {"p": "preferred", "r": "rejected", "-": None}[label]
    return tree


@pytest.mark.parametrize(
    ("compared", "labels", "labelled", "flipped"),
    [
        (((0, 1, True), (0, 2, True), (1, 2, True)), "prr", 2, 0),
        (((0, 1, True), (0, 2, True), (1, 2, False)), "prr", 2, 1),
        (((0, 1, True), (0, 2, False), (1, 2, False)), "pr-", 1, 2),
        (((0, 1, False), (0, 2, False), (1, 2, False)), "---", 0, 3),
        (((0, 1, True),), "pr-", 1, 0),
    ],
)
def test_of_three_replies_every_pair_is_counted(
    compared: tuple[tuple[int, int, bool], ...], labels: str, labelled: int, flipped: int
) -> None:
    tree = three_replies(*compared, labels=labels)
    summary = Summary.of([tree])
    assert (summary.labelled, summary.flipped, summary.unjudged) == (len(tree.pairs), flipped, 0)
    assert summary.labelled == labelled
    assert summary.wins == ({"bob": labelled} if labelled else {})
    assert summary.pairs == labelled + flipped


@given(st.lists(st.lists(st.sampled_from(OUTCOMES), max_size=5), max_size=5))
def test_every_compared_pair_is_one_of_labelled_flipped_and_unjudged(corpus: list[list[str]]) -> None:
    summary = Summary.of(tree_of(*outcomes) for outcomes in corpus)
    flat = [outcome for outcomes in corpus for outcome in outcomes]
    assert summary.pairs == summary.labelled + summary.flipped + summary.unjudged
    assert summary.pairs == len(flat) - flat.count("uncompared")
    assert summary.hint_won == flat.count("hinted") <= summary.labelled
    assert summary.flip_rate is None or 0 <= summary.flip_rate <= 1


@given(st.lists(st.lists(st.sampled_from(OUTCOMES), max_size=4), max_size=4))
def test_to_count_one_by_one_is_to_count_all(corpus: list[list[str]]) -> None:
    summary = Summary()
    for outcomes in corpus:
        summary.add(tree_of(*outcomes))
    assert summary == Summary.of(tree_of(*outcomes) for outcomes in corpus)
