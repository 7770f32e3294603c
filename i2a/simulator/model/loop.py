"""How the base model is trained, top to bottom: settings in, a folder with a model out.

A round is some hundred new documents; after each, recall is measured and a checkpoint written, so Ctrl-C costs
seconds. Documents, batches and weights follow from the settings alone.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from rich.console import Console

from i2a.errors import Interrupted
from i2a.files import atomic_write
from i2a.runs.training_folder import Card, read_log, room_on_disk, versions
from i2a.simulator.model.associations import associations
from i2a.simulator.model.batches import NOTHING, Example, batched, encode
from i2a.simulator.model.curriculum import STAGES, Stage, documents, held_out, stage_at
from i2a.simulator.model.documents import ASSISTANT, USER
from i2a.simulator.model.folder import BaseFolder
from i2a.simulator.model.model import build, topic_dimensions
from i2a.simulator.model.optimizer import optimizers, set_rates
from i2a.simulator.model.progress import Progress
from i2a.simulator.model.recall import Recall, recall
from i2a.simulator.model.settings import RUNTIME, Base
from i2a.simulator.model.tokenizer import learn
from i2a.simulator.model.writing import predicted

COMMON = 150
MEASURED, EVERY = 24, 4  # documents of each kind that recall is measured on, every so many rounds
EMPHASIS = 3.0  # more on the first tokens of an answer, which decide what is recalled; the rest is copied


def looked_at(stage: Stage, config: Base) -> int:
    """How many documents of a stage tokenizer and associations are learnt from; a short training looks at fewer."""
    return min(5 * stage.round, max(64, config.tokens // 300))


@dataclass
class Training:
    """A model in the making. `round`, `steps` and `tokens` count what it has done."""

    config: Base
    tokenizer: Any
    model: Any
    optimizers: list[torch.optim.Optimizer]
    held_out: Mapping[str, Sequence[Example]]
    round: int = 0
    steps: int = 0
    tokens: int = 0

    @classmethod
    def begin(cls, config: Base) -> "Training":
        some = [stage.write(config.seed, place) for stage in STAGES for place in range(looked_at(stage, config))]
        tokenizer = learn(("".join(part.text for part in text) for text in some), size=config.vocabulary)
        examples = encode(tokenizer, some)
        seen = Counter(number for example in examples for number in example.ids)
        model = build(
            tokenizer,
            hidden=config.hidden,
            layers=config.layers,
            heads=config.heads,
            seed=config.seed,
            common=[number for number, _ in seen.most_common(COMMON)],
            associations=associations(
                examples,
                user=tokenizer.convert_tokens_to_ids(USER),
                assistant=tokenizer.convert_tokens_to_ids(ASSISTANT),
                vocabulary=len(tokenizer),
                dimensions=topic_dimensions(config.hidden // config.heads),
                seed=config.seed,
            ),
        )
        examined = {name: encode(tokenizer, some) for name, some in held_out(config.seed, MEASURED).items()}
        return cls(config, tokenizer, model, optimizers(model, config.learning_rate), examined)

    @property
    def share(self) -> float:
        return self.tokens / self.config.tokens

    def read_on(self) -> tuple[str, float]:
        """One round: the stage it belongs to, and the mean loss."""
        config, stage, losses = self.config, stage_at(self.share), list[float]()
        examples = encode(self.tokenizer, documents(stage, config.seed, self.round))
        chance = random.Random(f"batches/{config.seed}/{self.round}")
        for batch in batched(examples, stage.batch, self.tokenizer.pad_token_id, chance):
            if self.tokens >= config.tokens:
                break
            set_rates(self.optimizers, config.learning_rate, self.share, stage.embeddings)
            loss = torch.nn.functional.cross_entropy(predicted(self.model, batch), batch.wanted, reduction="none")
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

    def recall(self) -> dict[str, Recall]:
        """On each kind of document, about people it never met."""
        pad = self.tokenizer.pad_token_id
        return {name: recall(self.model, examples, pad) for name, examples in self.held_out.items()}

    def state(self) -> dict[str, Any]:
        counts = {"round": self.round, "steps": self.steps, "tokens": self.tokens}
        return counts | {"model": self.model.state_dict(), "optimizers": [one.state_dict() for one in self.optimizers]}

    def go_back_to(self, state: Mapping[str, Any]) -> None:
        self.round, self.steps, self.tokens = state["round"], state["steps"], state["tokens"]
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def train_base(config: Base, console: Console | None = None, card: Card | None = None) -> dict[str, Any]:
    """Train; returns what `result.json` holds. Raises `UsageError` before anything is written, and `Interrupted`.

    `card` writes the README of the model from result and manifest.
    """
    torch.set_num_threads(config.threads)
    transformers.logging.disable_progress_bar()
    identity = {"stage": "base", "settings": config.model_dump(mode="json", exclude=RUNTIME)}
    with BaseFolder.open(config.out, identity, {"versions": versions()}, resume=config.resume) as folder:
        if (ended := folder.result()) is not None:
            return ended
        console = console or Console(quiet=True)
        progress = Progress(console, config)
        with console.status("Writing documents, learning a tokenizer from them"):
            training = Training.begin(config)
        if (state := folder.load_state()) is not None:
            training.go_back_to(state)
        try:
            with progress, room_on_disk(folder):
                log = rounds(training, folder, progress)
                return finish(training, folder, log, card)
        except KeyboardInterrupt:
            raise Interrupted(f"stopped; the same command with --resume goes on from round {training.round}") from None


def rounds(training: Training, folder: BaseFolder, progress: Progress) -> list[dict[str, Any]]:
    """Round after round until the tokens are read; returns the log, with the lines of earlier sessions."""
    log = read_log(folder.log_file, upto=training.steps)
    _rewrite(folder, log)
    while training.share < 1.0:
        began = time.process_time()
        stage, loss = training.read_on()
        line = {"step": training.steps, "tokens": training.tokens, "stage": stage, "loss": loss}
        if training.round % EVERY == 0 or training.share >= 1.0 or stage_at(training.share).name != stage:
            line["recall"] = {name: value._asdict() for name, value in training.recall().items()}
        line["cpu_seconds"] = time.process_time() - began
        log.append(line)
        with folder.log_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        folder.save_state(training.round, training.state())
        progress.show(line)
    return log


def _rewrite(folder: BaseFolder, log: Sequence[Mapping[str, Any]]) -> None:
    with atomic_write(folder.log_file) as file:
        file.writelines(json.dumps(line).encode() + b"\n" for line in log)


def finish(
    training: Training, folder: BaseFolder, log: Sequence[Mapping[str, Any]], card: Card | None
) -> dict[str, Any]:
    """Write model, tokenizer, card and result; returns the result."""
    model, tokenizer = training.model, training.tokenizer
    result = {
        "stage": "base",
        "model": str(folder.path),
        "parameters": model.num_parameters(),
        "steps": training.steps,
        "tokens": training.tokens,
        "stages": {line["stage"]: {"loss": line["loss"], "recall": line["recall"]} for line in log if "recall" in line},
        "cpu_seconds": sum(line["cpu_seconds"] for line in log),
    }
    with folder.model() as part:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        if card:
            (part / "README.md").write_text(card(result, folder.manifest()), encoding="utf-8")
    folder.finish(result)
    folder.forget_states()
    return result
