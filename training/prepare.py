"""What the first process of a training does before any model is loaded: corpus, folder, rows as tokens."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Generic

from rich.console import Console

from i2a.errors import UsageError
from i2a.runs.training_folder import TrainingFolder, room_on_disk, versions
from training.chat import ChatTemplate
from training.corpus import Corpus, Make
from training.mix import general_rows
from training.model import Start
from training.rows import Choice
from training.settings import SFT, Stage, Training
from training.table import Encoding, Written, write_table
from training.way import Packing


@dataclass(frozen=True)
class Kind(Generic[Stage]):
    """What a stage has of its own: its name, its rows, how they become tokens, and the trainer for them."""

    name: str
    make: Make
    encoding: Encoding
    trainer: Callable[[Any, Stage], Any]


@dataclass(frozen=True)
class Prepared:
    """What every process needs to know. `ended`: how the training ended, if it did so in an earlier session."""

    rows: int
    validation: int
    notes: tuple[str, ...]
    checkpoint: Path | None
    ended: dict[str, Any] | None

    @property
    def parts(self) -> list[str]:
        return ["train", "validation"] if self.validation else ["train"]


@contextmanager
def prepared(
    kind: Kind[Stage],
    config: Stage,
    start: Start,
    packing: Packing,
    template: ChatTemplate,
    room: int,
    console: Console,
) -> Iterator[Prepared]:
    """The folder of the training, locked, with the rows in it; `room` is how many tokens a row may have.

    Raises `UsageError` for whatever cannot work; a folder that is not this training's stays as it is.
    """
    choice = Choice(getattr(config, "target", "preferred"), config.min_margin, config.both_orders)
    corpus = Corpus.read(config.runs, kind.make, choice, validation=config.validation, seed=config.seed)
    identity = {
        "stage": kind.name,
        "model": start.identity,
        "corpus": corpus.fingerprint,
        "personas": corpus.personas,
        "settings": config.identity,
        "packing": packing.kind,
    }
    about = {"corpus": corpus.about, "config": config.model_dump(mode="json"), "versions": versions()}
    with TrainingFolder.open(config.out, identity, about, resume=config.resume) as folder:
        if ended := folder.result():
            yield Prepared(0, 0, (), None, ended)
            return
        try:
            with room_on_disk(folder), console.status("Reading the corpus"):
                written = {part: _write(folder, part, kind, config, corpus, template, room) for part in corpus.shares}
            train = written["train"]
            if not train.rows:
                raise UsageError(f"no row is short enough: {'; '.join(train.notes(room))}; raise --max-length")
        except UsageError:
            folder.clear()
            raise
        left_out = (f"{count:,} {reason}" for reason, count in corpus.shares["train"].left_out.items() if count)
        mixed = [f"{corpus.mixed:,} trees with one half of their persona in validation"] if corpus.mixed else []
        notes = (*left_out, *mixed, *train.notes(room), *template.notes)
        held_out = written["validation"].rows if "validation" in written else 0
        yield Prepared(train.rows, held_out, notes, folder.checkpoint, None)


def _write(
    folder: TrainingFolder,
    part: Any,
    kind: Kind[Stage],
    config: Training,
    corpus: Corpus,
    template: ChatTemplate,
    room: int,
) -> Written:
    rows = corpus.rows(part)
    file = folder.rows_file(part)
    if not (part == "train" and isinstance(config, SFT) and config.mix):
        return write_table(file, rows, kind.encoding, template, room)
    count = round(corpus.shares[part].rows * config.mix_ratio / (1 - config.mix_ratio))
    with tempfile.TemporaryDirectory(dir=folder.path, prefix=".mix") as cache:
        general = general_rows(config.mix, count, config.seed, cache=Path(cache))
        return write_table(file, chain(rows, general), kind.encoding, template, room)
