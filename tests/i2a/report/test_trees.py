"""What the explorer gets is what the runs hold: every tree, and an index that tells the truth about each."""

import json
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.report.trees import PART, entry, pack, unpacked


def tree(id: str, *nodes: dict[str, Any], **options: str) -> dict[str, Any]:
    persona = {"id": "p1+t1", "profile": "He keeps bees.", "personality": "He is blunt."}
    return {"format": "i2a.tree/1", "id": id, "persona": persona, "options": options, "nodes": list(nodes)}


def node(id: int, parent: int | None, speaker: str, *winners: int | None, **ratings: int | None) -> dict[str, Any]:
    verdicts = [{"first": 1, "second": 2, "winner": winner, "reason": ""} for winner in winners]
    notes = {"ratings": {judge: {"score": score, "reason": ""} for judge, score in ratings.items()}}
    return {"id": id, "parent": parent, "speaker": speaker, "content": "", "verdicts": verdicts, "notes": notes}


def stored(folder: Path, *trees: dict[str, Any]) -> Path:
    file = folder / "trees.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in trees), "utf-8")
    return file


def test_every_tree_comes_back_from_its_part(tmp_path: Path) -> None:
    count = 2 * PART + 3
    packed = pack([("a", stored(tmp_path, *(tree(f"t{i}") for i in range(count))))])
    assert packed.count == count
    index, parts = unpacked(packed.index), [unpacked(part) for part in packed.parts]
    assert [parts[i // index["part"]][i % index["part"]]["id"] for i in range(count)] == [f"t{i}" for i in range(count)]
    assert [known[1] for known in index["trees"]] == [f"t{i}" for i in range(count)]
    assert index["personas"] == {"p1+t1": ["He keeps bees.", "He is blunt."]}


def test_a_limit_holds_for_each_run_spreads_over_it_and_is_told(tmp_path: Path) -> None:
    file = stored(tmp_path, *(tree(f"t{i}") for i in range(6)))
    packed = pack([("a", file), ("b", file)], limit=2)
    assert [known[:2] for known in unpacked(packed.index)["trees"]] == [[0, "t0"], [0, "t3"], [1, "t0"], [1, "t3"]]
    assert packed.sampled == {"a": 6, "b": 6}
    assert pack([("a", file)], limit=0).count == 0
    assert pack([("a", file)], limit=6).sampled == {}


def test_the_score_is_the_mean_of_the_ratings_and_unscored_replies_have_none() -> None:
    found = entry(0, tree("t", node(0, None, "user"), node(1, 0, "candidate", a=4), node(2, 0, "candidate", a=None)))
    assert found[5:] == [2, 4, 0]
    assert entry(0, tree("t", node(0, None, "user"), node(1, 0, "candidate", a=None)))[6] is None


@pytest.mark.parametrize(("winners", "disagreements"), [((1, 1), 0), ((1, 2), 1), ((1, None), 0), ((), 0)])
def test_two_orders_disagree_where_they_name_two_winners(winners: tuple[int | None, ...], disagreements: int) -> None:
    assert entry(0, tree("t", node(0, None, "user", *winners)))[7] == disagreements


@pytest.mark.parametrize(("scores", "disagreements"), [((2, 4), 1), ((3, 4), 0), ((None, 5), 0)])
def test_two_judges_disagree_from_two_points_on(scores: tuple[int | None, int], disagreements: int) -> None:
    found = entry(0, tree("t", node(0, None, "user"), node(1, 0, "candidate", a=scores[0], b=scores[1])))
    assert found[7] == disagreements


@pytest.mark.parametrize("line", ["[]", "{", '{"id": "t"}', "null"])
def test_a_line_that_is_no_tree_is_told_with_its_place(tmp_path: Path, line: str) -> None:
    file = stored(tmp_path, tree("t"))
    with file.open("a") as lines:
        lines.write(line + "\n")
    with pytest.raises(UsageError, match=r"trees\.jsonl:2: not a tree"):
        pack([("a", file)])


def test_a_run_that_is_still_going_or_was_killed_is_shown_up_to_its_last_whole_tree(tmp_path: Path) -> None:
    file = stored(tmp_path, tree("t0"), tree("t1"))
    with file.open("a") as lines:
        lines.write('{"format":"i2a.tree/1","id":"aloe-2","sc')
    assert pack([("a", file)]).count == 2
