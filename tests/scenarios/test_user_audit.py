"""A message that gives the simulated person away is found, and what people say is not."""

from collections.abc import Sequence

import pytest

from agents.user import User
from i2a.personas.pool import PersonaPool
from i2a.trees.persona import Persona
from i2a.trees.tree import Utterance
from scenarios.user_audit import is_foreign, language, loops, person_audit, script
from tests.fakes import ScriptedClient

ANNA = Persona("p", "She is 41 and bakes bread in a small shop in Lyon. She has a dog.", "Blunt, funny, impatient.")
LI = Persona("q", "她四十一岁 在里昂的一家小店里做面包 养了一条狗。", "直率、风趣、没有耐心。")


def faults(message: str, *before: str, persona: Persona = ANNA) -> Sequence[str]:
    dialogue = [Utterance("user" if i % 2 == 0 else "assistant", said) for i, said in enumerate(before)]
    return person_audit(User("user", ScriptedClient(), **persona.values), dialogue, message)


@pytest.mark.parametrize(
    "message",
    [
        "I'm here to help you find your next opportunity.",  # SmolLM2-135M-Instruct, turn 2
        "How can I assist you today?",
        "Feel free to ask if anything comes up!",
        "1. Knead it.\n2. Let it rest.",
    ],
)
def test_the_talk_of_assistants_is_found(message: str) -> None:
    assert "role_reversal" in faults(message)


@pytest.mark.parametrize(
    "message",
    [
        "I'm the AI designed to help people to find their way.",  # the same model, its first words as the user
        "I'm not a chatbot. I'm thrilled to meet you.",
        "I am just a language model, after all.",
        "My profile says that I bake bread.",
        "Sorry, my instructions do not allow that.",
        "Oh really?\nAssistant: Yes, really.",
    ],
)
def test_who_leaves_the_role_is_found(message: str) -> None:
    assert "out_of_role" in faults(message)


def test_what_was_said_before_is_found_whoever_said_it() -> None:
    first, reply = "The oven broke again this morning, of course.", "Oh no, what happened to that oven of yours?"
    assert faults(first, first, reply) == ["repetition"]
    assert faults("Oh no, what happened to that oven of yours!", first, reply) == ["repetition"]
    assert faults("Nothing new. The repairman comes on Monday.", first, reply) == []
    assert faults("Yes.", "Yes.", "Really?") == []


def test_a_message_that_runs_in_a_circle_is_found() -> None:
    assert loops("I'm happy to meet you. " * 4)
    assert loops("很高兴认识你。" * 3)
    assert not loops("No. No. No! I said no.")
    assert not loops("I bake. I sell what I bake. Then I sleep.")


@pytest.mark.parametrize(
    "message",
    [
        "Der Ofen ist heute wieder nicht warm geworden, und ich habe es erst um vier Uhr morgens gemerkt.",
        "Le four est encore en panne et je ne sais pas ce que je vais faire avec toute la pâte pour les clients.",
        "今天早上烤箱又坏了 我真不知道该怎么办。",
        "Сегодня утром печь опять сломалась, и я не знаю, что делать.",
    ],
)
def test_another_language_than_the_persons_is_found(message: str) -> None:
    assert faults(message) == ["wrong_language"]


def test_a_person_may_write_the_language_of_its_profile() -> None:
    assert faults("今天早上烤箱又坏了 我真不知道该怎么办。", persona=LI) == []
    assert faults("Сегодня утром печь опять сломалась, и я не знаю, что делать.", persona=LI) == ["wrong_language"]
    german = Persona("r", ANNA.profile + " At home she speaks German.", ANNA.personality)
    assert faults("Der Ofen ist nicht warm, und ich habe es nicht gemerkt.", persona=german) == []


def test_what_cannot_be_told_is_no_fault() -> None:
    assert script("ok") == script("12 + 3") == language("Ciao!") == ""
    assert not is_foreign("Voilà!", [ANNA.profile])
    assert language("the cat and the dog and you") == "English"


def test_no_persona_that_comes_with_us_is_at_fault_when_it_quotes_itself() -> None:
    """False alarms: every sentence of 40 persona halves as a message."""
    pool = PersonaPool.read(None, None)
    for persona in pool.draw(20, 0):
        for text in (persona.profile, persona.personality):
            for sentence in text.split(". "):
                assert faults(sentence, persona=persona) == [], sentence
