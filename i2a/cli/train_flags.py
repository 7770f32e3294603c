"""The flags that `i2a train sft` and `dpo` share. Defaults live in training/settings.py; here they are only told."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Runs = Annotated[list[Path] | None, Argument(help="Folders of runs, or files of trees: the corpus.")]
Config = Annotated[Path | None, Option(help="A TOML file with any of these settings; flags win over it.")]
Model = Annotated[
    str | None, Option(help="What to start from: a folder (a model, an adapter, an earlier training) or a hub id.")
]
Revision = Annotated[str | None, Option(help="Branch, tag or commit of a model on the hub.")]
Out = Annotated[Path | None, Option(help="The folder for the trained model.")]
Lora = Annotated[
    bool | None,
    Option(
        "--lora/--full",
        help="Train a small adapter (LoRA), or all weights: a 7B model needs some 25 GB of GPU memory or 120."
        "  [default: full; an adapter goes on as an adapter]",
    ),
]
LoraRank = Annotated[int | None, Option(help="Rank of the adapter: what it can hold.  [default: 16]")]
LoraAlpha = Annotated[int | None, Option(help="Its updates are scaled by alpha/rank.  [default: 32]")]
Dtype = Annotated[
    str | None, Option(help="bf16 or fp32 to compute in; auto is bf16 where a GPU has it, else fp32.  [default: auto]")
]
MinMargin = Annotated[
    float | None, Option(help="Only pairs with at least this margin of verdicts, from -1 to 1.  [default: any]")
]
BothOrders = Annotated[
    bool | None, Option("--both-orders", help="Only pairs that the judge decided alike in both orders.")
]
Validation = Annotated[
    float | None,
    Option(
        help="Share of the profiles, and of the personalities, that is held out; the loss on their conversations is "
        "measured with every checkpoint.  [default: 0.0]"
    ),
]
MaxLength = Annotated[
    int | None,
    Option(
        help="Tokens of a row, at most, and never more than the model's context. The oldest turns of a longer one are "
        "dropped, never its end.  [default: 4096]"
    ),
]
Epochs = Annotated[
    float | None, Option(help="How often each row is seen; more soon learns it by heart.  [default: 1.0]")
]
MaxSteps = Annotated[int | None, Option(help="Stop after this many steps.  [default: what the epochs take]")]
Packing = Annotated[
    str | None,
    Option(
        help="tree: what the rows of a conversation have in common is computed once; the same loss for a fraction of "
        "the work. rows: each row on its own, by TRL. A model for which a trial shows that trees would not be exact is "
        "trained on rows, which is said.  [default: tree, where the trial passes]"
    ),
]
Batch = Annotated[
    int | None,
    Option(
        help="Rows in a step, over all processes; the paper's value. A step of trees holds whole conversations, as "
        "many as have about so many rows.  [default: 48]"
    ),
]
Schedule = Annotated[
    str | None, Option(help="cosine, linear or constant: how the rate falls after warm-up.  [default: cosine]")
]
Warmup = Annotated[
    float | None, Option(help="Share of the steps in which the rate rises; steadies Adam's start.  [default: 0.1]")
]
WeightDecay = Annotated[float | None, Option(help="AdamW's; of little use in so short a training.  [default: 0.0]")]
MaxGradNorm = Annotated[float | None, Option(help="Gradients are clipped to this norm.  [default: 1.0]")]
Seed = Annotated[
    int | None,
    Option(help="Order of rows, adapter weights. On one CPU the same seed gives the same model.  [default: 0]"),
]
MicroBatch = Annotated[
    int | None,
    Option(
        help="Rows that a process holds at once, if they are not packed; what fits into memory, else no matter.  "
        "[default: 4]"
    ),
]
Checkpointing = Annotated[
    bool | None,
    Option(
        "--gradient-checkpointing/--no-gradient-checkpointing",
        help="Recompute activations: a third slower, a fraction of the memory.  [default: on with a GPU]",
    ),
]
SaveEvery = Annotated[int | None, Option(help="Steps between checkpoints.  [default: 100]")]
Keep = Annotated[int | None, Option(help="Checkpoints kept, at least 2.  [default: 2]")]
ReportTo = Annotated[
    list[str] | None,
    Option("--report-to", help="tensorboard, wandb or trackio; repeatable. Else nothing leaves the machine."),
]
Resume = Annotated[bool | None, Option("--resume", help="Go on with the training in --out.")]
Quiet = Annotated[bool, Option("--quiet", help="No progress.")]
AsJson = Annotated[bool, Option("--json", help="Print the result as JSON.")]
