"""Rating: blinded items, the same for all raters; every answer is a line of the file that `--ratings` reads."""

import json
from pathlib import Path

import pytest

from evaluation.choices import agreement_on_choices
from evaluation.ratings import read_ratings
from evaluation.scores import ALOE
from i2a.errors import UsageError
from i2a.trees.json import dump
from i2a.trees.persona import Persona
from i2a.trees.tree import RATINGS, Tree, Utterance, Verdict
from i2a.view.rating import SCORES, RatingAnswer, RatingSession, largest_differences
from i2a.view.shelf import Shelf, ShownRun
from tests.i2a.report.folders import run


def evaluated(candidate: str, case: int) -> str:
    options = {"candidate": candidate, "case": f"case{case}"}
    tree = Tree(f"{candidate}/{case}", "evaluation", Persona("p", "Bees.", "Blunt.", "p", "t"), 0, options)
    here = None
    for turn in (1, 2):
        message = tree.add(here, Utterance("user", f"message {turn} of {case}", None, None))
        here = tree.add(message, Utterance("candidate", f"reply {turn}", None, None))
        here.metadata[RATINGS] = {"j": {"score": 1 + case % 5, "reason": ""}}
    return dump(tree) + "\n"


@pytest.fixture
def shown(tmp_path: Path) -> ShownRun:
    trees = "".join(evaluated(name, case) for name in ("tuned", "base") for case in range(5))
    run(tmp_path / "eval", {"protocol": "aloe"}, trees_jsonl=trees)
    found = Shelf([tmp_path]).run(f"{tmp_path.name}/eval")
    assert found is not None
    return found


def session(shown: ShownRun, rater: str, items: int | None = None, overlap: int | None = None) -> RatingSession:
    return RatingSession(shown, rater, items=items, overlap=overlap, seed=0)


def rate(by: RatingSession, score: int = 3) -> str:
    item: str = by.state()["item"]["item"]
    by.answer(RatingAnswer(item=item, score=score))
    return item


def test_nothing_that_is_shown_names_the_source(shown: ShownRun) -> None:
    state = session(shown, "ann").state()
    assert state["total"] == 20
    assert not {"tuned", "base", "candidate", "case"} & set(json.dumps(state["item"]).replace('"', " ").split())
    assert state["scale"] == [1, 2, 3, 4, 5]
    assert any("superfluous" in text for text in state["rubric"])
    assert not any("$" in text or "JSON" in text for text in state["rubric"])


def test_an_answer_is_at_once_a_line_that_ratings_reads(shown: ShownRun) -> None:
    ann = session(shown, "ann")
    rate(ann, 4)
    ann.answer(RatingAnswer(item=ann.state()["item"]["item"], skipped="unreadable", comment="what?"))
    first, second = map(json.loads, (shown.path / SCORES).read_text("utf-8").splitlines())
    assert (first["score"], first["rater"], first["seed"]) == (4, "ann", 0)
    assert (second["score"], second["skipped"], second["comment"]) == (None, "unreadable", "what?")
    assert list(read_ratings(shown.path / SCORES, ALOE)["human:ann"].values()) == [4]


def test_a_new_session_goes_on_where_the_last_one_stopped(shown: ShownRun) -> None:
    done = {rate(session(shown, "ann")) for _ in range(3)}
    state = session(shown, "ann").state()
    assert (len(done), state["done"], state["total"]) == (3, 3, 20)
    assert state["item"]["item"] not in done


def test_going_back_revises_and_counts_once(shown: ShownRun) -> None:
    ann = session(shown, "ann")
    item = rate(ann, 2)
    assert ann.state()["previous"] == item
    assert ann.state(item)["before"]["score"] == 2
    ann.answer(RatingAnswer(item=item, score=5))
    assert ann.state()["done"] == 1
    assert list(read_ratings(shown.path / SCORES, ALOE)["human:ann"].values()) == [5]


def test_raters_share_the_overlap_and_divide_the_rest(shown: ShownRun) -> None:
    ann, bob = session(shown, "ann", 10, 4), session(shown, "bob", 10, 4)
    assert session(shown, "ann", 10, 4).state() == ann.state(), "the seed decides"
    mine = [rate(ann) for _ in range(7)]
    theirs = []
    while bob.state()["item"]:
        theirs.append(rate(bob))
    assert len(theirs) == 10 - 3
    assert len(set(mine) & set(theirs)) == 4
    assert len(set(mine) | set(theirs)) == 10


@pytest.mark.parametrize("given", [{"score": 6}, {"score": 0}, {"choice": "left"}, {}, {"score": 1, "skipped": "x"}])
def test_an_answer_that_does_not_fit_is_refused_and_not_written(shown: ShownRun, given: dict[str, object]) -> None:
    ann = session(shown, "ann")
    with pytest.raises(UsageError):
        ann.answer(RatingAnswer.model_validate({"item": ann.state()["item"]["item"], **given}))
    assert not (shown.path / SCORES).exists()


def test_the_largest_differences_come_first_and_name_the_place(shown: ShownRun) -> None:
    ann = session(shown, "ann")
    while ann.state()["item"]:
        rate(ann, 5)
    found = largest_differences(shown)
    assert [one["apart"] for one in found] == sorted((one["apart"] for one in found), reverse=True)
    assert (found[0]["apart"], found[0]["people"], found[0]["judges"]) == (4.0, [5], {"j": 1})
    assert found[0]["node"] in (1, 3)


def test_two_replies_are_chosen_from_and_the_file_says_which_was_meant(tmp_path: Path) -> None:
    lines = []
    for number in range(12):
        tree = Tree(f"t{number}", "aloe", Persona("p", "Bees.", "Blunt.", "p", "t"), 0)
        message = tree.add(None, Utterance("user", "Hello.", None, None))
        one, other = (tree.add(message, Utterance(name, name, None, None)) for name in ("preferred", "rejected"))
        message.verdicts = [Verdict(one, other, one, "")]
        lines.append(dump(tree) + "\n")
    run(tmp_path / "corpus", {"a": "b"}, trees_jsonl="".join(lines))
    shelf = Shelf([tmp_path])
    found = shelf.run(f"{tmp_path.name}/corpus")
    assert found is not None
    ann = session(found, "ann")
    sides = set()
    while item := ann.state()["item"]:
        side = ["left", "right"][item["replies"].index("preferred")]
        sides.add(side)
        ann.answer(RatingAnswer(item=item["item"], choice=side))
    stored = [json.loads(line) for line in ann.file.read_text("utf-8").splitlines()]
    assert {line["choice"] for line in stored} == {"first"}, "whichever side it stood on"
    assert sides == {"left", "right"}
    assert ann.state()["done"] == 12
    bob = session(found, "bob")
    for _ in range(3):
        item = bob.state()["item"]
        bob.answer(RatingAnswer(item=item["item"], choice=["left", "right"][item["replies"].index("rejected")]))
    apart = largest_differences(found)
    assert [one["apart"] for one in apart] == [1.0] * 3 + [0.0] * 9
    assert (apart[0]["people"], apart[0]["judges"]) == (["first", "second"], {"judge": "first"})
    assert (apart[0]["node"], apart[0]["replies"]) == (0, ["preferred", "rejected"])
    (judge, *_) = agreement_on_choices(found.path, ann.file).pairs
    assert (judge.second, judge.replies, judge.equal) == ("human:ann", 12, 1.0)
    shelf.close()
