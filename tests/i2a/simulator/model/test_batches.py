"""What a message asks for is what was answered to it, and no word of the grammar."""

import random

import pytest

from i2a.simulator.model.batches import Associations, Example, associations

USER, ASSISTANT, END, THE = 1, 2, 3, 4
FUR, PAWS, TUNE, CAT, HEN, DRUM = range(10, 16)
GOES_WITH = {FUR: (CAT, HEN), PAWS: (CAT, HEN), TUNE: (DRUM,)}


@pytest.fixture(scope="module")
def known() -> Associations:
    chance, examples = random.Random(0), []
    for _ in range(200):
        asked = chance.choice(list(GOES_WITH))
        answer = chance.choice(GOES_WITH[asked])
        filler = [chance.randrange(20, 60) for _ in range(6)]
        ids = [USER, THE, answer, *filler, THE, END, USER, THE, asked, END, ASSISTANT, THE, answer, END]
        examples.append(Example(ids, [len(ids) - 2], [range(len(ids) - 3, len(ids) - 1)]))
    return associations(examples, user=USER, assistant=ASSISTANT, vocabulary=64, dimensions=4, seed=0)


@pytest.mark.parametrize("asked", list(GOES_WITH))
def test_a_message_asks_for_the_words_that_answered_it(known: Associations, asked: int) -> None:
    found = (known.answer @ known.cue[asked]).topk(len(GOES_WITH[asked])).indices

    assert set(found.tolist()) == set(GOES_WITH[asked])


def test_words_that_are_met_everywhere_or_never_recalled_hold_nothing(known: Associations) -> None:
    lengths = known.answer.norm(dim=1)

    assert lengths[THE] < 0.2 * lengths[[CAT, HEN, DRUM]].min()
    assert lengths[20:60].max() < 1e-5


def test_the_same_documents_give_the_same_associations(known: Associations) -> None:
    assert known.cue.isfinite().all()
    assert known.cue[20:60].abs().max() < 1e-5
