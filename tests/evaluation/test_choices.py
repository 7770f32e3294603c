"""Choices of people between two replies agree with the verdicts of the judge as far as they do."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from evaluation.choices import agreement_on_choices, holds_choices, read_choices
from i2a.errors import UsageError
from i2a.report.tables import agreement_table
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import RATINGS, Tree, Utterance, Verdict


def compared(number: int, winners: Sequence[int | None], scores: Sequence[int] = ()) -> Tree:
    """Two replies to a message (nodes 1 and 2), compared as often as there are winners."""
    tree = Tree(f"t{number}", "aloe", Persona("p", "Bees.", "Blunt.", "p", "t"), 0)
    message = tree.add(None, Utterance("user", "Hello.", None, None))
    replies = [tree.add(message, Utterance(name, name, None, None)) for name in ("one", "other")]
    message.verdicts = [
        Verdict(replies[0], replies[1], None if won is None else replies[won - 1], "") for won in winners
    ]
    for reply, score in zip(replies, scores, strict=False):
        reply.metadata[RATINGS] = {"j": {"score": score, "reason": ""}}
    return tree


def choice(number: int, chosen: str, **more: object) -> dict[str, object]:
    return {"tree": f"t{number}", "node": 0, "first": 1, "second": 2, "choice": chosen, "rater": "ann", **more}


def stored(folder: Path, trees: Sequence[Tree], *rows: object) -> tuple[Path, Path]:
    write(folder / "trees.jsonl", trees)
    file = folder / "choices_of_people.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder, file


def test_choices_are_compared_with_the_verdicts_of_both_orders(tmp_path: Path) -> None:
    trees = [compared(i, [1, 1] if i < 6 else [2, 2] if i < 9 else [1, 2]) for i in range(10)]
    chosen = ["first"] * 6 + ["second"] * 2 + ["first", "tie"]
    found = agreement_on_choices(*stored(tmp_path, trees, *(choice(i, each) for i, each in enumerate(chosen))))
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.replies, pair.equal) == ("judge", "human:ann", 10, 0.9)
    assert pair.confusion == ((6, 0, 0), (0, 1, 0), (1, 0, 2))
    # by hand: squared distances 4 for the one that is turned; expected from margins (6, 1, 3) and (7, 1, 2)
    assert pair.kappa == pytest.approx(1 - 10 * 4 / (6 * 1 + 6 * 2 * 4 + 7 + 2 + 3 * 7 * 4 + 3 * 1))
    assert pair.equal_interval is not None
    assert pair.equal_interval[0] < 0.9 < pair.equal_interval[1]
    console = Console(width=100)
    with console.capture() as captured:
        console.print(agreement_table(found))
    assert "90.0% [" in captured.get()
    assert "tie" in captured.get()


def test_an_unusable_verdict_is_no_choice_and_a_difference_of_scores_is_one(tmp_path: Path) -> None:
    trees = [compared(0, [1, None]), compared(1, [], [2, 5]), compared(2, [], [3, 3])]
    rows = [choice(0, "first"), choice(1, "second"), choice(2, "tie"), choice(2, "first", rater="bob")]
    found = agreement_on_choices(*stored(tmp_path, trees, *rows))
    assert found.unmatched == 1
    assert {(pair.first, pair.second): pair.equal for pair in found.pairs} == {
        ("j", "human:ann"): 1.0,
        ("j", "human:bob"): 0.0,
        ("human:ann", "human:bob"): 0.0,
    }


def test_a_revised_choice_replaces_and_a_skipped_one_counts_for_nothing(tmp_path: Path) -> None:
    rows = [choice(0, "first"), choice(0, "tie", revised=True), choice(1, "first")]
    skipped = choice(1, "first", revised=True) | {"choice": None, "skipped": "unreadable"}
    _, file = stored(tmp_path, [], *rows, skipped)
    assert list(read_choices(file)["human:ann"].values()) == [0]
    assert holds_choices(file)


@pytest.mark.parametrize(
    ("row", "why"), [({"tree": "t0"}, "not a choice"), (choice(0, "left"), "choice"), (choice(0, "tie"), "second time")]
)
def test_a_line_that_is_no_choice_is_named(tmp_path: Path, row: object, why: str) -> None:
    _, file = stored(tmp_path, [], choice(0, "first"), row)
    with pytest.raises(UsageError, match=f":2: .*{why}"):
        read_choices(file)


def test_choices_about_another_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no choice is of a pair that was judged"):
        agreement_on_choices(*stored(tmp_path, [compared(0, [1, 1])], choice(7, "first")))
