"""The folder of a training keeps what is whole, drops what is torn, and says so when the disk is full."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from i2a.errors import UsageError
from i2a.runs.training_folder import COMPLETE, TrainingFolder, read_log, room_on_disk
from tests.fakes import no_more_space

WEIGHTS = {"w": torch.zeros(100_000)}


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    made = TrainingFolder(tmp_path)
    for step in (9, 10, 11):
        (made.checkpoints / f"checkpoint-{step}").mkdir(parents=True)
    made.complete(9)
    made.complete(10)
    return made


def test_the_newest_checkpoint_is_that_of_the_latest_step_that_is_complete(folder: TrainingFolder) -> None:
    assert folder.checkpoint == folder.checkpoints / "checkpoint-10"


def test_a_checkpoint_that_was_being_written_is_dropped(folder: TrainingFolder) -> None:
    folder.repair()
    assert {path.name for path in folder.checkpoints.iterdir()} == {"checkpoint-9", "checkpoint-10"}


def test_without_a_complete_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert TrainingFolder(tmp_path).checkpoint is None


def test_a_model_is_there_as_a_whole_or_not_at_all(folder: TrainingFolder) -> None:

    def torn(part: Path) -> None:
        (part / "config.json").touch()
        raise OSError("torn")

    with pytest.raises(OSError, match="torn"), folder.model() as part:
        torn(part)
    assert not (folder.path / "config.json").exists()
    with folder.model() as part:
        (part / "config.json").touch()
    assert (folder.path / "config.json").exists()
    assert not folder.part.exists()


def test_a_full_disk_is_one_line_that_names_what_is_kept(folder: TrainingFolder, tmp_path: Path) -> None:
    saves: list[Callable[[Path], object]] = [
        lambda file: save_file(WEIGHTS, file),
        lambda file: torch.save(WEIGHTS, file),
        lambda file: file.write_bytes(bytes(100_000)),
    ]
    for number, save in enumerate(saves):
        kept = pytest.raises(UsageError, match=r"no space left .* checkpoint-10 is kept")
        with kept as caught, room_on_disk(folder), no_more_space(10_000):
            save(tmp_path / f"weights-{number}")
        assert "\n" not in str(caught.value)
        assert "--resume" in str(caught.value)


def test_a_fault_that_is_no_full_disk_stays_what_it_is(folder: TrainingFolder) -> None:
    for fault in (RuntimeError("shapes differ"), PermissionError(13, "Permission denied")):
        with pytest.raises(type(fault)), room_on_disk(folder):
            raise fault


def test_a_log_is_read_up_to_a_step_and_without_its_torn_end(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert read_log(log) == []
    log.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n{"step": 3, "lo')
    assert [line["step"] for line in read_log(log)] == [1, 2]
    assert [line["step"] for line in read_log(log, upto=1)] == [1]


def test_what_is_finished_needs_its_rows_no_more(folder: TrainingFolder) -> None:
    folder.rows_file("train").touch()
    assert folder.result() is None
    folder.finish({"steps": 4})
    assert not folder.rows_file("train").exists()
    assert folder.result() == {"steps": 4}
    assert (folder.checkpoints / "checkpoint-10" / COMPLETE).exists()
