"""Direct preference optimisation on packed trees: TRL's loss and metrics, every shared prefix computed once.

    trees = [tree.feature() for pairs in conversations for tree in pack(pairs)]    # pairs: (chosen row, rejected row)
    PackedDPOTrainer(model, args, train_dataset=trees, loss=DPOLoss(beta=0.1), precompute_reference=True).train()

A batch of whole conversations has correlated gradients where TRL draws pairs one by one: take enough trees per step.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from transformers import TrainingArguments

from i2a.errors import UsageError
from training.packing.batch import Batch, row_logps
from training.packing.check import no_dropout
from training.packing.trainer import PackedTrainer


@dataclass(frozen=True)
class DPOLoss:
    """`sigmoid` (Rafailov et al. 2023; with `label_smoothing`, the chance that a label is wrong, conservative DPO),
    `robust` (Chowdhury et al. 2024), `hinge` (SLiC) and `ipo` (length-normalised, as TRL has it).

    `sft_weight`: of the chosen replies' mean negative log-likelihood a token, which is added.
    """

    kind: Literal["sigmoid", "robust", "hinge", "ipo"] = "sigmoid"
    beta: float = 0.1
    label_smoothing: float = 0.0
    sft_weight: float = 0.0

    def __call__(self, chosen: torch.Tensor, rejected: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Of each pair, from log-ratios of policy to reference (pairs); `lengths`: of both replies (pairs, 2)."""
        if self.kind == "ipo":
            return (chosen / lengths[:, 0] - rejected / lengths[:, 1] - 1 / (2 * self.beta)) ** 2
        margin = self.beta * (chosen - rejected)
        if self.kind == "hinge":
            return torch.relu(1 - margin)
        right, wrong = -F.logsigmoid(margin), -F.logsigmoid(-margin)
        flipped = self.label_smoothing
        if self.kind == "robust":
            return ((1 - flipped) * right - flipped * wrong) / (1 - 2 * flipped)
        return (1 - flipped) * right + flipped * wrong


class PackedDPOTrainer(PackedTrainer):
    """Trees whose rows are chosen, rejected, chosen, rejected, ... (`pack` of pairs); each pair weighs the same.

    The reference is the model as it comes. `precompute_reference`: its log-probabilities are computed once, before
    training. Otherwise it runs beside: `ref_model`; else, for a new adapter, the model without it; else a copy.
    """

    dropout = False
    train_dataset: Any
    eval_dataset: Any

    def __init__(
        self,
        model: torch.nn.Module,
        args: TrainingArguments,
        *,
        loss: DPOLoss | None = None,
        ref_model: torch.nn.Module | None = None,
        precompute_reference: bool = False,
        **kwargs: Any,
    ) -> None:
        self.loss = loss or DPOLoss()
        self.terms = ("preference_loss", "nll_loss")
        self.weights = (1.0, self.loss.sft_weight)
        no_dropout(model)
        super().__init__(model, args, **kwargs)
        self._adapter_off = False
        self.ref_model: torch.nn.Module | None = None
        if precompute_reference:
            self._precompute()
        else:
            self._reference_beside(ref_model)

    def counts(self, pack: Batch) -> torch.Tensor:
        return torch.stack([pack["lengths"][0::2].new_tensor(len(pack["lengths"]) // 2), pack["lengths"][0::2].sum()])

    def losses(self, model: torch.nn.Module, pack: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        tokens, _ = self.logps(model, pack)
        logps = row_logps(tokens, pack)
        reference = pack["reference"].to(logps) if "reference" in pack else self._reference(pack)
        chosen, rejected = (logps - reference).view(-1, 2).unbind(1)
        preference = self.loss(chosen, rejected, pack["lengths"].view(-1, 2))
        rewards = self.loss.beta * chosen.detach(), self.loss.beta * rejected.detach()
        metrics = {
            "rewards/chosen": rewards[0].sum(),
            "rewards/rejected": rewards[1].sum(),
            "rewards/margins": (rewards[0] - rewards[1]).sum(),
            "rewards/accuracies": (rewards[0] > rewards[1]).sum(),
            "logps/chosen": logps[0::2].sum(),
            "logps/rejected": logps[1::2].sum(),
        }
        return torch.stack([preference.sum(), -logps[0::2].sum()]), metrics

    def _reference(self, pack: Batch) -> torch.Tensor:
        """Log-probabilities of the rows under the reference model (rows)."""
        if self.ref_model is not None:
            return self._frozen(self.ref_model, pack)
        if not self._adapter_off:
            raise UsageError("this dataset has no reference log-probabilities; pass it to the trainer's constructor")
        with self.accelerator.unwrap_model(self.model).disable_adapter():
            return self._frozen(self.model, pack)

    def _frozen(self, model: torch.nn.Module, pack: Batch) -> torch.Tensor:
        with torch.no_grad():
            return row_logps(self.logps(model, pack)[0], pack)

    def _reference_beside(self, ref_model: torch.nn.Module | None) -> None:
        if ref_model is None and hasattr(self.model, "peft_config"):
            self._adapter_off = True
            self._check_adapter_is_new()
            return
        self.ref_model = self.frozen(ref_model or copy.deepcopy(self.model))

    def _check_adapter_is_new(self) -> None:
        """The model without its adapter is the model that training starts from only if the adapter does nothing yet."""
        [pack] = self._prepare_inputs(self.data_collator([self.train_dataset[0]]))["packs"]
        if not torch.allclose(self._frozen(self.model, pack), self._reference(pack), rtol=1e-3):
            raise UsageError("the adapter has been trained before; precompute the reference, or pass a ref_model")

    def _precompute(self) -> None:
        if self.is_fsdp_enabled:
            raise UsageError("reference log-probabilities cannot be precomputed under FSDP; pass a ref_model")
        self.train_dataset = self.with_reference(self.train_dataset)
        held_out: Any = self.eval_dataset
        if isinstance(held_out, Mapping):
            self.eval_dataset = {name: self.with_reference(data) for name, data in held_out.items()}
        elif held_out is not None:
            self.eval_dataset = self.with_reference(held_out)

    def with_reference(self, dataset: Any) -> Any:
        """The dataset with the log-probabilities of its rows under the model as it is now; each rank does its share."""
        was_training = self.model.training
        self.model.eval()
        column = self.by_rank(
            dataset, lambda pack: self._frozen(self.model, pack).tolist(), "Reference log-probabilities"
        )
        self.model.train(was_training)
        if hasattr(dataset, "add_column"):
            return dataset.add_column("reference", column)
        return [{**feature, "reference": logps} for feature, logps in zip(dataset, column, strict=True)]
