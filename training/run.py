"""What the stages share: a training from its settings to its model. The scripts beside it bring rows and trainer.

    with TrainingRun.open("sft", config) as run:                    # model, tokenizer, precision, packing
        data = run.tokenize(sft_rows, SFT_COLUMNS, PairFilter())    # corpus -> rows -> tokens on disk
        trainer = ...                                               # of run.model(), run.arguments(), data
        run.fit(trainer)
        run.save(trainer)

Run by every process of a training: the first one reads the corpus, writes and prints; the others wait for it.
"""

import logging
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from math import ceil
from statistics import fmean
from typing import Any

import datasets
import huggingface_hub
import torch
import transformers
from peft import LoraConfig, get_peft_model
from rich.console import Console
from rich.text import Text

from i2a.errors import Interrupted, UsageError
from i2a.jsonl import JsonObject
from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.precision import Precision
from i2a.models.local.template import ChatTemplate
from i2a.runs.training_folder import PERSONAS, Card, TrainingFolder, read_log, room_on_disk, step_of, versions
from i2a.trees.persona import Kind
from training import ranks
from training.corpus import Corpus, Make
from training.data import Columns, MoreRows, TokenizedData, TokenizeStats, tokenize
from training.leaks import Part, with_those_before
from training.packing.check import NotPackable
from training.progress import AlreadyFinished, LogCallback, ProgressCallback, StopCallback, first_and_last
from training.rows import PairFilter
from training.saving import gather_weights, make_savable, save_model, try_saving
from training.settings import Fitting, Training
from training.setup import TrainingSetup


@dataclass(frozen=True)
class SessionStats:
    """What this process did: `steps` of training in `seconds`, on `tokens`; GPU `memory` at most, in bytes."""

    steps: int
    seconds: float
    tokens: int
    memory: int | None


class TrainingRun:
    """One training in its folder, made by `open`. `data` and `session` are there once it has tokenized and fitted."""

    data: TokenizedData
    session: SessionStats

    def __init__(self, stage: str, config: Fitting, console: Console, stack: ExitStack) -> None:
        processes = ranks.join()
        self.stage, self.config, self.console = stage, config, console
        self.folder = TrainingFolder(config.out)
        self.checkpoint = Checkpoint.find(config.model, config.revision)
        self.tokenizer = self.checkpoint.tokenizer()
        self.template = ChatTemplate.for_training(self.tokenizer, config.model, self._stored("date"))
        self.tokenizer.pad_token_id = self.template.pad_id
        began = self._stored("precision")
        self.setup = TrainingSetup.resolve(config, self.checkpoint, processes, began=began and Precision(**began))
        self._stack = stack

    @classmethod
    @contextmanager
    def open(cls, stage: str, config: Fitting, console: Console | None = None) -> Iterator["TrainingRun"]:
        """Resolve everything that does not need the weights. With a console, progress is shown there.

        Raises `UsageError` for settings that cannot work, before a model is loaded or a file is overwritten.
        """
        quieten_libraries()
        console = console if console and ranks.is_first() else Console(quiet=True)
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", FutureWarning)  # the libraries' advice to one another
            run = cls(stage, config, console, stack)
            try:
                yield run
            except KeyboardInterrupt:
                raise Interrupted(f"stopped immediately; {run.how_to_go_on()}") from None
            except NotPackable as reason:  # its architecture could; with its very weights the trial failed
                if ranks.is_first():
                    run.folder.clear()
                raise UsageError(f"{reason}; take --packing rows") from None

    # The data.

    def tokenize(
        self, make: Make, columns: Columns, pairs: PairFilter, more: MoreRows | None = None
    ) -> TokenizedData | None:
        """The rows of the corpus as tokens in the folder, which is locked until the run is closed.

        `make`: `sft_rows` or `dpo_rows`; `more`: see `data.tokenize`. None: the training in the folder has finished,
        and `result` says how. Raises `UsageError`; a folder that belongs to something else stays as it is.
        """
        written = ranks.run_on_first(lambda: self._write_tokens(make, columns, pairs, more))
        if written is None:
            return None
        stats, warnings = written
        if self.setup.fallback_reason:
            self.console.print(Text(f"{self.setup.fallback_reason}; training falls back to rows"))
        if not self.config.quiet:
            self.console.print(Text(str(self.setup.precision), style="dim"))
        for warning in warnings:
            self.console.print(Text(warning, style="dim"))
        self.data = TokenizedData.read(self.folder, stats, warnings, packs=self.setup.packs)
        return self.data

    def _write_tokens(
        self, make: Make, columns: Columns, pairs: PairFilter, more: MoreRows | None
    ) -> tuple[dict[Part, TokenizeStats], tuple[str, ...]] | None:
        config, folder = self._of_data, self.folder
        max_length = min(config.max_length, self.checkpoint.context or sys.maxsize)
        corpus = Corpus.read(config.runs, make, pairs, validation=config.validation, seed=config.seed)
        identity = {"corpus": corpus.fingerprint, "personas": corpus.personas}
        if not self.enter(identity, {"corpus": corpus.metadata}, corpus.trained_on):
            return None
        try:
            with room_on_disk(folder), self.console.status("Reading the corpus"):
                stats = tokenize(folder, corpus, columns, self.template, max_length, more)
            shortened = stats["train"].warnings(max_length)
            if not stats["train"].rows:
                raise UsageError(f"no row is short enough: {'; '.join(shortened)}; raise --max-length")
        except UsageError:
            folder.clear()
            raise
        return stats, (*corpus.warnings, *shortened, *self.notes)

    @property
    def _of_data(self) -> Training:
        assert isinstance(self.config, Training)
        return self.config

    def enter(self, identity: JsonObject, metadata: JsonObject, trained_on: Mapping[Kind, Sequence[str]]) -> bool:
        """In the first process: lock the folder until the run is closed. Whether there is something to train.

        `identity` and `metadata` go into the manifest beside what every training has there; `trained_on`: the texts of
        the personas. Raises `UsageError` for a folder that belongs to something else."""
        config = self.config
        fingerprint = {"stage": self.stage, "model": self.checkpoint.identity, **identity}
        fingerprint |= {"settings": config.identity, "packing": self.setup.packing}
        stored = {
            **metadata,
            PERSONAS: with_those_before(trained_on, self.checkpoint.folder),
            "config": config.model_dump(mode="json"),
            "versions": versions(),
            "date": self.template.today if self.template.dated else None,
            "precision": self.setup.precision._asdict(),
        }
        self._stack.enter_context(TrainingFolder.open(config.out, fingerprint, stored, resume=config.resume))
        return self.folder.result() is None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known about template, checkpoint and precision, in sentences."""
        return (*self.template.warnings, *self.checkpoint.warnings, *self._of_precision())

    def _of_precision(self) -> tuple[str, ...]:
        """That the precision is a slow one; what becomes of weights that are stored in halves and trained in fp32."""
        if self.setup.precision.warning:
            return (self.setup.precision.warning,)
        stored = self.checkpoint.config().dtype
        if self.setup.adapter or self.setup.bf16 or stored not in (torch.bfloat16, torch.float16):
            return ()
        kind = str(stored).removeprefix("torch.")
        return (f"the weights come in {kind} and are saved in float32, in which they are trained: twice the size",)

    def _stored(self, name: str) -> Any:
        """What the training to resume began with: the date that its template writes, its precision. None for one that
        begins today, and for what version 0.1 did not store."""
        if not (self.config.resume and self.folder.manifest_file.exists()):
            return None
        return self.folder.manifest().get(name)

    # What a trainer is made of.

    def model(self) -> transformers.PreTrainedModel:
        """The model to start from, loaded once more with each call; an adapter it comes with is trained further or,
        where all weights are trained, merged."""
        dtype = torch.bfloat16 if self.setup.adapter and self.setup.bf16 else torch.float32
        model = self.checkpoint.load(dtype, trainable_adapter=self.setup.adapter)
        if dropped := make_savable(model):
            self.console.print(Text(dropped, style="dim"))
        if self.setup.packs:
            model.set_attn_implementation(self.setup.attention)
        return model if self.setup.adapter else model.requires_grad_(True)

    @property
    def new_adapter(self) -> LoraConfig | None:
        """LoRA on every linear layer but the head; None if no adapter is trained, or the model comes with one."""
        if not self.setup.adapter or self.checkpoint.base:
            return None
        rank, alpha, revision = self.config.lora_rank, self.config.lora_alpha, self.checkpoint.revision
        return LoraConfig(
            r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM", revision=revision
        )

    def model_with_adapter(self) -> transformers.PreTrainedModel:
        """`model` with `new_adapter`, if there is one, as TRL would add it."""
        model, adapter = self.model(), self.new_adapter
        if adapter is None:
            return model
        transformers.set_seed(self.config.seed)
        return get_peft_model(model, adapter)

    def datasets(self) -> dict[str, Any]:
        """The data and the tokenizer, as arguments of a trainer."""
        return {
            "train_dataset": self.data.train,
            "eval_dataset": self.data.validation,
            "processing_class": self.tokenizer,
        }

    def arguments(self) -> dict[str, Any]:
        """Of `transformers.TrainingArguments`, or of TRL's."""
        config, setup = self._of_data, self.setup
        batch, accumulation = setup.micro_batch, setup.accumulation
        if setup.packs:
            batch, accumulation = max(1, round(self.data.train.per_step(config.batch) / setup.processes)), 1
        in_epoch = -(-len(self.data.train) // (batch * accumulation * setup.processes))
        return self.arguments_for(config.max_steps or config.epochs * in_epoch) | {
            "per_device_train_batch_size": batch,
            "per_device_eval_batch_size": batch,
            "gradient_accumulation_steps": accumulation,
            "num_train_epochs": config.epochs,
            "max_steps": config.max_steps or -1,
            "eval_strategy": "no" if self.data.validation is None else "steps",
            "eval_steps": config.save_every,
        }

    def arguments_for(self, steps: float) -> dict[str, Any]:
        """Those that do not depend on the data but for the number of steps."""
        config, setup = self.config, self.setup
        gpu = torch.accelerator.is_available()
        checkpointing = gpu if config.gradient_checkpointing is None else config.gradient_checkpointing
        return {
            "output_dir": str(self.folder.checkpoints),
            "max_steps": int(steps),
            "learning_rate": setup.learning_rate,
            "lr_scheduler_type": config.schedule,
            "warmup_steps": int(config.warmup * steps),  # the first one has rate 0: a short training needs every step
            "weight_decay": config.weight_decay,
            "max_grad_norm": config.max_grad_norm,
            "seed": config.seed,
            "bf16": setup.bf16,
            "use_cpu": not gpu,
            "activation_checkpointing": checkpointing,
            "save_steps": config.save_every,
            "save_total_limit": config.keep,
            "prediction_loss_only": True,
            "logging_steps": 1,
            "logging_nan_inf_filter": False,
            "report_to": config.report_to or "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": gpu,
            "ddp_find_unused_parameters": False,
        }

    # From its first step to its result.

    def fit(self, trainer: transformers.Trainer, *, stops_every: int = 1) -> None:
        """Train to the end, from the last checkpoint if there is one. `stops_every`: see `StopCallback`.

        Raises `Interrupted` after Ctrl-C, `UsageError` for a full disk or a loss that is not a number.
        """
        progress = ProgressCallback(self.console, quiet=self.config.quiet)

        def at_once() -> None:
            progress.stop()
            self.console.print(Text(f"i2a: stopped immediately; {self.how_to_go_on()}", style="bold red"))

        stop = StopCallback(self.console, None if self.console.quiet else at_once, every=stops_every)
        trainer.remove_callback(transformers.PrinterCallback)
        for callback in (LogCallback(self.folder), progress, stop):
            trainer.add_callback(callback)
        ranks.run_on_first(lambda: self._try_saving(trainer))
        checkpoint = ranks.run_on_first(lambda: self.folder.checkpoint)
        began = time.monotonic()
        try:
            with room_on_disk(self.folder), stop.listening(), suppress(AlreadyFinished):
                trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
        finally:
            progress.stop()
        state = trainer.state
        if stop.stopped:
            raise Interrupted(f"stopped after step {state.global_step} of {state.max_steps}; {self.how_to_go_on()}")
        before = step_of(checkpoint) if checkpoint else 0
        tokens = next((int(line["num_tokens"]) for line in reversed(state.log_history) if "num_tokens" in line), 0)
        memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        self.session = SessionStats(state.global_step - before, time.monotonic() - began, tokens, memory)

    def _try_saving(self, trainer: transformers.Trainer) -> None:
        """Raise `UsageError` if the model could not be saved in the end; then a new training leaves nothing behind."""
        args, there = trainer.args, len(list(self.folder.checkpoints.glob("checkpoint-*")))
        steps = args.max_steps
        if steps < 0:
            in_step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
            steps = args.num_train_epochs * -(-len(self.data.train) // in_step)
        checkpoints = min(self.config.keep + 1, ceil(steps / args.save_steps))
        try:
            with room_on_disk(self.folder):
                try_saving(trainer, self.folder, self.template, checkpoints=max(0, checkpoints - there))
        except UsageError:
            if self.folder.checkpoint is None:
                self.folder.clear()
            raise

    def how_to_go_on(self) -> str:
        """For somebody who has interrupted the training."""
        if not self.folder.manifest_file.exists():
            return "the same command starts again"
        last = self.folder.checkpoint
        return f"the same command with --resume continues from {f'step {step_of(last)}' if last else 'the start'}"

    def save(
        self,
        trainer: transformers.Trainer,
        card: Card | None = None,
        rows: int | None = None,
        notes: Sequence[str] = (),
    ) -> JsonObject:
        """Measure on the validation part, then write model, `card` and result; returns `result`.

        `rows` and `notes`: of a training without rows that were there before it."""
        validation = trainer.evaluate() if rows is None and self.data.validation is not None else None
        weights = gather_weights(trainer)
        if not ranks.is_first():
            return {}
        log = read_log(self.folder.log_file)
        first, last = first_and_last(log)
        saved = [line["tokens_saved"] for line in log if "tokens_saved" in line]
        result = {
            "stage": self.stage,
            **self.setup.summary(trainer.args),
            "model": str(self.folder.path),
            "rows": self.data.rows if rows is None else rows,
            "steps": trainer.state.global_step,
            "first": first,
            "last": last,
            "tokens_saved": fmean(saved) if saved else None,
            "validation": validation and {name.removeprefix("eval_"): validation[name] for name in validation},
            "session": asdict(self.session),
            "notes": list(self.data.warnings if rows is None else notes),
        }
        with room_on_disk(self.folder), self.folder.model() as part:
            save_model(trainer, weights, part, stop_id=self.template.stop_id)
            if card:
                (part / "README.md").write_text(card(result, self.folder.manifest()), encoding="utf-8")
        self.folder.finish(result)
        return result

    @property
    def result(self) -> JsonObject:
        """How the training in the folder ended: `result.json`. Empty but in the first process."""
        return (self.folder.result() or {}) if ranks.is_first() else {}


def quieten_libraries() -> None:
    """No bars and hints between our lines, and no telemetry."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    for name in ("trl", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
