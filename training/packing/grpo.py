"""Group-relative policy optimisation on packed trees: TRL's loss, every shared prefix computed once.

A row is the prompt and one reply as the policy drew it. A feature has, beside the fields of its tree, the `advantages`
of its rows and, for each scored token, `sampled`: its log-probability when it was drawn.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from transformers import TrainingArguments

from training.packing.batch import Batch, idle
from training.packing.check import no_dropout
from training.packing.trainer import PackedTrainer, Packs
from training.packing.tree import Feature, Row, pack_rows, split_groups


@dataclass(frozen=True)
class GRPOLoss:
    """The clipped surrogate of PPO with the log-probabilities of sampling, as TRL has it (`loss_type`):

    `dapo`: a mean over the tokens of a step (Yu et al. 2025); `grpo`: over its replies, of means over their tokens
    (Shao et al. 2024), so that tokens of short replies weigh more; `dr_grpo`: a sum over tokens by the number of
    replies times `max_tokens` (Liu et al. 2025). TRL's `bnpo` is `dapo` for whoever counts the whole step, as we do.

    `beta`: of the KL divergence from the reference: the estimator k3 of Schulman times the ratio, which makes its
    gradient unbiased (DeepSeek-V3.2, as in TRL 1.16). `temperature`: that of sampling.
    """

    kind: Literal["dapo", "grpo", "dr_grpo"] = "dapo"
    epsilon_low: float = 0.2
    epsilon_high: float = 0.2
    beta: float = 0.0
    temperature: float = 1.0
    max_tokens: int = 256

    def number(self, lengths: torch.Tensor) -> torch.Tensor:
        """What the loss of replies with so many tokens (rows) is divided by."""
        match self.kind:
            case "dapo":
                return lengths.sum()
            case "grpo":
                return lengths.new_tensor(len(lengths))
            case "dr_grpo":
                return lengths.new_tensor(len(lengths) * self.max_tokens)

    def policy(self, ratio: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
        """Of each token, from its probability over that when it was drawn, and its reply's advantage."""
        clipped = ratio.clamp(1 - self.epsilon_low, 1 + self.epsilon_high)
        return -torch.min(ratio * advantages, clipped * advantages)

    def clips(self, ratio: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
        """Whether a token has no gradient, as it has moved far enough."""
        low, high = ratio < 1 - self.epsilon_low, ratio > 1 + self.epsilon_high
        return (low & (advantages < 0)) | (high & (advantages > 0))


@dataclass(frozen=True)
class Reply:
    """A reply of the policy. `tokens`: prompt and reply, and where the reply starts; `sampled`: a number for each token
    of the reply."""

    tokens: Row
    sampled: Sequence[float]
    advantage: float


def grpo_features(replies: Sequence[Reply], *, max_tokens: int | None = None) -> list[Feature]:
    """The replies of one conversation as a feature, or several if it would have over `max_tokens`."""
    groups = [[reply.tokens] for reply in replies]
    parts = [list(range(len(replies)))] if max_tokens is None else split_groups(groups, max_tokens)
    return [_feature([replies[member] for member in part]) for part in parts]


def _feature(replies: Sequence[Reply]) -> Feature:
    return pack_rows([reply.tokens for reply in replies]).feature() | {
        "advantages": [reply.advantage for reply in replies],
        "sampled": [logp for reply in replies for logp in reply.sampled],
    }


Collect = Callable[[int], Sequence[Feature]]  # iteration from 0 -> its features
ROUNDING = 1e-3  # nats; batches of other sizes differ by up to 5e-5 in fp32


class PackedGRPOTrainer(PackedTrainer):
    """Trains on what `collect` brings: iteration after iteration the features of `grpo_features`, for all ranks.

    `collect(iteration)` is called before the first step of an iteration, when the weights are those that are to speak.
    An iteration has `updates` steps, each on other trees, `epochs` times; checkpoints belong between iterations. The
    reference, if `loss.beta` is over 0, is `ref_model`, or else the model without its adapter.

    Logged beside the terms of the loss: `entropy`; `clip_share`, of the tokens; `kl`, to the reference; and `drift`,
    how far log-probabilities are from those of sampling. Before the first step they should not be, so what they are
    then is logged as `mismatch/mean`, `mismatch/max` and `mismatch/kl` (mean of ratio - 1 - log ratio). Where they
    agree to `ROUNDING`, those computed here count: who shared a batch with whom when they were drawn changes nothing.
    """

    dropout = False

    def __init__(
        self,
        model: torch.nn.Module,
        args: TrainingArguments,
        *,
        loss: GRPOLoss,
        collect: Collect,
        updates: int = 1,
        epochs: int = 1,
        ref_model: torch.nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        self.loss = loss
        self.collect, self.updates, self.epochs = collect, updates, epochs
        self.news: dict[str, float] = {}  # of the iteration, for the log of its first step
        self.terms = ("policy_loss", "kl_loss") if loss.beta else ("policy_loss",)
        self.weights = (1.0, loss.beta) if loss.beta else (1.0,)
        no_dropout(model)
        super().__init__(model, args, **kwargs)
        self.ref_model = self.frozen(ref_model) if loss.beta and ref_model is not None else None

    def counts(self, pack: Batch) -> torch.Tensor:
        return self.loss.number(pack["lengths"]).expand(len(self.terms))

    def losses(self, model: torch.nn.Module, pack: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        slot, row, loss = pack["slot"], pack["row"], self.loss
        words = self._words(model, pack)
        logps = _of_labels(words, pack)
        advantages = pack["advantages"].to(logps)[row]
        log_ratio = logps - pack["sampled"].to(logps)
        ratio = log_ratio.exp()
        weight = 1 / pack["lengths"].to(logps)[row] if loss.kind == "grpo" else torch.ones_like(logps)
        terms = [(weight * loss.policy(ratio, advantages)).sum()]
        means = {
            "entropy": -(words.detach().exp() * words.detach()).sum(-1)[slot],
            "clip_share": loss.clips(ratio.detach(), advantages),
            "drift": log_ratio.detach().abs(),
            "drift_kl": ratio.detach() - 1 - log_ratio.detach(),
        }
        if loss.beta:
            reference = pack["reference"].to(logps)
            kl = (reference - logps).exp() - (reference - logps) - 1
            terms.append((weight * ratio * kl).sum())
            means["kl"] = kl.detach()
        number = torch.tensor(len(logps), device=logps.device)
        metrics = {name: torch.stack([values.sum(), number]) for name, values in means.items()}
        return torch.stack(terms), metrics

    def _words(self, model: torch.nn.Module, pack: Batch) -> torch.Tensor:
        """Log-probabilities of all words in the place of each distinct scored token (k, words), as they were drawn."""
        return F.log_softmax(self.logits(model, pack) / self.loss.temperature, -1)

    def _reference(self, pack: Batch) -> torch.Tensor:
        """Log-probabilities of the scored tokens under the reference (s)."""
        if self.ref_model is not None:
            return _of_labels(self._words(self.ref_model, pack), pack)
        with self.accelerator.unwrap_model(self.model).disable_adapter():
            return _of_labels(self._words(self.model, pack), pack)

    def prepared(self, features: Sequence[Feature]) -> list[Feature]:
        """The features before the first step on them, with a column `reference` and what there is to know of the
        sampling. Each rank computes its share."""
        with torch.no_grad():
            found = self.by_rank(features, self._now)
        made: list[Feature] = []
        ratios: list[float] = []
        for feature, (logps, reference) in zip(features, found, strict=True):
            drawn = feature["sampled"]
            sampled = [ours if abs(ours - old) < ROUNDING else old for ours, old in zip(logps, drawn, strict=True)]
            made.append({**feature, "sampled": sampled, "reference": reference})
            ratios += [ours - old for ours, old in zip(logps, drawn, strict=True)]
        apart = torch.tensor(ratios)
        self.news |= {
            "mismatch/mean": float(apart.abs().mean()),
            "mismatch/max": float(apart.abs().max()),
            "mismatch/kl": float((apart.expm1() - apart).mean()),
        }
        return made

    def _now(self, pack: Batch) -> tuple[list[float], list[float]]:
        """Log-probabilities of the scored tokens of one tree under the model, and under the reference."""
        logps = _of_labels(self._words(self.model, pack), pack)
        return logps.tolist(), (self._reference(pack) if self.loss.beta else logps).tolist()

    # What of `Trainer` is replaced.

    def get_train_dataloader(self) -> "Iteration":
        return Iteration(self)

    def _means(self, *, training: bool) -> dict[str, float]:
        means = super()._means(training=training)
        news, self.news = (self.news, {}) if means and training else ({}, self.news)
        return means | news


class Iteration:
    """The batches of one iteration, made as they are asked for; what a training takes for a data loader."""

    def __init__(self, trainer: PackedGRPOTrainer) -> None:
        self.trainer = trainer

    def __len__(self) -> int:
        return self.trainer.updates * self.trainer.epochs

    def __iter__(self) -> Iterator[Packs]:
        trainer = self.trainer
        iteration = trainer.state.global_step // len(self)
        features = trainer.prepared(trainer.collect(iteration))
        ranks, rank = trainer.accelerator.num_processes, trainer.accelerator.process_index
        for part in self._parts(features, iteration):
            packs = trainer.data_collator(part[rank::ranks])
            yield packs if packs["packs"] else {"packs": list(map(idle, trainer.data_collator(part[:1])["packs"]))}

    def _parts(self, features: Sequence[Feature], iteration: int) -> list[list[Feature]]:
        """What each step trains on. With fewer trees than `updates` some steps have nothing, and change nothing."""
        parts = []
        for epoch in range(self.trainer.epochs):
            order = random.Random(f"{self.trainer.args.seed}/{iteration}/{epoch}").sample(features, len(features))
            parts += [order[at :: self.trainer.updates] for at in range(self.trainer.updates)]
        return parts


def _of_labels(words: torch.Tensor, pack: Batch) -> torch.Tensor:
    """Of every scored token of every row (s)."""
    return words.gather(-1, pack["labels"][:, None])[:, 0][pack["slot"]]
