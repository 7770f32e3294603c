"""One rank of `test_two_processes_train_as_one_does`: trains what it finds in a folder, and leaves the result there."""

import sys
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, TrainingArguments

sys.path.insert(0, str(Path(__file__).parents[2]))

from training.packing.dpo import DPOLoss, PackedDPOTrainer

folder = Path(sys.argv[1])
features, arguments = torch.load(folder / "given.pt")
trainer = PackedDPOTrainer(
    LlamaForCausalLM.from_pretrained(folder / "start", dtype=torch.float64),
    TrainingArguments(**arguments),
    train_dataset=features,
    eval_dataset=features,
    loss=DPOLoss(beta=0.9),
    precompute_reference=True,
    max_tokens=100,
)
trainer.train()
metrics = trainer.evaluate()
if trainer.is_world_process_zero():
    weights = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    torch.save({"log": trainer.state.log_history, "metrics": metrics, "weights": weights}, folder / "result.pt")
trainer.accelerator.end_training()
