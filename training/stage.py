"""From settings to a trained model: what SFT and DPO share, top to bottom. Each stage brings its rows and its trainer.

Run by every process of a training. The first one reads the corpus, writes and prints; the others wait for its word.
"""

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import datasets
import huggingface_hub
import torch
import transformers
from rich.console import Console
from rich.text import Text

from i2a.errors import Interrupted, UsageError
from i2a.runs.training_folder import TrainingFolder, read_log, room_on_disk, step_of
from training import ranks
from training.chat import ChatTemplate
from training.material import material
from training.model import Start, save, weights
from training.packing.check import NotPackable
from training.prepare import Kind, Prepared, prepared
from training.progress import SHOWN, Log, Show, Stop, Through
from training.settings import Stage, Training
from training.way import Way

Card = Callable[[Mapping[str, Any], Mapping[str, Any]], str]


def run(kind: Kind[Stage], config: Stage, console: Console | None = None, card: Card | None = None) -> dict[str, Any]:
    """Train; returns what `result.json` holds. With a console, watch it there. `card` writes the README of the
    model from result and manifest.

    Raises `UsageError` for what is not as it must be, before a model is loaded or anything written over, and
    `Interrupted` after Ctrl-C.
    """
    quieten_libraries()
    console = console if console and ranks.is_first() else Console(quiet=True)
    processes = ranks.join()
    start = Start.find(config.model, config.revision)
    tokenizer = start.tokenizer()
    template = ChatTemplate(tokenizer)
    tokenizer.pad_token_id = template.pad_id
    way = Way.of(config, start, processes)
    folder = TrainingFolder(config.out)
    with ExitStack() as stack:
        if ranks.is_first():
            room = min(config.max_length, start.context)
            with ranks.told():
                ready = stack.enter_context(prepared(kind, config, start, way.packing, template, room, console))
            ranks.tell(ready)
        else:
            ready = ranks.hear()
        if ready.ended:
            return ready.ended
        if way.packing.why_rows:
            console.print(Text(f"{way.packing.why_rows}; it is trained on rows, each on its own"))
        for note in ready.notes:
            console.print(Text(note, style="dim"))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", FutureWarning)  # the libraries' advice to one another
        try:
            with console.status("Loading the model"):
                trainer = kind.trainer(material(config, start, tokenizer, way, folder, ready), config)
        except NotPackable as reason:  # its architecture could; with its very weights the trial failed
            if ranks.is_first():
                folder.clear()
            raise UsageError(f"{reason}; take --packing rows") from None
        session = train(trainer, folder, ready, config, console)
        return finish(trainer, folder, template, ready, {"stage": kind.name, **way.about(trainer.args)}, session, card)


def quieten_libraries() -> None:
    """No bars and hints between our lines, and no word to anybody that there was a training."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    for name in ("trl", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True


@dataclass(frozen=True)
class Session:
    """What this process did: `steps` of training, in so many `seconds`, on `tokens`; GPU `memory` at most, in bytes."""

    steps: int
    seconds: float
    tokens: int
    memory: int | None


def train(trainer: Any, folder: TrainingFolder, ready: Prepared, config: Training, console: Console) -> Session:
    """Train to the end. Raises `Interrupted` after Ctrl-C, `UsageError` for a full disk or a loss that is no number."""
    show, stop = Show(console, quiet=config.quiet), Stop(console)
    trainer.remove_callback(transformers.PrinterCallback)
    for callback in (Log(folder), show, stop):
        trainer.add_callback(callback)
    began = time.monotonic()
    try:
        with room_on_disk(folder), stop.listening(), suppress(Through):
            trainer.train(resume_from_checkpoint=ready.checkpoint and str(ready.checkpoint))
    except KeyboardInterrupt:
        raise Interrupted(f"stopped at once; {_goes_on(folder)}") from None
    finally:
        show.stop()
    state = trainer.state
    if stop.stopped:
        raise Interrupted(f"stopped after step {state.global_step} of {state.max_steps}; {_goes_on(folder)}")
    before = step_of(ready.checkpoint) if ready.checkpoint else 0
    tokens = next((int(line["num_tokens"]) for line in reversed(state.log_history) if "num_tokens" in line), 0)
    memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return Session(state.global_step - before, time.monotonic() - began, tokens, memory)


def _goes_on(folder: TrainingFolder) -> str:
    last = folder.checkpoint
    return f"the same command with --resume goes on from {f'step {step_of(last)}' if last else 'the start'}"


def finish(
    trainer: Any,
    folder: TrainingFolder,
    template: ChatTemplate,
    ready: Prepared,
    about: Mapping[str, Any],
    session: Session,
    card: Card | None,
) -> dict[str, Any]:
    """Measure, then write model, card and result; returns the result, which is empty but in the first process."""
    validation = trainer.evaluate() if ready.validation else None
    state = weights(trainer)
    if not ranks.is_first():
        return {}
    log = read_log(folder.log_file)
    first, last = _ends(log)
    saved = [line["tokens_saved"] for line in log if "tokens_saved" in line]
    result = {
        **about,
        "model": str(folder.path),
        "rows": ready.rows,
        "steps": trainer.state.global_step,
        "first": first,
        "last": last,
        "tokens_saved": fmean(saved) if saved else None,
        "validation": validation and {name.removeprefix("eval_"): validation[name] for name in validation},
        "session": asdict(session),
        "notes": list(ready.notes),
    }
    with room_on_disk(folder), folder.model() as part:
        save(trainer, state, part, stop_id=template.stop_id)
        if card:
            (part / "README.md").write_text(card(result, folder.manifest()), encoding="utf-8")
    folder.finish(result)
    return result


def _ends(log: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """The means of what people look at over the first steps and over the last, up to ten of each."""
    steps = [line for line in log if "loss" in line]
    some = min(10, -(-len(steps) // 4))
    return _means(steps[:some]), _means(steps[-some:])


def _means(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: fmean(line[name] for line in lines) for name in SHOWN if lines and name in lines[0]}
