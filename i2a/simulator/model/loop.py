"""How the base model is trained, top to bottom: settings in, a folder with a model out.

A round is some hundred new documents; after each, recall is measured and a checkpoint written, so Ctrl-C costs
seconds. Documents, batches and weights follow from the settings alone.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import transformers
from rich.console import Console

from i2a.errors import Interrupted
from i2a.jsonl import JsonMapping, JsonObject, append, dumps
from i2a.models.local.precision import TRAINING, Measure, measure, on_cpu
from i2a.progress import ProgressBar
from i2a.runs.training_folder import Card, rewrite_log, room_on_disk, versions
from i2a.simulator.model.batches import NOTHING, Example, TokenBatch, associations, batched, collate, encode
from i2a.simulator.model.documents import ASSISTANT, STAGES, USER, CurriculumStage, documents, held_out, stage_at
from i2a.simulator.model.folder import BaseFolder
from i2a.simulator.model.model import build, topic_dimensions
from i2a.simulator.model.muon import Muon
from i2a.simulator.model.settings import RUNTIME, Base
from i2a.simulator.model.tokenizer import learn

COMMON = 150
MEASURED, EVERY = 24, 4  # documents of each kind that recall is measured on, every so many rounds
EMPHASIS = 3.0  # more on the first tokens of an answer, which decide what is recalled; the rest is copied
WARM, COOL = 0.02, 0.7  # shares of the training: up to the one the rates rise, from the other on they fall
RECALL_ROWS = 16


def train_base(
    config: Base,
    console: Console | None = None,
    card: Card | None = None,
    timing: Measure = measure,
) -> JsonObject:
    """Train; returns what `result.json` holds. `card` writes the README of result and manifest.

    `timing` decides on the precision. Raises `UsageError` before anything is written, and `Interrupted`.
    """
    torch.set_num_threads(config.threads)
    transformers.logging.disable_progress_bar()
    identity = {"stage": "base", "settings": config.model_dump(mode="json", exclude=RUNTIME)}
    precision = on_cpu("auto", rows=TRAINING, width=config.hidden, flag="", timing=timing)
    metadata = {"versions": versions(), "precision": precision._asdict()}
    with BaseFolder.open(config.out, identity, metadata, resume=config.resume) as folder:
        if (ended := folder.result()) is not None:
            return ended
        console = console or Console(quiet=True)
        if not config.quiet:
            console.print(str(precision), style="dim")
        began = folder.manifest().get("precision", {"bf16": True})  # in version 0.1, always
        training: BaseTraining | None = None
        try:
            with console.status("Writing documents, learning a tokenizer from them"):
                training = BaseTraining.begin(config, bf16=began["bf16"])
            if (state := folder.load_state()) is not None:
                training.restore(state)
            with room_on_disk(folder):
                log = rounds(training, folder, console)
                return finish(training, folder, log, card)
        except KeyboardInterrupt:
            where = f"round {training.round}" if training and training.round else "the start"
            raise Interrupted(f"stopped; the same command with --resume continues from {where}") from None


@dataclass
class BaseTraining:
    """A model in the making. `round`, `steps` and `tokens` count what it has done. `bf16`: of products of matrices."""

    config: Base
    bf16: bool
    tokenizer: transformers.PreTrainedTokenizerBase
    model: transformers.PreTrainedModel
    optimizers: list[torch.optim.Optimizer]
    held_out: Mapping[str, Sequence[Example]]
    round: int = 0
    steps: int = 0
    tokens: int = 0

    @classmethod
    def begin(cls, config: Base, *, bf16: bool) -> "BaseTraining":
        some = [stage.write(config.seed, place) for stage in STAGES for place in range(_sample_size(stage, config))]
        tokenizer = learn(("".join(part.text for part in text) for text in some), size=config.vocabulary)
        examples = encode(tokenizer, some)
        counts = Counter(number for example in examples for number in example.ids)
        model = build(
            tokenizer,
            hidden=config.hidden,
            layers=config.layers,
            heads=config.heads,
            seed=config.seed,
            common=[number for number, _ in counts.most_common(COMMON)],
            associations=associations(
                examples,
                user=tokenizer.convert_tokens_to_ids(USER),
                assistant=tokenizer.convert_tokens_to_ids(ASSISTANT),
                vocabulary=len(tokenizer),
                dimensions=topic_dimensions(config.hidden // config.heads),
                seed=config.seed,
            ),
        )
        unseen = {name: encode(tokenizer, some) for name, some in held_out(config.seed, MEASURED).items()}
        return cls(config, bf16, tokenizer, model, optimizers(model, config.learning_rate, bf16=bf16), unseen)

    @property
    def share(self) -> float:
        return self.tokens / self.config.tokens

    def train_round(self) -> tuple[str, float]:
        """One round: the stage it belongs to, and the mean loss."""
        config, stage, losses = self.config, stage_at(self.share), list[float]()
        examples = encode(self.tokenizer, documents(stage, config.seed, self.round))
        chance = random.Random(f"batches/{config.seed}/{self.round}")
        for batch in batched(examples, stage.batch, self.tokenizer.pad_token_id, chance):
            if self.tokens >= config.tokens:
                break
            set_rates(self.optimizers, config.learning_rate, self.share, stage.embeddings)
            loss = torch.nn.functional.cross_entropy(self.predicted(batch), batch.wanted, reduction="none")
            written = batch.wanted != NOTHING
            weights = written + EMPHASIS * batch.first
            (loss @ weights / weights.sum()).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad()
            losses.append((loss.sum() / written.sum()).item())
            self.steps, self.tokens = self.steps + 1, self.tokens + batch.ids.numel()
        self.round += 1
        return stage.name, sum(losses) / len(losses)

    def recall(self) -> dict[str, "RecallRate"]:
        """On each kind of document, about people it never met."""
        pad = self.tokenizer.pad_token_id
        return {name: recall(self.predicted, examples, pad) for name, examples in self.held_out.items()}

    def predicted(self, batch: TokenBatch) -> torch.Tensor:
        """The logits (places, vocabulary). The head is applied at scored places only, half the work of a step."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            hidden = self.model.model(batch.ids, use_cache=False).last_hidden_state
            logits: torch.Tensor = self.model.lm_head(hidden[batch.row, batch.at])
        return logits.float()

    def state(self) -> JsonObject:
        counts = {"round": self.round, "steps": self.steps, "tokens": self.tokens}
        return counts | {"model": self.model.state_dict(), "optimizers": [one.state_dict() for one in self.optimizers]}

    def restore(self, state: JsonMapping) -> None:
        self.round, self.steps, self.tokens = state["round"], state["steps"], state["tokens"]
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def rounds(training: BaseTraining, folder: BaseFolder, console: Console) -> list[JsonObject]:
    """Round after round until the tokens are read; returns the log, with the lines of earlier sessions."""
    log = rewrite_log(folder.log_file, upto=training.steps)
    with TrainingView(console, training.config) as view:
        while training.share < 1.0:
            start = time.process_time()
            stage, loss = training.train_round()
            line = {"step": training.steps, "tokens": training.tokens, "stage": stage, "loss": loss}
            if training.round % EVERY == 0 or training.share >= 1.0 or stage_at(training.share).name != stage:
                line["recall"] = {name: value._asdict() for name, value in training.recall().items()}
            line["cpu_seconds"] = time.process_time() - start
            log.append(line)
            append(folder.log_file, dumps(line))
            folder.save_state(training.round, training.state())
            view.show(line)
    return log


def finish(
    training: BaseTraining,
    folder: BaseFolder,
    log: Sequence[JsonMapping],
    card: Card | None,
) -> JsonObject:
    """Write model (in float16, half the size), tokenizer, card and result; returns the result."""
    model, tokenizer = training.model, training.tokenizer
    result = {
        "stage": "base",
        "model": str(folder.path),
        "parameters": model.num_parameters(),
        "dtype": "bf16" if training.bf16 else "fp32",
        "steps": training.steps,
        "tokens": training.tokens,
        "stages": {line["stage"]: {"loss": line["loss"], "recall": line["recall"]} for line in log if "recall" in line},
        "cpu_seconds": sum(line["cpu_seconds"] for line in log),
    }
    with folder.model() as part:
        model.half().save_pretrained(part)
        tokenizer.save_pretrained(part)
        if card:
            (part / "README.md").write_text(card(result, folder.manifest()), encoding="utf-8")
    folder.finish(result)
    folder.delete_states()
    return result


def _sample_size(stage: CurriculumStage, config: Base) -> int:
    """How many documents of a stage tokenizer and associations are learnt from; a short training looks at fewer."""
    return min(5 * stage.round, max(64, config.tokens // 300))


# Steps.


def optimizers(model: transformers.PreTrainedModel, rate: float, *, bf16: bool) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings and norms.

    For matrices of this size Muon (Jordan 2024) learns to copy in a third of the tokens that AdamW takes.
    """
    named = dict(model.named_parameters())
    matrices = [weight for name, weight in named.items() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in named.items() if weight.ndim != 2 or "embed" in name]
    return [
        Muon(matrices, rate, dtype=torch.bfloat16 if bf16 else torch.float32),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def set_rates(used: Sequence[torch.optim.Optimizer], rate: float, share: float, embeddings: float) -> None:
    """The rates after this share of the training: up, level, then down to a tenth."""
    scale = min(1.0, 0.05 + share / WARM) * (1.0 - 0.9 * max(0.0, share - COOL) / (1.0 - COOL))
    for optimizer, factor in zip(used, (1.0, embeddings), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor * scale


# Recall.


class RecallRate(NamedTuple):
    """Shares in 0..1: of what was to be recalled wholly right, and of its tokens."""

    whole: float
    tokens: float


def recall(predicted: Callable[[TokenBatch], torch.Tensor], examples: Sequence[Example], pad: int) -> RecallRate:
    """Shown the dialogue and the start of the answer, would the likeliest token have been right at each place?

    Where all of them are, greedy decoding gives that very answer.
    """
    asked = [Example(one.ids, [at for span in one.recalled for at in span], one.recalled) for one in examples]
    asked = [example for example in asked if example.scored]
    right = wholly = tokens = answers = 0
    for start in range(0, len(asked), RECALL_ROWS):
        some = asked[start : start + RECALL_ROWS]
        batch = collate(some, pad)
        with torch.no_grad():
            good = iter((predicted(batch).argmax(-1) == batch.wanted).tolist())
        for span in (span for example in some for span in example.recalled):
            hits = [next(good) for _ in span]
            right, tokens = right + sum(hits), tokens + len(hits)
            wholly, answers = wholly + all(hits), answers + 1
    return RecallRate(wholly / answers, right / tokens)


class TrainingView(ProgressBar):
    """Shows how many of the tokens are read, with loss and recall."""

    def __init__(self, console: Console, config: Base) -> None:
        super().__init__(console, "{task.fields[found]}", percent=True, quiet=config.quiet)
        self._total, self._recall = config.tokens, "not measured yet"
        self._task = self.add_task("base", total=config.tokens, found="")

    def show(self, line: JsonMapping) -> None:
        """A line of the log."""
        if "recall" in line:
            self._recall = ", ".join(f"{name} {found['tokens']:.0%}" for name, found in line["recall"].items())
        found = f"loss {line['loss']:.3f}, tokens recalled: {self._recall}"
        self.update(self._task, description=line["stage"], completed=line["tokens"], found=found)
        self.line(f"{line['stage']} {min(1.0, line['tokens'] / self._total):.0%}, {found}")
