"""The folder of a training: the model, and before that what `--resume` needs. For any training; loads no model.

manifest.json    what the training is; --resume refuses any other
log.jsonl        loss, learning rate, rewards and so on of each step, one line each
checkpoints/     the last complete ones, with optimizer and random states
*.arrow          the tokens of the rows, while it trains
result.json      the result; written after the model
"""

import errno
import json
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from i2a import jsonl
from i2a.errors import UsageError
from i2a.extras import our_version
from i2a.files import atomic_write
from i2a.jsonl import JsonObject
from i2a.runs.folder import Folder

COMPLETE = "complete"
PERSONAS = "personas"  # the key of a manifest for the texts of the personas that were trained on
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")
# Writes the model card, as Markdown, from a result and a manifest.
Card = Callable[[Mapping[str, object], Mapping[str, object]], str]
NO_SPACE = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class TrainingFolder(Folder):
    """The files of one training."""

    format, what, starts = "i2a.training/1", "training", "i2a train sft"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.log_file = path / "log.jsonl"
        self.result_file = path / "result.json"
        self.checkpoints = path / "checkpoints"
        self.part = path / ".model.part"

    def repair(self) -> None:
        """Drop checkpoints and models that were being written when the process ended."""
        shutil.rmtree(self.part, ignore_errors=True)
        for checkpoint in self.checkpoints.glob("checkpoint-*"):
            if not (checkpoint / COMPLETE).exists():
                shutil.rmtree(checkpoint)

    def complete(self, step: int) -> None:
        """Mark the checkpoint of this step: everything of it is on disk."""
        (self.checkpoints / f"checkpoint-{step}" / COMPLETE).touch()

    @property
    def checkpoint(self) -> Path | None:
        """The newest complete checkpoint."""
        marks = self.checkpoints.glob(f"checkpoint-*/{COMPLETE}")
        return max((mark.parent for mark in marks), key=step_of, default=None)

    @contextmanager
    def model(self) -> Iterator[Path]:
        """A folder to save a model in; its files move to their place once all are written."""
        self.part.mkdir(exist_ok=True)
        try:
            yield self.part
            for file in sorted(self.part.iterdir(), key=lambda file: file.name.endswith("config.json")):
                file.replace(self.path / file.name)
        finally:
            shutil.rmtree(self.part, ignore_errors=True)

    def rows_file(self, part: str) -> Path:
        return self.path / f"{part}.arrow"

    def result(self) -> JsonObject | None:
        """The result of the training, if it is finished."""
        if not self.result_file.exists():
            return None
        result: JsonObject = json.loads(self.result_file.read_text("utf-8"))
        return result

    def clear(self) -> None:
        """Remove a training that has written no checkpoint."""
        self._drop_rows()
        if not self.log_file.exists():
            shutil.rmtree(self.checkpoints, ignore_errors=True)
            self.manifest_file.unlink()
            (self.path / "lock").unlink()
            self.path.rmdir()

    def _drop_rows(self) -> None:
        for rows in self.path.glob("*.arrow"):
            rows.unlink()

    def finish(self, result: Mapping[str, object]) -> None:
        self._drop_rows()
        with atomic_write(self.result_file) as file:
            file.write(json.dumps(result, indent=2).encode() + b"\n")


def trained_personas(folder: Path) -> dict[str, list[str]] | None:
    """The texts of the profiles and personalities that the model in a folder was trained on, by "profile" and
    "personality", as its manifest says. None: not trained on dialogues by i2a, or before version 0.2, which kept none.
    """
    training = TrainingFolder(folder if folder.is_dir() else folder.parent)
    if not training.manifest_file.is_file():
        return None
    try:
        personas: dict[str, list[str]] | None = training.manifest().get(PERSONAS)
    except UsageError:  # a manifest of somebody else's
        return None
    return personas


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def read_log(file: Path, *, upto: int | None = None) -> list[JsonObject]:
    """The lines of a log; with `upto`, those up to that step. Raises `UsageError` for a line that is not JSON."""
    lines = (line for _, line in jsonl.read(file))
    return [line for line in lines if upto is None or line["step"] <= upto]


def rewrite_log(file: Path, *, upto: int) -> list[JsonObject]:
    """Drop the lines after step `upto`, which a resumed training writes again; returns the others."""
    kept = read_log(file, upto=upto)
    with atomic_write(file) as target:
        target.writelines(jsonl.dumps(line).encode() + b"\n" for line in kept)
    return kept


def versions() -> dict[str, str]:
    """Of Python and of the libraries that decide what a training computes."""
    return {"python": platform.python_version(), "i2a": our_version()} | {name: version(name) for name in LIBRARIES}


@contextmanager
def room_on_disk(folder: TrainingFolder) -> Iterator[None]:
    """Turns a full disk into a `UsageError`, whether a library reports it as `OSError` or as text."""
    from safetensors import SafetensorError  # an evaluation, which has no use for it, reads such folders too

    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise _full(folder) from None
    except (RuntimeError, SafetensorError) as error:
        # safetensors puts the number into its message; torch.save gives none, but names its writer.
        words = f"{error} {error.__context__}"
        if not any(f"os error {number}" in words for number in NO_SPACE) and "inline_container" not in words:
            raise
        raise _full(folder) from None


def _full(folder: TrainingFolder) -> UsageError:
    last = folder.checkpoint
    kept = f"{last.name} is kept" if last else "there is no checkpoint yet"
    return UsageError(f"no space left for {folder.path}; {kept}; free some space, then continue with --resume")
