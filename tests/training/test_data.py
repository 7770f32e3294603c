"""Rows become tokens on disk: the loss on the reply alone, the oldest turns dropped, what does not fit counted."""

from pathlib import Path
from typing import Any

import datasets
import pytest

from i2a.models.local.template import ChatTemplate
from tests.tiny import tokenizer
from training.data import DPO_COLUMNS, SFT_COLUMNS, Columns, TokenizeStats, write_tokens

WORDS = tokenizer()
TURNS = [("user", "My dog is ill."), ("assistant", "Poor dog."), ("user", "She eats nothing.")]
PROMPT = [{"role": role, "content": content} for role, content in TURNS]


def reply(content: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": content}]


ROW = {"tree": "a-1", "prompt": PROMPT, "completion": reply("Take her to a vet.")}
PAIR = {"tree": "a-1", "prompt": PROMPT, "chosen": reply("A vet can help."), "rejected": reply("Okay.")}


def table(file: Path, rows: list[dict[str, Any]], columns: Columns, room: int = 4096) -> tuple[Any, TokenizeStats]:
    stats = write_tokens(file / "rows.arrow", rows, columns, ChatTemplate(WORDS), room)
    return datasets.Dataset.from_file(str(file / "rows.arrow")), stats


def test_labels_are_the_reply_and_its_end_and_nothing_else(tmp_path: Path) -> None:
    (row,) = table(tmp_path, [ROW], SFT_COLUMNS)[0]
    ids, labels = row["input_ids"], row["labels"]
    assert WORDS.decode([id for id in labels if id != -100]) == "Take her to a vet.<|im_end|>\n"
    assert all(label in (-100, id) for id, label in zip(ids, labels, strict=True))
    assert ids == WORDS.apply_chat_template([*PROMPT, *ROW["completion"]], return_dict=False)


def test_a_pair_is_a_prompt_and_two_replies(tmp_path: Path) -> None:
    (row,) = table(tmp_path, [PAIR], DPO_COLUMNS)[0]
    assert WORDS.decode(row["prompt_ids"]).endswith("She eats nothing.<|im_end|>\n<|im_start|>assistant\n")
    assert WORDS.decode(row["chosen_ids"]) == "A vet can help.<|im_end|>\n"
    assert WORDS.decode(row["rejected_ids"]) == "Okay.<|im_end|>\n"


def test_a_row_knows_its_tree(tmp_path: Path) -> None:
    assert table(tmp_path, [PAIR, PAIR], DPO_COLUMNS)[0]["tree"] == ["a-1", "a-1"]


def test_of_a_long_row_the_oldest_turns_go_and_never_the_end(tmp_path: Path) -> None:
    whole = len(table(tmp_path, [ROW], SFT_COLUMNS)[0][0]["input_ids"])
    rows, stats = table(tmp_path, [ROW], SFT_COLUMNS, room=whole - 1)
    text = WORDS.decode(rows[0]["input_ids"])
    assert text.startswith("<|im_start|>user\nShe eats nothing.")
    assert text.endswith("Take her to a vet.<|im_end|>\n")
    assert stats.warnings(whole - 1) == [
        f"rows longer than {whole - 1} tokens, 1 in all, lost their oldest turns: 1 of them"
    ]


def test_a_row_whose_last_turn_does_not_fit_is_left_out_and_counted(tmp_path: Path) -> None:
    rows, stats = table(tmp_path, [ROW, ROW], SFT_COLUMNS, room=10)
    assert (len(rows), stats.rows) == (0, 0)
    assert stats.warnings(10) == ["2 rows whose last turn alone is longer than 10 tokens"]


def test_both_replies_of_a_pair_must_fit(tmp_path: Path) -> None:
    long = {**PAIR, "rejected": reply("Okay. " * 50)}
    rows, stats = table(tmp_path, [PAIR, long], DPO_COLUMNS, room=200)
    assert (len(rows), stats.rows) == (1, 1)


@pytest.mark.parametrize("count", [1, 255, 256, 257])
def test_every_row_is_written_once_whatever_the_chunks(tmp_path: Path, count: int) -> None:
    rows, stats = table(tmp_path, [{**ROW, "tree": str(place)} for place in range(count)], SFT_COLUMNS)
    assert rows["tree"] == [str(place) for place in range(count)]
    assert stats.rows == count
