"""Candidates choose: what they are shown, what their answers count for, and that a run can be continued."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluation.choice.baselines import BaselineChoices, by_overlap, overlap
from evaluation.choice.items import ItemSet
from evaluation.choice.run import choose, some
from evaluation.choice.settings import Choosing
from i2a.errors import BudgetSpent, UsageError
from i2a.models.model import Message
from i2a.testing import Request, ScriptedModel
from tests.evaluation.choice.parts import LLM, Likely, accuracy, by_letter, chosen_by, items, options, stored

FITS = "Ha! And the"


def perfect(replies: Mapping[str, str], request: Request) -> str:
    return next(letter for letter, text in replies.items() if text.startswith(FITS))


def test_a_perfect_chooser_gets_everything_right(tmp_path: Path) -> None:
    result = chosen_by(tmp_path, by_letter(perfect))
    assert accuracy(result) == 100
    assert result.written["strata"]["all"]["it"]["errors"] == {"facts": 0, "manner": 0, "generic": 0}


def test_no_interval_of_an_accuracy_leaves_0_to_100(tmp_path: Path) -> None:
    result = chosen_by(
        tmp_path, by_letter(lambda replies, request: perfect(replies, request) if "cat" in request.text else "A")
    )
    found = result.written["strata"]["all"]["it"]
    ends = [end for level in (found["accuracy"], *found["by_turn"]) for end in level["interval"] or ()]
    assert max(ends) == 100
    assert min(ends) >= 0


def test_a_few_cases_are_people_of_all_kinds_and_more_of_them_hold_them() -> None:
    whole = items(profiles=12, personalities=5)
    few, more = ({d.case for d in some(whole, count, seed=0).dialogues} for count in (10, 20))
    assert few < more
    profiles, personalities = zip(*(case.split("+") for case in few), strict=True)
    assert len(set(profiles)) > 5
    assert len(set(personalities)) > 3


@pytest.mark.parametrize("letter", "ABCD")
def test_who_always_takes_the_same_place_is_right_in_exactly_a_quarter(tmp_path: Path, letter: str) -> None:
    result = chosen_by(tmp_path, by_letter(lambda replies, request: letter))
    found = result.written["strata"]["all"]["it"]
    assert accuracy(result) == 25
    assert (found["accuracy"]["interval"], found["slope"]["value"]) == ((25, 25), 0)
    assert found["errors"] == {"facts": 0.25, "manner": 0.25, "generic": 0.25}


def test_each_reply_has_each_place_once(tmp_path: Path) -> None:
    model = by_letter(perfect)
    chosen_by(tmp_path, model, cases=1)
    assert model.calls["candidate"] == 2 * 4
    for turn in (2, 3):
        asked = [options(request) for request in model.requests if f"Day {turn} was long.\n</dialogue>" in request.text]
        assert len(asked) == 4
        for letter in "ABCD":
            assert len({replies[letter] for replies in asked}) == 4


def test_a_chooser_by_common_words_is_the_baseline_of_that_name(tmp_path: Path) -> None:
    def echo(messages: Any, reply: str) -> float:
        return overlap([message.content for message in messages if message.role == "user"], reply)

    result = chosen_by(tmp_path, Likely(echo))
    for stratum in ("all", "hard"):
        rows = result.written["strata"][stratum]
        for number in ("accuracy", "slope", "by_turn", "errors", "scored"):
            assert rows["it"][number] == rows["word overlap"][number]


def test_what_word_overlap_and_length_get_right_is_not_hard(tmp_path: Path) -> None:
    every = items()
    simple = BaselineChoices.of(every.dialogues)
    hard = [(d.case, i.turn) for d in every.dialogues for i in d.items if simple.is_hard(d.case, i.turn)]
    result = chosen_by(tmp_path, by_letter(perfect))
    assert result.written["counts"] == {"hard": len(hard), "all": 24} == {"hard": 12, "all": 24}
    assert accuracy(result, "hard") == 100
    assert accuracy(result, "hard", "word overlap") == 0
    for dialogue in every.dialogues:
        for item in dialogue.items:
            right = by_overlap(dialogue, item)["fits"] == 1
            assert simple.is_hard(dialogue.case, item.turn) == (not right) == (item.turn == 3)


def test_an_answer_that_is_no_letter_leaves_an_item_without_a_choice_and_says_why(tmp_path: Path) -> None:
    def answer(request: Any) -> str:
        return "I like them all." if "Day 3 was long.\n</dialogue>" in request.text else '{"letter": "A"}'

    result = chosen_by(tmp_path, ScriptedModel(answer))
    found = result.written["strata"]["all"]["it"]
    assert (found["scored"], found["unscored"]) == (12, 12)
    assert accuracy(result) == 25
    assert [level["value"] for level in found["by_turn"]] == [None, 25, None]
    ((reason, count),) = result.written["reasons"]["it"].items()
    assert "no usable answer in 4 tries" in reason
    assert count == 12


@pytest.mark.parametrize(
    "form", ["{}", " {} ", "({}).", "**{}**", '{{"letter": "{}"}}', '```json\n{{"letter": "{}"}}\n```']
)
def test_a_bare_letter_is_an_answer_too(tmp_path: Path, form: str) -> None:
    model = ScriptedModel(lambda request: form.format(perfect(options(request), request)))
    assert accuracy(chosen_by(tmp_path, model)) == 100
    assert model.calls["candidate"] == 24 * 4, "nothing had to be repaired"


def test_a_likelihood_counts_per_token(tmp_path: Path) -> None:
    # In all, the longer replies are less likely than "How nice."; per word, the one that fits is the likeliest.
    model = Likely(lambda messages, reply: -1.0 if reply.startswith(FITS) else -1.2)
    assert accuracy(chosen_by(tmp_path, model)) == 100
    line = json.loads((tmp_path / "run/choices.jsonl").read_text("utf-8").splitlines()[0])
    assert line["scores"] == pytest.approx({"fits": -1.0, "facts": -1.2, "manner": -1.2, "generic": -1.2})


def test_an_implicit_reward_is_the_difference_to_the_reference_over_the_whole_reply(tmp_path: Path) -> None:
    before = Likely(lambda messages, reply: -1.0)
    after = Likely(lambda messages, reply: -0.9 if reply.startswith(FITS) else -1.0)
    config = Choosing(
        out=tmp_path / "run", candidates=[f"it={LLM}"], items=stored(tmp_path), reference="hf:base", quiet=True
    )
    result = choose(config, clients={"it": after, "reference": before})
    assert accuracy(result) == 100
    line = json.loads((tmp_path / "run/choices.jsonl").read_text("utf-8").splitlines()[0])
    assert line["scores"] == pytest.approx({"fits": 4 * 0.1, "facts": 0, "manner": 0, "generic": 0})
    assert result.written["reference"] == "client:Likely"


def test_equally_likely_replies_share_the_choice(tmp_path: Path) -> None:
    assert accuracy(chosen_by(tmp_path, Likely(lambda messages, reply: -1.0))) == 25


def remembers(messages: Any, reply: str) -> float:
    """Likes what speaks of an animal that was mentioned, and a laugh after a laugh in an earlier message."""
    said = " ".join(message.content for message in messages)
    knows = any(animal in said and animal in reply for animal in ("cat", "goat", "parrot", "mule"))
    return knows + reply.startswith("Ha!")


def test_shuffled_and_last_take_away_what_a_history_gives(tmp_path: Path) -> None:
    models = {name: Likely(remembers) for name in ("plain", "shuffled", "last", "oracle")}
    candidates = [f"{name}={'' if name == 'plain' else f'{name}:'}{LLM}" for name in models]
    config = Choosing(out=tmp_path / "run", candidates=candidates, items=stored(tmp_path), quiet=True)
    result = choose(config, clients=models)
    found = {name: accuracy(result, name=name) for name in models}
    assert (found["plain"], found["oracle"]) == (100, 100)
    assert found["last"] == 50  # laughs alike: "fits" and "facts"
    assert found["shuffled"] is not None
    assert found["shuffled"] < 50
    whole = ["Ha! I have a cat.", "Oh.", "Ha! Day 2 was long."]
    assert said(models["plain"])[0] == whole
    assert said(models["last"])[0] == whole[-1:]
    assert said(models["shuffled"])[0][1:] == whole[1:]
    assert "cat" not in said(models["shuffled"])[0][0]
    assert models["oracle"].asked[0][0].role == "system"
    assert "She has a cat." in models["oracle"].asked[0][0].content
    assert not any(message.role == "system" for asked in models["plain"].asked for message in asked)


def said(model: Likely) -> list[list[str]]:
    return [[message.content for message in messages] for messages in model.asked]


def test_the_roles_of_the_chat_alternate(tmp_path: Path) -> None:
    model = Likely(remembers)
    chosen_by(tmp_path, model, cases=1)
    assert model.asked[0] == [
        Message("user", "Ha! I have a cat."),
        Message("assistant", "Oh."),
        Message("user", "Ha! Day 2 was long."),
    ]


def test_a_run_that_was_stopped_goes_on_from_the_journal(tmp_path: Path) -> None:
    model = by_letter(perfect)
    with pytest.raises(BudgetSpent):
        chosen_by(tmp_path, model, max_tokens=200, concurrency=1, max_calls=1).run.raise_for_status()
    assert not (tmp_path / "run/summary.json").exists()
    before = len(model.requests)
    whole = chosen_by(tmp_path, model, resume=True)
    assert accuracy(whole) == 100
    assert len(model.requests) == 24 * 4, "no answer was paid for twice"
    assert before == 10
    again = chosen_by(tmp_path, model, resume=True)
    assert (again.written["strata"], len(model.requests)) == (whole.written["strata"], 24 * 4)


def test_who_is_measured_does_not_make_a_run_simulated(tmp_path: Path) -> None:
    from i2a.report.runs import Run

    config = Choosing(out=tmp_path / "run", candidates=["offline:generic"], items=stored(tmp_path), quiet=True)
    choose(config)
    found = Run.read(tmp_path / "run")
    assert (found.kind, found.simulated) == ("choice", False)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"candidates": []}, "name at least one candidate"),
        ({"candidates": ["offline", "offline"]}, "cannot name a candidate twice"),
        ({"candidates": ["reminder:offline"]}, "reminder: says how to write, and nothing is written here"),
        ({"candidates": ["last:shuffled:offline"]}, "stands before a model, not before shuffled:"),
        ({"candidates": ["offline"], "reference": "hf:x"}, "--reference needs log-probabilities"),
        ({"candidates": ["offline"], "method": "logprobs"}, "--method logprobs needs log-probabilities"),
        ({"candidates": ["offline"], "baseline": "b"}, "--baseline 'b' is no candidate"),
        ({"candidates": ["offline"], "cases": 99}, "there are items of 12 dialogues"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path: Path, more: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        choose(Choosing(out=tmp_path / "run", items=stored(tmp_path), **more))
    assert not (tmp_path / "run").exists()


def test_a_file_of_items_that_was_changed_is_refused(tmp_path: Path) -> None:
    file = stored(tmp_path)
    file.write_text(file.read_text("utf-8").replace("How nice.", "How very nice.", 1), "utf-8")
    with pytest.raises(UsageError, match="a line was changed, added or lost"):
        ItemSet.read(file)
    file.write_text('{"format": "something"}\n', "utf-8")
    with pytest.raises(UsageError, match="not a file of items"):
        ItemSet.read(file)


# Where the person changes


def changing(folder: Path, change: int, **more: Any) -> Path:
    """Items whose people change at this turn."""
    made = items(**more)
    ItemSet(made.header.model_copy(update={"change": change}), made.dialogues).write(folder / "items.jsonl")
    return folder / "items.jsonl"


def test_around_a_change_it_shows_who_still_chooses_the_old_manner(tmp_path: Path) -> None:
    def stubborn(messages: Sequence[Message], reply: str) -> float:
        late = sum(message.role == "user" for message in messages) >= 4
        old = "one would think" in reply or "One does wonder" in reply if late else reply.startswith(FITS)
        return 0.0 if old else -9.0

    def alert(messages: Sequence[Message], reply: str) -> float:
        return 0.0 if reply.startswith(FITS) else -9.0

    file = changing(tmp_path, 4, turns=(2, 3, 4, 5))
    config = Choosing(out=tmp_path / "run", candidates=[f"clings={LLM}", f"turns={LLM}"], items=file, quiet=True)
    result = choose(config, clients={"clings": Likely(stubborn), "turns": Likely(alert)})
    found = result.written["course"]["all"]
    assert {name: found[name]["clings"]["value"] for name in ("clings", "turns")} == {"clings": 100, "turns": -100}
    assert (found["turns"]["follows"]["value"], found["turns"]["lets_go"]["value"]) == (0, 0)
    assert found["clings"]["lets_go"]["value"] is None
    assert found["turns"]["minus_baseline"]["after"]["value"] == 100


def test_nobody_can_be_told_of_one_persona_where_it_changes(tmp_path: Path) -> None:
    config = Choosing(out=tmp_path / "run", candidates=["oracle:offline"], items=changing(tmp_path, 3))
    with pytest.raises(UsageError, match="told of one persona"):
        choose(config)
