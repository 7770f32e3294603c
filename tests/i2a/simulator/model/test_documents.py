"""What the base model reads: everything to be recalled was said, and only who asks is answered personally."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from i2a.simulator.language.text import stems
from i2a.simulator.model.documents import (
    ABOUT_IT,
    AROUND,
    ASSISTANT,
    END,
    NOTHING,
    USER,
    Document,
    dense_recall,
    fitting,
    invented,
    long_recall,
    person,
)
from i2a.simulator.parts.voice import SIGNS
from i2a.simulator.persona.facts import facts
from i2a.simulator.persona.style import STYLES

WRITERS = pytest.mark.parametrize("write", [dense_recall, long_recall])


def recalls(document: Document) -> list[tuple[str, str]]:
    """What was said until then, and what is recalled of it."""
    text, found = "", []
    for part in document:
        if part.kind == "recall":
            found.append((text, part.text))
        text += part.text
    return found


@WRITERS
def test_whatever_is_recalled_was_said_before(write: Callable[[int, int], Document]) -> None:
    asked = [pair for number in range(100) for pair in recalls(write(0, number))]

    assert len(asked) > 100
    for said, recalled in asked:
        assert stems(recalled) - {"you'v"} <= stems(said)


@WRITERS
def test_most_questions_have_an_answer(write: Callable[[int, int], Document]) -> None:
    text = "".join(part.text for number in range(60) for part in write(0, number))
    answered = sum(len(recalls(write(0, number))) for number in range(60))

    assert sum(text.count(no) for no in NOTHING) < 0.5 * answered


@WRITERS
def test_the_assistant_writes_what_carries_loss_and_ends_its_turn(write: Callable[[int, int], Document]) -> None:
    for number in range(20):
        document = write(0, number)
        text = "".join(part.text for part in document)
        written = "".join(part.text for part in document if part.kind != "context")

        turns = [turn.removeprefix(ASSISTANT) for turn in text.split(END) if turn.startswith(ASSISTANT)]
        assert written == "".join(turn + END for turn in turns)
        assert text.startswith(USER)


@WRITERS
def test_a_document_follows_from_seed_and_number(write: Callable[[int, int], Document]) -> None:
    assert write(1, 5) == write(1, 5)
    assert len({str(write(1, 5)), str(write(1, 6)), str(write(2, 5))}) == 3


def test_who_is_not_asked_for_it_recalls_nothing() -> None:
    asks = (*ABOUT_IT, *AROUND)
    unasked = 0
    for number in range(40):
        document = long_recall(0, number)
        for part, after in pairwise(document):
            if part.kind == "context" and not part.text.removesuffix(END + ASSISTANT).endswith(asks):
                assert after.kind == "reply"
                assert after.text.endswith(END)
                unasked += 1
    assert unasked > 50


def test_who_asks_is_answered_as_they_speak_and_who_does_not_is_not() -> None:
    def share(asked: bool) -> float:
        """Of the answers to messages that begin with a lead: how many begin with it too."""
        pairs = [
            (part.text.removeprefix(USER), after.text)
            for number in range(300)
            for part, after in pairwise(long_recall(0, number))
            if part.text.endswith(ASSISTANT) and part.text.removesuffix(END + ASSISTANT).endswith(asks) is asked
        ]
        led = [(lead, answer) for message, answer in pairs for lead in leads if message.startswith(lead)]
        assert len(led) > 20
        return sum(answer.startswith(lead) for lead, answer in led) / len(led)

    asks = (*ABOUT_IT, *AROUND)
    leads = [lead.lstrip(SIGNS) for style in STYLES.values() for lead in style["lead"]]
    assert share(asked=True) > 0.5 > 0.05 > share(asked=False)


@WRITERS
def test_an_answer_that_recalls_is_marked_there(write: Callable[[int, int], Document]) -> None:
    for number in range(40):
        for part, after in pairwise(write(0, number)):
            if after.kind == "recall":
                assert part.kind == "reply" or part.text.endswith(ASSISTANT)
                assert after.text.strip()


def test_a_scrambled_person_holds_words_that_nobody_has_read() -> None:
    import random

    plain, scrambled = person(random.Random(3)), person(random.Random(3), scrambled=1.0)

    assert facts(scrambled.profile)
    assert plain.profile != scrambled.profile
    assert len({invented(random.Random(seed)) for seed in range(200)}) > 180


def test_a_message_leads_back_to_what_fits_its_topic() -> None:
    import random

    who = person(random.Random(1))
    others = (fact for number in range(40) for fact in facts(person(random.Random(number)).profile))
    food = next(fact for fact in others if fact.topics[:1] == ("food",))

    assert fitting([*facts(who.profile)[:1], food], "The kitchen looks like a battlefield again.") == food
    assert fitting([], "The kitchen looks like a battlefield again.") is None
