"""What version 0.1 left behind can be read, served and trained further: a model, an adapter, logs and tokens."""

import json
import shutil
from pathlib import Path

import datasets
import pytest

from i2a.models.local.loading import Source, load
from i2a.models.local.template import ChatTemplate
from i2a.runs.training_folder import TrainingFolder, read_log
from tests.tiny import tokenizer
from tests.training.trainings import train
from training.corpus import Corpus
from training.data import SFT_COLUMNS, write_tokens
from training.packing.dataset import PackedRows
from training.rows import PairFilter, sft_rows

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
STORED = Path(__file__).parent / "version_0_1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy, in which the adapter finds its base."""
    copy = shutil.copytree(STORED, tmp_path / "old")
    file = copy / "dpo/adapter_config.json"
    config = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(config | {"base_model_name_or_path": str(copy / "sft")}), encoding="utf-8")
    return copy


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_how_a_training_went_can_be_read(old: Path, stage: str) -> None:
    folder = TrainingFolder(old / stage)
    assert folder.manifest()["identity"]["stage"] == stage
    result = folder.result()
    assert result is not None
    assert (result["steps"], result["adapter"]) == (2, stage == "dpo")
    log = read_log(folder.log_file)
    assert [line["step"] for line in log if "loss" in line] == [1, 2]
    assert log[0]["loss"] == pytest.approx(result["first"]["loss"])


def test_of_one_that_was_killed_while_it_wrote_the_whole_lines_are_read(old: Path) -> None:
    folder = TrainingFolder(old / "killed")
    assert folder.result() is None
    assert [line["step"] for line in read_log(folder.log_file)] == [1, 2]


def test_its_tokens_are_those_of_today(old: Path, tmp_path: Path) -> None:
    stored = datasets.Dataset.from_file(str(old / "killed/train.arrow"))
    corpus = Corpus.read([old / "run"], sft_rows, PairFilter())
    write_tokens(tmp_path / "train.arrow", corpus.rows(), SFT_COLUMNS, ChatTemplate(tokenizer()), 4096)
    today = datasets.Dataset.from_file(str(tmp_path / "train.arrow"))
    assert stored.to_list() == today.to_list()
    assert len(PackedRows(stored)) == 2


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_its_model_can_be_served(old: Path, stage: str) -> None:
    loaded = load(Source(str(old / stage), None, "float32", "cpu"))
    assert loaded.chat.prompt([{"role": "user", "content": "hello"}])
    assert loaded.stops == (tokenizer().eos_token_id,)


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_its_model_can_be_trained_further(old: Path, tmp_path: Path, stage: str) -> None:
    result = train("dpo", old / "run", old / stage, tmp_path / "out", max_steps=1, packing=None)
    assert result["adapter"] == (stage == "dpo")
    assert result["first"]["loss"] == pytest.approx(0.6931, abs=1e-4)
