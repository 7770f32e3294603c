"""Items are what they say: one reply recalls what this person revealed, the others do not, and words do not tell."""

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.choice.baselines import BaselineChoices, overlap
from evaluation.choice.build import build_items, command_of, dialogue_of, plan_build
from evaluation.choice.drafts import Draft, balanced, lead, recalled, recalls_earlier
from evaluation.choice.items import OPTIONS, SHIPPED, ItemSet
from evaluation.choice.settings import ItemBuild
from i2a import jsonl
from i2a.errors import UsageError
from i2a.runs.runner import execute
from i2a.testing import Request, ScriptedModel
from i2a.trees.json import read
from scenarios import Simulation, simulate
from tests.fakes import mark


def built(folder: Path, **more: Any) -> ItemSet:
    result = build_items(ItemBuild(out=folder / "items", quiet=True, **more))
    assert result.items is not None
    return result.items


# The items that come with i2a


async def test_the_shipped_items_are_what_their_command_makes(tmp_path: Path) -> None:
    config = ItemBuild(out=tmp_path / "items", every=1, drafts=6, quiet=True)
    shipped = ItemSet.read()
    assert command_of(config) == shipped.header.command
    plan, _ = plan_build(config)
    some = replace(plan, trees=plan.trees[:2])
    await execute(some, config)
    lines = [line.text for line in jsonl.lines(SHIPPED)][1:]
    for tree in read(tmp_path / "items/trees.jsonl"):
        made = dialogue_of(tree)
        assert made is not None
        expected = next(line for line in lines if json.loads(line)["case"] == tree.id)
        assert jsonl.dumps(made.model_dump()).encode() == expected, (
            f"the simulator writes other items now; make them again: {shipped.header.command}"
        )


def test_of_the_shipped_items_words_and_length_tell_little() -> None:
    shipped = ItemSet.read()
    simple = BaselineChoices.of(shipped.dialogues)
    count = sum(len(dialogue.items) for dialogue in shipped.dialogues)
    assert count > 400
    assert sum(share["fits"] for share in simple.overlap.values()) / count < 0.33
    assert sum(share["fits"] for share in simple.length.values()) / count < 0.28
    assert shipped.header.simulated
    assert len({dialogue.profile for dialogue in shipped.dialogues}) == 20
    assert SHIPPED.stat().st_size < 500_000


def test_the_shipped_replies_that_fit_recall_an_earlier_message_and_generic_ones_nothing() -> None:
    for dialogue in ItemSet.read().dialogues:
        for item in dialogue.items:
            said = dialogue.until(item.turn)[::2]
            leads = {lead(message) for message in said}
            assert not lead(item.options["manner"]) or lead(item.options["manner"]) not in leads
            assert len(set(item.options.values())) == 4
            assert item.turn > 1


# What makes items


def test_the_same_build_gives_the_same_bytes_however_often_it_was_cut_off(tmp_path: Path) -> None:
    whole = built(tmp_path / "whole", cases=4, turns=4)
    assert whole.dialogues
    config = ItemBuild(out=tmp_path / "cut", cases=4, turns=4, quiet=True)
    first = build_items(config.model_copy(update={"max_tokens": 20_000, "concurrency": 2}))
    assert first.items is None
    assert first.run.stopped is not None
    second = build_items(config.model_copy(update={"resume": True}))
    assert second.items == whole
    files = [folder / "items.jsonl" for folder in (tmp_path / "whole/items", tmp_path / "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert ItemSet.read(tmp_path / "cut") == whole


def test_a_corpus_makes_items_of_its_own_dialogues(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "corpus", conversations=6, turns=5, quiet=True))
    found = built(tmp_path, source=tmp_path / "corpus", every=1)
    trees = {tree.id: tree for tree in read(tmp_path / "corpus/trees.jsonl")}
    assert found.dialogues
    for dialogue in found.dialogues:
        (end,) = trees[dialogue.case].ends
        assert dialogue.messages == [node.content for node in end.path][: len(dialogue.messages)]
        assert found.persona(dialogue).profile == trees[dialogue.case].persona.profile
    assert found.header.provenance == "dialogues stored in corpus"
    assert f"--from {tmp_path / 'corpus'}" in found.header.command


def hinted(request: Request) -> str:
    """An LLM that repeats the first thing that its hint says of the person, and has a lead for each manner."""
    sign = mark(request.text, request.seed)
    match request.role:
        case "inducer":
            known = request.text.partition("<profile>\n")[2].partition("\n</profile>")[0]
            facts = known.split(". ")
            return json.dumps(
                {"reason": "so", "profile": facts[: 1 + request.text.count("User:") % 3], "personality": []}
            )
        case "preferred":
            hint = request.text.partition("<known>\n")[2].partition("\n</known>")[0]
            facts = [line.removeprefix("- ") for line in hint.splitlines() if line.startswith("- ")] or ["nothing"]
            kind = "Gosh" if "Personality:" in hint else "Well"
            return f"{kind}, {facts[int(sign, 16) % len(facts)]} {sign}."
    return f"{sign}."


def test_an_llm_writes_items_too_and_they_are_not_simulated(tmp_path: Path) -> None:
    model = ScriptedModel(hinted)
    config = ItemBuild(out=tmp_path / "items", cases=6, turns=4, model="openai:x@http://localhost:1/v1", quiet=True)
    result = build_items(config, clients={config.model: model})
    assert result.items is not None
    header = result.items.header
    assert (header.simulated, header.writer["preferred"]["model"]) == (False, config.model)
    for dialogue in result.items.dialogues:
        for item in dialogue.items:
            assert item.options["fits"].startswith("Well, ")
            assert item.options["manner"].startswith("Gosh, ")
            assert set(item.options) == set(OPTIONS)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"role_model": {"judge": "offline"}}, "a build has no role 'judge'"),
        ({"source": Path("x"), "profiles": Path("y")}, "leave out --profiles and --personalities"),
        ({"cases": 1}, "at least two profiles and two personalities"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, more: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        build_items(ItemBuild(out=tmp_path / "items", **more))
    assert not (tmp_path / "items").exists()


# The rules


def test_a_line_is_recalled_by_two_of_its_words() -> None:
    lines = ["She keeps bees on the roof.", "She is learning Welsh.", "Fishing."]
    assert recalled("How are the bees up on your roof?", lines) == lines[:1]
    assert recalled("How are the bees?", lines) == []
    assert recalled("Still learning Welsh, and fishing?", lines) == lines[1:]


def test_what_the_last_message_says_itself_is_nothing_recalled() -> None:
    lines = ["She keeps bees on the roof."]
    assert not recalls_earlier("Bees on the roof!", lines, "My bees left the roof today.")
    assert recalls_earlier("Are the bees on the roof well?", lines, "The wind took the roof.")


def test_a_lead_is_what_opens_a_sentence_before_a_pause() -> None:
    assert lead("To be fair, it rained.") == "to be fair"
    assert lead("Haha! No.") == "haha"
    assert lead("It rained all day, I think.") == ""


def test_the_reply_that_fits_has_each_place_by_common_words_equally_often() -> None:
    said = ["bees roof welsh fishing boat kite jam"]
    words = ["bees", "bees roof", "bees roof welsh", "bees roof welsh fishing", "bees roof welsh fishing boat"]

    def drafts(opening: str, lines: frozenset[str]) -> list[Draft]:
        return [Draft(f"{opening}, {text} and so on", "", lines) for text in words]

    places: Counter[int] = Counter()
    for seed in range(400):
        item = balanced(
            said,
            drafts("One", frozenset({"a"})),
            drafts("Two", frozenset({"b"})),
            drafts("Three", frozenset({"a"})),
            drafts("Four", frozenset()),
            random.Random(seed),
        )
        assert item is not None
        mine, *others = (overlap(said, draft.text) for draft in item)
        places[sum(other > mine for other in others)] += 1
    assert all(70 < places[place] < 130 for place in range(4)), places


def test_drafts_that_are_not_of_their_kind_make_no_item() -> None:
    fits = [Draft("One, bees", "", frozenset({"bees"}))]
    generic = [Draft("Nice.", "", frozenset())]
    belongs, elsewhere = Draft("Two, bees", "", frozenset({"bees"})), Draft("Two, jam", "", frozenset({"jam"}))
    other = [Draft("Three, bees", "q", frozenset({"bees"}))]
    assert balanced([], fits, [belongs], other, generic, random.Random(0)) is None, "its fact does belong"
    assert balanced([], fits, [elsewhere], [elsewhere], generic, random.Random(0)) is None, "it has another fact"
    assert (
        balanced([], fits, [elsewhere], [Draft("One, oh bees", "q", frozenset({"bees"}))], generic, random.Random(0))
        is None
    )
    assert balanced([], fits, [elsewhere], other, generic, random.Random(0)) is not None


# Where the person changes


def test_around_a_change_the_wrong_manner_is_that_of_the_other_of_the_two(tmp_path: Path) -> None:
    items = built(tmp_path, cases=6, turns=7, every=1, change=5)
    assert (items.header.change, items.described["change"]) == (5, 5)
    assert ItemSet.read(tmp_path / "items") == items
    later = {tree.id: tree.personas["later"] for tree in read(tmp_path / "items/trees.jsonl")}
    sides = Counter[bool]()
    for dialogue in items.dialogues:
        persona = items.persona(dialogue)
        for item in dialogue.items:
            changed = item.turn >= 5
            sides[changed] += 1
            assert item.manner_of == (persona if changed else later[dialogue.case]).id
            since = dialogue.until(item.turn)[8::2] if changed else dialogue.until(item.turn)[::2]
            assert lead(item.options["manner"]) not in {lead(message) for message in since} - {""}
    assert set(sides) == {True, False}


def test_a_build_without_a_change_says_nothing_of_one(tmp_path: Path) -> None:
    items = built(tmp_path, cases=2, turns=4)
    assert "change" not in (tmp_path / "items/items.jsonl").read_text("utf-8").splitlines()[0]
    assert "change" not in items.described


@pytest.mark.parametrize(
    ("more", "why"),
    [({"change": 9, "turns": 4}, "there are 4 turns"), ({"change": 2, "source": Path("runs/x")}, "leave out --change")],
)
def test_a_change_that_cannot_be_is_refused(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    if "source" in more:
        simulate(Simulation(out=tmp_path / "run", conversations=2, turns=2, quiet=True))
        more = {**more, "source": tmp_path / "run"}
    with pytest.raises(UsageError, match=why):
        plan_build(ItemBuild(out=tmp_path / "items", **more))
