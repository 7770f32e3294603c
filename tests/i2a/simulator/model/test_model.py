"""The untrained model copies already; its tokenizer closes every turn."""

from typing import Any

import pytest
import torch

from i2a.simulator.model.batches import LENGTHS, NOTHING, PLACES, Example, TokenBatch, batched, collate, encode
from i2a.simulator.model.documents import ASSISTANT, END, USER, DocumentPart
from i2a.simulator.model.loop import recall
from i2a.simulator.model.model import build
from i2a.simulator.model.tokenizer import SPECIALS, learn

TEXTS = ["I keep two goats in the yard.", "How was the rest of your day?"] * 3


@pytest.fixture(scope="module")
def words() -> Any:
    return learn(TEXTS, size=400)


def test_special_tokens_are_atomic_and_any_text_comes_back(words: Any) -> None:
    text = "Xiao Hei \N{SNOWMAN} é, 12%\n"

    assert words.decode(words(text, add_special_tokens=False).input_ids) == text
    for special in SPECIALS:
        assert words(special, add_special_tokens=False).input_ids == [words.convert_tokens_to_ids(special)]


def test_the_template_closes_each_turn_with_the_end_of_sequence_and_marks_what_the_assistant_writes(words: Any) -> None:
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]

    assert words.apply_chat_template(chat, tokenize=False) == f"{USER}Hi{END}{ASSISTANT}Hello{END}"
    assert words.apply_chat_template(chat[:1], tokenize=False, add_generation_prompt=True).endswith(END + ASSISTANT)
    assert words.eos_token == END
    rendered = words.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    written = [i for i, mask in zip(rendered["input_ids"], rendered["assistant_masks"], strict=True) if mask]
    assert words.decode(written) == f"Hello{END}"


def test_documents_as_tokens_are_what_the_template_renders(words: Any) -> None:
    chat = [{"role": "user", "content": "two goats"}, {"role": "assistant", "content": "in the yard"}]
    document = [
        DocumentPart(f"{USER}two goats{END}{ASSISTANT}", "context"),
        DocumentPart("in", "reply"),
        DocumentPart(" the yard", "recall"),
        DocumentPart(END, "reply"),
    ]
    (example,) = encode(words, [document])

    assert example.ids == words.apply_chat_template(chat)["input_ids"]
    assert words.decode([example.ids[at] for at in example.scored]) == f"in the yard{END}"
    (span,) = example.recalled
    assert words.decode(example.ids[span.start : span.stop]) == " the yard"


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_an_untrained_model_goes_on_as_the_text_before_went_on(words: Any, layers: int) -> None:
    model = build(words, hidden=192, layers=layers, heads=4, seed=0)
    seen = torch.randint(len(SPECIALS), len(words), (1, 40), generator=torch.Generator().manual_seed(1))
    ids = torch.cat((seen, seen), 1)
    with torch.no_grad():
        likeliest = model(ids).logits.argmax(-1)

    assert (likeliest[:, 41:-1] == ids[:, 42:]).float().mean() > 0.2


def test_a_batch_holds_at_most_so_many_tokens_and_each_example_once(words: Any) -> None:
    import random

    examples = [Example(list(range(6, 6 + n)), [2]) for n in (5, 9, 130, 7, 12, 6)]
    batches = list(batched(examples, 3 * LENGTHS, words.pad_token_id, random.Random(0)))

    assert all(batch.ids.numel() <= 3 * LENGTHS for batch in batches)
    assert sorted(batch.ids.shape for batch in batches) == [(1, 3 * LENGTHS), (2, LENGTHS), (3, LENGTHS)]
    assert sorted(int(row.ne(words.pad_token_id).sum()) for batch in batches for row in batch.ids) == [
        5,
        6,
        7,
        9,
        12,
        130,
    ]
    assert all(batch.wanted[: len(batch.ids)].eq(8).all() for batch in batches)


def test_a_batch_is_filled_up_with_places_that_want_nothing(words: Any) -> None:
    batch = collate([Example([6, 7, 8, 9], [1, 3]), Example([6, 8], [1])], words.pad_token_id)

    assert batch.ids.shape == (2, LENGTHS)
    assert len(batch.row) == len(batch.at) == len(batch.first) == PLACES
    assert batch.wanted.tolist() == [7, 9, 8] + [NOTHING] * (PLACES - 3)


def test_recall_counts_answers_and_their_tokens(words: Any) -> None:
    def always_7(batch: TokenBatch) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.full_like(batch.wanted, 7), 50)

    answer = [range(2, 4)]
    right, half, none = ([6, 6, 7, 7], [6, 6, 7, 8], [6, 6, 9, 9])
    examples = [Example(ids, [1, 2, 3], answer) for ids in (right, half, none)] + [Example([6, 6, 6, 7], [3])]
    assert recall(always_7, examples, 0) == (1 / 3, 0.5)
    assert collate(examples[3:], 0).wanted[:2].tolist() == [7, NOTHING]
    assert collate(examples[:1], 0).first[:4].tolist() == [False, True, True, False]
