"""The index of a file of trees finds, counts and reads what is in it, and follows the file as it changes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.trees.index import CACHE, Filters, TreeIndex
from i2a.trees.json import dump, load
from i2a.trees.known import describe
from i2a.trees.persona import Persona
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree, Utterance, Verdict


def tree(number: int, *, winners: tuple[int, int] = (0, 0), score: int | None = None, said: str = "Hello.") -> Tree:
    """A message and two replies; `winners`: of the two verdicts. With a `score` it has a rating."""
    made = Tree(f"t{number}", "aloe", Persona(f"p{number % 3}", "He keeps bees.", "He is blunt.", "p", "t"), number)
    message = made.add(None, Utterance("user", said, None, None))
    replies = [made.add(message, Utterance(name, "x" * number, None, None)) for name in ("preferred", "rejected")]
    one, other = replies
    message.verdicts = [Verdict(one, other, replies[winners[0]], ""), Verdict(other, one, replies[winners[1]], "")]
    if len(set(winners)) == 1:
        replies[winners[0]].label, replies[1 - winners[0]].label = "preferred", "rejected"
    if score is not None:
        one.metadata["ratings"] = {"j": {"score": score, "reason": ""}}
    return made


def stored(folder: Path, *trees: Tree) -> Path:
    file = folder / "trees.jsonl"
    with file.open("a", encoding="utf-8") as lines:
        lines.writelines(dump(one) + "\n" for one in trees)
    return file


def ids(index: TreeIndex, order: Any = "file", **filters: Any) -> list[str]:
    return [entry.known.id for entry in index.find(Filters(**filters), order).entries]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    flipped = tree(1, winners=(0, 1), said="Ein Imker aus München")
    return stored(tmp_path, tree(0, score=2), flipped, tree(2, score=5), tree(3, said="我喜欢养蜂"))


def test_every_tree_is_read_at_its_place(file: Path) -> None:
    with TreeIndex.open(file.parent) as index:
        assert not index.update()
        assert [index.tree(place).id for place in range(index.count)] == ["t0", "t1", "t2", "t3"]
        assert index.place("t2") == 2
        assert index.place("none") is None
        assert load(index.line(1)).id == "t1"
        with pytest.raises(UsageError, match="4 trees, and none at place 9"):
            index.line(9)


def test_filters_and_orders_give_what_a_loop_over_the_trees_gives(file: Path) -> None:
    with TreeIndex.open(file) as index:
        index.update()
        assert ids(index, label="flipped") == ids(index, disagreement=True) == ["t1"]
        assert ids(index, label="labelled") == ["t0", "t2", "t3"]
        assert ids(index, least_score=3) == ["t2"]
        assert ids(index, persona="p0") == ["t0", "t3"]
        assert ids(index, "lowest")[:2] == ["t0", "t2"]
        assert ids(index, "highest")[:2] == ["t2", "t0"]
        assert ids(index, "newest") == ["t3", "t2", "t1", "t0"]
        assert index.find(limit=2, offset=1).total == 4
        assert [entry.place for entry in index.find(limit=2, offset=1).entries] == [1, 2]
        assert index.values("persona") == ["p0", "p1", "p2"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("imk", ["t1"]),
        ("IMKER münchen", ["t1"]),
        ("imker hello", []),
        ("bees", ["t0", "t1", "t2", "t3"]),
        ("养蜂", ["t3"]),
        ("t2", ["t2"]),
        ('"', []),
        ("a' OR 1=1 --", []),
        ("NEAR(", []),
    ],
)
def test_words_are_found_at_the_start_of_words_in_any_script(file: Path, words: str, found: list[str]) -> None:
    with TreeIndex.open(file) as index:
        index.update()
        assert ids(index, words=words) == found


def test_it_counts_pairs_as_the_summary_of_a_corpus_does(tmp_path: Path) -> None:
    trees = [tree(i, winners=(i % 2, (i // 2) % 2)) for i in range(8)]
    with TreeIndex.open(stored(tmp_path, *trees)) as index:
        index.update()
        summary, totals = Summary.of(trees), index.totals()
    assert (totals.labelled, totals.flipped, totals.unjudged) == (summary.labelled, summary.flipped, summary.unjudged)
    assert (totals.trees, totals.utterances) == (summary.trees, summary.utterances)


def test_it_takes_in_what_was_appended_and_nothing_twice(file: Path) -> None:
    with TreeIndex.open(file) as index:
        index.update()
        stored(file.parent, tree(4))
        with file.open("a") as lines:
            lines.write('{"format":"i2a.tree/1","id":"torn')
        index.update()
        assert ids(index) == ["t0", "t1", "t2", "t3", "t4"]
    with TreeIndex.open(file) as again:
        assert again.count == 5
        assert again.end == file.read_bytes().rfind(b"\n")


def test_a_few_at_a_time_come_to_the_same(file: Path) -> None:
    with TreeIndex.open(file) as index:
        assert index.update(3)
        assert index.count == 3
        assert not index.update(3)
        assert ids(index) == ["t0", "t1", "t2", "t3"]


def test_two_that_are_open_share_their_cache(file: Path) -> None:
    with TreeIndex.open(file) as one, TreeIndex.open(file) as other:
        one.update()
        other.update()
        assert ids(one) == ids(other) == ["t0", "t1", "t2", "t3"]
        assert ids(other, words="imker") == ["t1"]


@pytest.mark.parametrize("change", ["sorted", "shorter", "edited", "copied"])
def test_another_file_of_that_name_is_taken_in_anew(file: Path, change: str) -> None:
    with TreeIndex.open(file) as index:
        index.update()
    lines = file.read_text("utf-8").splitlines(keepends=True)
    if change == "sorted":  # as the end of a run does it: a new file, in another order
        other = file.with_name("other")
        other.write_text("".join([lines[2], lines[1], lines[0], lines[3]]), "utf-8")
        other.replace(file)
    elif change == "shorter":
        file.write_text("".join(lines[:2]), "utf-8")
    elif change == "edited":
        file.write_text("".join(lines[1:]) + lines[0] + lines[0], "utf-8")
    else:
        copy = file.parent / "copy"
        copy.mkdir()
        shutil.copytree(file.parent, copy / "run", ignore=lambda *_: ["copy"])
        file = copy / "run/trees.jsonl"
    with TreeIndex.open(file) as index:
        index.update()
        assert ids(index) == [json.loads(line)["id"] for line in file.read_text("utf-8").splitlines()]
        assert ids(index, words="imker") == ["t1"]


def test_a_file_that_is_replaced_while_it_is_open_is_taken_in_anew(file: Path) -> None:
    with TreeIndex.open(file) as index:
        index.update()
        other = file.with_name("other")
        other.write_text("".join(reversed(file.read_text("utf-8").splitlines(keepends=True))), "utf-8")
        other.replace(file)
        index.update()
        assert ids(index) == ["t3", "t2", "t1", "t0"]


def test_a_damaged_cache_or_a_folder_that_takes_none_costs_nothing_but_time(file: Path) -> None:
    cache = file.with_name(CACHE)
    cache.write_bytes(b"no database at all, but long enough to look at " * 40)
    with TreeIndex.open(file) as index:
        index.update()
        assert index.count == 4
    with TreeIndex.open(file) as index:
        assert index.count == 4, "it was replaced on disk"
    cache.unlink()
    cache.mkdir()
    with TreeIndex.open(file) as index:
        index.update()
        assert ids(index, words="imker") == ["t1"]


def test_a_cache_that_is_damaged_further_on_is_built_anew_when_that_is_noticed(tmp_path: Path) -> None:
    file = stored(tmp_path, *map(tree, range(300)))
    with TreeIndex.open(file) as index:
        index.update()
    cache = file.with_name(CACHE)
    whole = cache.read_bytes()
    cache.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with TreeIndex.open(file) as index:
        while index.update(100):
            pass
        assert len(ids(index, "longest")) == 100
        assert ids(index, words="hello")
        while index.update(100):
            pass
        assert index.count == 300
    with TreeIndex.open(file) as index:
        assert index.count == 300


@pytest.mark.parametrize("line", ["[]", "{", '{"id": "t"}', "null"])
def test_a_line_that_is_no_tree_is_told_with_its_place_and_what_precedes_it_is_there(file: Path, line: str) -> None:
    with file.open("a") as lines:
        lines.write(line + "\n")
    with TreeIndex.open(file) as index:
        with pytest.raises(UsageError, match=r"trees\.jsonl:5: not a tree"):
            index.update()
        assert ids(index) == ["t0", "t1", "t2", "t3"]


def test_a_disagreement_is_of_two_orders_or_of_two_judges_two_points_apart() -> None:
    rated = json.loads(dump(tree(0, winners=(0, 1), score=2)))
    rated["nodes"][1]["notes"]["ratings"]["k"] = {"score": 4, "reason": ""}
    rated["nodes"][2]["notes"] = {"ratings": {"j": {"score": None, "reason": ""}}}
    known = describe(rated)
    assert (known.score, known.disagreements, known.replies) == (3.0, 2, 2)
