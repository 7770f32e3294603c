"""Training on packed trees with the public API of `transformers.Trainer`; subclasses bring the loss.

A feature is one tree (`PackedTree.feature()`); a batch is some conversations, cut into forward passes of at most
`max_tokens`, each with a backward pass of its own. The loss of a step is a mean over everything that the step holds, on
all ranks and in all accumulated batches, whatever the sizes of the conversations.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import torch
from accelerate.utils import gather_object, tqdm
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from i2a.errors import UsageError
from training.packing.batch import Batch, batch_trees, idle, token_logits, token_logps
from training.packing.check import NotPackable, check_packable
from training.packing.tree import Feature

T = TypeVar("T")
Packs = dict[str, list[Batch]]  # under "packs": a batch as the forward passes that it takes

Sums = dict[str, torch.Tensor]  # by metric: a sum and the number of what was summed, (2)


@dataclass(frozen=True)
class Collator:
    """Features -> {"packs": the tensors of one forward pass each}, filled first fit, larger trees first."""

    max_tokens: int
    multiple: int = 1

    def __call__(self, features: Sequence[Feature]) -> Packs:
        packs: list[list[Feature]] = []
        for feature in sorted(features, key=_size, reverse=True):
            fitting = (pack for pack in packs if sum(map(_size, pack)) + _size(feature) <= self.max_tokens)
            pack = next(fitting, None)
            if pack is None:
                packs.append(pack := [])
            pack.append(feature)
        return {"packs": [batch_trees(pack, multiple=self.multiple) for pack in packs]}


def _size(feature: Feature) -> int:
    return len(feature["ids"])


class PackedTrainer(Trainer):
    """What `PackedDPOTrainer` and `PackedSFTTrainer` share.

    `max_tokens`: of one forward pass; several small trees share one, a larger tree has its own. A dense mask makes each
    tree pay for all, so by default they share up to 512 tokens on a CPU, 2048 on a GPU, 16384 with flex attention.
    `per_device_train_batch_size` counts trees. Raises `NotPackable` if the model's architecture cannot do it.
    """

    loss_is_scaled_for_ga = True
    terms: tuple[str, ...]  # the loss is a weighted sum of these means, which are logged by these names
    weights: tuple[float, ...]
    dropout: bool  # whether it may be on

    def __init__(
        self, model: torch.nn.Module, args: TrainingArguments, *, max_tokens: int | None = None, **kwargs: Any
    ) -> None:
        if args.neftune_noise_alpha:
            raise NotPackable("trees cannot be packed with NEFTune, whose noise depends on the length of the sequence")
        check_packable(model, dropout=self.dropout)
        args.remove_unused_columns = False  # the columns are for the collator, not for the model's forward
        flex = model.config._attn_implementation == "flex_attention"
        if max_tokens is None:
            max_tokens = 16384 if flex else 512 if args.device.type == "cpu" else 2048
        if hasattr(model, "peft_config") and args.activation_checkpointing:
            model.enable_input_require_grads()  # github.com/huggingface/transformers/issues/42489
        super().__init__(model, args, data_collator=Collator(max_tokens, 128 if flex else 1), **kwargs)
        if self.is_deepspeed_enabled:
            raise NotPackable("trees cannot be packed with DeepSpeed, which steps after every backward pass; use FSDP")
        if args.n_gpu > 1:
            raise UsageError("one process sees several GPUs; start it with `accelerate launch`")
        self._sums: dict[bool, Sums] = {True: {}, False: {}}  # by whether they are of training
        self._tokens = 0  # that have been trained on, as they were packed

    def counts(self, pack: Batch) -> torch.Tensor:
        """What each term is a mean over: how many of them the pack holds (terms)."""
        raise NotImplementedError

    def losses(self, model: torch.nn.Module, pack: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The sum of each term over the pack (terms), and of other metrics: sums that are counted as the first term is,
        or pairs of a sum and its own count (2)."""
        raise NotImplementedError

    def logps(self, model: torch.nn.Module, pack: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """`token_logps` of the trained model, or of another in its place."""
        with self.accelerator.autocast():
            return token_logps(model, pack, config=self.model.config, dtype=self._dtype())

    def logits(self, model: torch.nn.Module, pack: Batch) -> torch.Tensor:
        """`token_logits`, likewise."""
        with self.accelerator.autocast():
            return token_logits(model, pack, config=self.model.config, dtype=self._dtype())

    def _dtype(self) -> torch.dtype:
        """Of the queries, under autocast."""
        device = self.args.device.type
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.model.dtype

    def frozen(self, model: torch.nn.Module) -> torch.nn.Module:
        """A model that is run beside the trained one, placed and wrapped as that is."""
        model.eval().requires_grad_(False)
        if self.is_fsdp_enabled:
            from trl.models import prepare_fsdp

            prepared: torch.nn.Module = prepare_fsdp(model, self.accelerator)
        else:
            prepared = self.accelerator.prepare_model(model, evaluation_mode=True)
        return prepared

    def by_rank(self, dataset: Any, compute: Callable[[Batch], T], desc: str | None = None) -> list[T]:
        """What `compute` gives for each feature alone; each rank does its share, and gets all."""
        ranks, rank = self.accelerator.num_processes, self.accelerator.process_index
        mine = range(rank, len(dataset), ranks)
        found: list[tuple[int, T]] = []
        for at in tqdm(mine, desc=desc, disable=self.args.disable_tqdm or desc is None):
            [pack] = self._prepare_inputs(self.data_collator([dataset[at]]))["packs"]
            found.append((at, compute(pack)))
        gathered = dict(gather_object(found))
        return [gathered[at] for at in range(len(dataset))]

    # What of `Trainer` is replaced.

    def get_batch_samples(
        self, epoch_iterator: Iterator[Packs], num_batches: int, device: torch.device
    ) -> tuple[list[Packs], torch.Tensor]:
        """The batches of one optimizer step, and what its loss is a mean over, on all ranks (terms)."""
        batches = list(islice(epoch_iterator, num_batches))
        counts = [self.counts(pack) for batch in batches for pack in batch["packs"]]
        total = torch.stack(counts).sum(0) if counts else torch.zeros(len(self.terms))
        return self._even(batches), self.accelerator.reduce(total.to(device), "sum")

    def training_step(
        self, model: torch.nn.Module, inputs: Packs, num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """A forward and a backward pass for each pack; the ranks exchange gradients in the last."""
        loss = torch.zeros((), device=self.args.device)
        with _same_sums(self.args.device):
            for left, pack in zip(reversed(range(len(inputs["packs"]))), inputs["packs"], strict=True):
                with self.accelerator.no_sync(model) if left else nullcontext():
                    loss += super().training_step(model, pack, num_items_in_batch)
        return loss

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, None]:
        """This pack's share in the loss of the step; ranks average gradients, hence their number."""
        sums, metrics = self.losses(model, inputs)
        counts = self.counts(inputs)
        self._record(model.training, sums.detach(), counts, metrics, inputs["tokens"])
        total = counts if num_items_in_batch is None else num_items_in_batch
        weights = torch.tensor(self.weights, device=sums.device, dtype=sums.dtype)
        loss = (weights * sums / total.clamp(min=1)).sum() * self.accelerator.num_processes
        return (loss, None) if return_outputs else loss

    def prediction_step(
        self, model: torch.nn.Module, inputs: Packs, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[torch.Tensor, None, None]:
        """The loss alone; the exact one, over all batches, comes with the metrics at the end."""
        [batch] = self._even([self._prepare_inputs(inputs)])
        with torch.no_grad():
            losses = [self.compute_loss(model, pack) for pack in batch["packs"]]
        return torch.stack(losses).mean() / self.accelerator.num_processes, None, None

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> EvalLoopOutput:
        self._sums[False] = {}
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        metrics = self._means(training=False)
        metrics["loss"] = sum(weight * metrics[term] for weight, term in zip(self.weights, self.terms, strict=True))
        output.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in metrics.items()})
        return output

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:  # a line of training, which every rank writes at the same step
            logs |= self._means(training=True)
            logs["num_tokens"] = self._tokens
        super().log(logs, start_time)

    def floating_point_ops(self, inputs: Packs) -> int:
        return sum(super(PackedTrainer, self).floating_point_ops(pack) for pack in inputs["packs"])

    def _even(self, batches: list[Packs]) -> list[Packs]:
        """Under FSDP weights are gathered in every forward pass: all ranks must make equally many."""
        if not self.is_fsdp_enabled:
            return batches
        own = torch.tensor([len(batch["packs"]) for batch in batches], device=self.args.device)
        most = self.accelerator.gather(own).view(-1, len(batches)).amax(0).tolist()
        return [
            {"packs": [*batch["packs"], *[idle(batch["packs"][-1])] * (size - len(batch["packs"]))]}
            for batch, size in zip(batches, most, strict=True)
        ]

    def _record(
        self,
        training: bool,
        sums: torch.Tensor,
        counts: torch.Tensor,
        metrics: dict[str, torch.Tensor],
        tokens: torch.Tensor,
    ) -> None:
        pairs = {
            name: value.detach() if value.ndim else torch.stack([value.detach(), counts[0]])
            for name, value in metrics.items()
        }
        pairs |= {name: torch.stack([sums[at], counts[at]]) for at, name in enumerate(self.terms)}
        pairs["tokens_saved"] = tokens
        stored = self._sums[training]
        for name, pair in pairs.items():
            stored[name] = stored.get(name, 0) + pair.float()

    def _means(self, *, training: bool) -> dict[str, float]:
        """Each metric's mean on all ranks since the last time."""
        stored, self._sums[training] = self._sums[training], {}
        if not stored:
            return {}
        names = sorted(stored)
        total = self.accelerator.reduce(torch.stack([stored[name] for name in names]), "sum").tolist()
        sums = dict(zip(names, total, strict=True))
        if training:
            self._tokens += int(sums["tokens_saved"][1])
        return {name: value / number for name, (value, number) in sums.items()}


@contextmanager
def _same_sums(device: torch.device) -> Iterator[None]:
    """On a CPU, add the gradients of what branches in one order: more than two branches, added by several threads as
    they come, give another sum each time."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(before or device.type == "cpu", warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
