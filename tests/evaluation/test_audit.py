"""The audit tells a simulated user that plays its person from one that does not."""

import json
from pathlib import Path

import pytest

from evaluation.audit import Audit, audit_counts
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, Tree, Utterance

PERSONA = Persona(
    "", "She is a baker. She has two cats named Salt and Pepper. She plays the accordion.", "She is blunt."
)


def said(*messages: str, inferred: list[str] | None = None, candidate: str = "a") -> Tree:
    """A dialogue in which the user says `messages`; the Inducer speaks after the last one."""
    tree, here = Tree(f"{candidate}/c", "evaluation", PERSONA, 0, {"candidate": candidate, "case": "c"}), None
    for text in messages:
        message = tree.add(here, Utterance("user", text))
        here = tree.keep(tree.add(message, Utterance("candidate", "I see.")))
    if inferred is not None:
        message.inference = Inference(reason="so", profile=inferred, personality=[])
    return tree


def test_a_person_that_reveals_itself_step_by_step_gives_no_cause_for_complaint() -> None:
    found = audit_counts(said("Hello.", "My cats Salt and Pepper, two of them, slept.", "I am a baker."), 3).as_json()
    assert found["revealed_by_turn"] == [0, pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert [found[name] for name in ("invented", "role_reversal", "repetition", "early_ending")] == [0, 0, 0, 0]
    assert found["examples"] == {}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("invented", "My dog ate my boots."),
        ("invented", "I play guitar in the evening."),
        ("invented", "Some code of mine works, and I've no idea why."),
        ("role_reversal", "How can I help you today?"),
        ("role_reversal", "Try this:\n1. Breathe.\n2. Sleep."),
        ("role_reversal", "Feel free to reach out whenever you like."),
        ("repetition", "Hello, nice day!"),
        ("early_ending", "Well, I have to go. Take care!"),
        ("early_ending", "Goodbye then."),
    ],
)
def test_each_fault_is_counted_and_shown(kind: str, message: str) -> None:
    found = audit_counts(said("Hello, nice day.", message, "The oven was hot."), 3).as_json()
    assert found[kind] == pytest.approx(1 if kind == "early_ending" else 1 / 3)
    assert found["examples"] == {kind: [message]}


@pytest.mark.parametrize(
    "message", ["Do you have a dog?", "Your guitar sounds fine.", "I must go to the dentist.", "Can you help me?"]
)
def test_what_a_person_may_well_say_is_no_fault(message: str) -> None:
    assert audit_counts(said("Hello.", message, "So."), 3).as_json()["examples"] == {}


def test_a_farewell_at_the_end_is_in_time_and_a_dialogue_that_is_too_short_is_not() -> None:
    assert audit_counts(said("Hello.", "Goodbye then."), 2).ended_early == 0
    assert audit_counts(said("Hello.", "So."), 3).ended_early == 1


@pytest.mark.parametrize(
    ("inferred", "precision", "recall"),
    [
        (["She is a baker", "She plays the accordion"], 0.5, 0.5),
        (["She is a baker", "two cats"], 1.0, 1.0),
        (["She is a baker", "two cats named Salt and Pepper"], 0.5, 1.0),
        ([], None, 0.0),
    ],
)
def test_the_inducer_is_measured_against_what_was_said(
    inferred: list[str], precision: float | None, recall: float
) -> None:
    found = audit_counts(said("I am a baker.", "My two cats are asleep.", inferred=inferred), 2).as_json()["inducer"]
    assert (found["precision"], found["recall"]) == (precision, recall)


def test_the_findings_of_candidates_add_up_and_replayed_users_count_once() -> None:
    trees = [said("Hello.", "I am a baker."), said("Hello.", "My dog barks.", "So.", candidate="b")]
    for replayed, dialogues in ((False, 2), (True, 1)):
        audit = Audit(3, replayed=replayed)
        for tree in trees:
            audit.add(tree)
        assert audit.all.dialogues == dialogues
        assert set(audit.as_json()["candidates"]) == (set() if replayed else {"a", "b"})
    both = audit_counts(trees[0], 3) + audit_counts(trees[1], 3)
    assert both.messages == 5
    assert both.as_json()["revealed_by_turn"] == [0, pytest.approx(1 / 6), 0]


SCRIPTS = Path(__file__).parents[1] / "fixtures" / "foreign" / "scripts.json"
CHINESE = json.loads(SCRIPTS.read_text("utf-8"))["Chinese"][0].split("\u3002")


def spoken(*messages: str, language: str = "") -> Tree:
    fields = {"language": language} if language else {}
    tree = Tree("c", "evaluation", Persona("p", "She has a dog called Rex.", "Blunt.", fields=fields), 0)
    here = None
    for message in messages:
        here = tree.add(here, Utterance("user", message))
        here = tree.keep(tree.add(here, Utterance("candidate", "Ja.")))
    return tree


@pytest.mark.parametrize(
    ("language", "messages"),
    [
        ("German", ["Moin.", "Ich war heute mit dem Hund am Fluss und er ist nicht ins Wasser gegangen."]),
        ("", ["Ich war heute mit dem Hund am Fluss.", "Er ist nicht ins Wasser gegangen, und ich auch nicht."]),
        ("", CHINESE[:2]),
    ],
)
def test_what_rules_for_english_cannot_tell_of_another_language_is_not_counted_as_fine(
    language: str, messages: list[str]
) -> None:
    counts = audit_counts(spoken(*messages, language=language), 2)
    assert (counts.messages, counts.not_english) == (2, 2)
    stored = counts.as_json()
    assert stored["not_english"] == 2
    assert (stored["invented"], stored["role_reversal"], stored["repetition"]) == (None, None, 0.0)


def test_repetition_is_found_in_any_script() -> None:
    assert audit_counts(spoken(CHINESE[0], f"{CHINESE[0]}!"), 2).repeated == 1
    assert audit_counts(spoken(*CHINESE[:2]), 2).repeated == 0


def test_english_is_read_as_ever() -> None:
    counts = audit_counts(spoken("How can I help you?", "I like the river and the dog.", language="English"), 2)
    assert (counts.not_english, counts.reversed) == (0, 1)
    assert "not_english" not in counts.as_json()
