"""What a training of version 0.1.0 has written is read in Python as well: its result, its log and its tokens."""

from pathlib import Path

import datasets
import pytest
from transformers import AutoTokenizer

from i2a.models.local.template import ChatTemplate
from i2a.runs.training_folder import TrainingFolder, read_log
from training.corpus import Corpus
from training.data import SFT_COLUMNS, write_tokens
from training.packing.dataset import PackedRows
from training.rows import PairFilter, sft_rows

STORED = Path(__file__).parents[1] / "fixtures/v1"


def test_how_it_went_can_be_read() -> None:
    folder = TrainingFolder(STORED / "sft")
    assert folder.manifest()["identity"]["stage"] == "sft"
    result, log = folder.result(), read_log(folder.log_file)
    assert result is not None
    assert (result["steps"], result["adapter"]) == (1, True)
    assert [line["loss"] for line in log if "loss" in line] == [pytest.approx(result["first"]["loss"])]


def test_its_tokens_are_those_of_today(tmp_path: Path) -> None:
    stored = datasets.Dataset.from_file(str(STORED / "tokens/train.arrow"))
    corpus = Corpus.read([STORED / "corpus"], sft_rows, PairFilter())
    template = ChatTemplate(AutoTokenizer.from_pretrained(STORED / "base"))
    write_tokens(tmp_path / "train.arrow", corpus.rows(), SFT_COLUMNS, template, 512)
    today = datasets.Dataset.from_file(str(tmp_path / "train.arrow"))
    assert stored.to_list() == today.to_list()
    assert len(PackedRows(stored)) == len(set(stored["tree"]))
