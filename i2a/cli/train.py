"""`i2a train base|sft|dpo`, and the accelerate configurations that come with them."""

import json
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from i2a.cli.train_base import base
from i2a.cli.train_flags import (
    AsJson,
    Batch,
    BothOrders,
    Checkpointing,
    Config,
    Dtype,
    Epochs,
    Keep,
    Lora,
    LoraAlpha,
    LoraRank,
    MaxGradNorm,
    MaxLength,
    MaxSteps,
    MicroBatch,
    MinMargin,
    Model,
    Out,
    Packing,
    Quiet,
    ReportTo,
    Resume,
    Revision,
    Runs,
    SaveEvery,
    Schedule,
    Seed,
    Validation,
    Warmup,
    WeightDecay,
)

EXTRA = {"torch", "transformers", "trl", "peft", "accelerate", "datasets", "safetensors", "pyarrow"}
# Once a process has failed, a launcher ends the others. So that an error they share is printed once, by the first one,
# the others hold theirs back for so many seconds.
WORD = 5.0

train = typer.Typer(help="Turn trees into a trained model.", no_args_is_help=True, rich_markup_mode=None)
train.command("base")(base)


@train.command()
def sft(
    context: typer.Context,
    runs: Runs = None,
    model: Model = None,
    out: Out = None,
    config: Config = None,
    revision: Revision = None,
    lora: Lora = None,
    lora_rank: LoraRank = None,
    lora_alpha: LoraAlpha = None,
    dtype: Dtype = None,
    target: Annotated[
        str | None,
        Option(help="Learn the preferred replies, or (the paper's ablation) rejected.  [default: preferred]"),
    ] = None,
    min_margin: MinMargin = None,
    both_orders: BothOrders = None,
    validation: Validation = None,
    mix: Annotated[
        str | None,
        Option(
            help='General chat data, so that other skills stay: JSONL of {"messages": [...]}, a dataset\'s folder, or '
            "its hub id."
        ),
    ] = None,
    mix_ratio: Annotated[float | None, Option(help="Its share of all rows.  [default: 0.2]")] = None,
    packing: Packing = None,
    max_length: MaxLength = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch: Batch = None,
    learning_rate: Annotated[
        float | None, Option(help="[default: 1e-05, the paper's; 0.0001 with --lora, which wants ten times as much]")
    ] = None,
    schedule: Schedule = None,
    warmup: Warmup = None,
    weight_decay: WeightDecay = None,
    max_grad_norm: MaxGradNorm = None,
    seed: Seed = None,
    micro_batch: MicroBatch = None,
    gradient_checkpointing: Checkpointing = None,
    save_every: SaveEvery = None,
    keep: Keep = None,
    report_to: ReportTo = None,
    resume: Resume = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model on the preferred replies of a corpus, each with the dialogue that led to it.

    The loss is on the reply alone. Ctrl-C saves a checkpoint; the same command with --resume goes on. Exit code 130:
    interrupted.

    Example:  i2a train sft runs/first --model Qwen/Qwen2.5-7B-Instruct --lora --out runs/sft

    On several GPUs:  accelerate launch --config_file "$(i2a train accelerate ddp)" -m i2a.cli train sft runs/first ...
    """
    _train("sft", context.params)


@train.command()
def dpo(
    context: typer.Context,
    runs: Runs = None,
    model: Model = None,
    out: Out = None,
    config: Config = None,
    revision: Revision = None,
    lora: Lora = None,
    lora_rank: LoraRank = None,
    lora_alpha: LoraAlpha = None,
    dtype: Dtype = None,
    min_margin: MinMargin = None,
    both_orders: BothOrders = None,
    validation: Validation = None,
    beta: Annotated[
        float | None,
        Option(
            help="How much the model is held to its start. The released code has 0.9, at which hardly anything moves; "
            "0.1 is what most preference training uses.  [default: 0.1]"
        ),
    ] = None,
    loss: Annotated[
        str | None, Option(help="sigmoid (DPO), ipo (sure labels do not run away) or hinge.  [default: sigmoid]")
    ] = None,
    label_smoothing: Annotated[
        float | None,
        Option(help="The chance that a label is wrong, for the sigmoid loss (conservative DPO).  [default: 0.0]"),
    ] = None,
    sft_weight: Annotated[
        float | None,
        Option(help="Weight of an SFT term on the chosen reply, which keeps its likelihood up.  [default: 0.0]"),
    ] = None,
    packing: Packing = None,
    max_length: MaxLength = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch: Batch = None,
    learning_rate: Annotated[
        float | None,
        Option(
            help="[default: 5e-07, as DPO of 7B models is mostly done: at the released code's 1e-5 they forget how to "
            "speak; 5e-06 with an adapter]"
        ),
    ] = None,
    schedule: Schedule = None,
    warmup: Warmup = None,
    weight_decay: WeightDecay = None,
    max_grad_norm: MaxGradNorm = None,
    seed: Seed = None,
    micro_batch: MicroBatch = None,
    gradient_checkpointing: Checkpointing = None,
    save_every: SaveEvery = None,
    keep: Keep = None,
    report_to: ReportTo = None,
    resume: Resume = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Teach a model, best one that `i2a train sft` made, to prefer the chosen reply of each pair to the rejected one.

    The reference is the model it starts from. For trees its log-probabilities are computed once, before the first step;
    on rows it is the switched-off adapter with LoRA, else a second copy in memory. Ctrl-C saves a checkpoint; the same
    command with --resume goes on. Exit code 130: interrupted.

    Example:  i2a train dpo runs/first --model runs/sft --out runs/dpo
    """
    _train("dpo", context.params)


@train.command()
def accelerate(name: Annotated[str, Argument(help="single, ddp or fsdp.")]) -> None:
    """Print the path of a configuration for `accelerate launch`: one GPU, one copy on each, or one sharded over all.

    Example:  accelerate launch --config_file "$(i2a train accelerate fsdp)" -m i2a.cli train sft runs/first ...
    """
    from i2a.errors import UsageError

    folder = Path(str(files("training") / "accelerate"))
    if not (folder / f"{name}.yaml").exists():
        names = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise UsageError(f"there is no configuration {name!r}; there are: {names}")
    typer.echo(folder / f"{name}.yaml")


def _train(stage: Literal["sft", "dpo"], given: dict[str, Any]) -> None:
    """Run a stage with what stands on the command line; `given` has it under the names of the settings."""
    from i2a.errors import Interrupted
    from training import settings

    flags = {name: value for name, value in given.items() if value not in (None, [], ())}
    file, quiet, as_json = flags.pop("config", None), flags.pop("quiet"), flags.pop("as_json")
    config = settings.settings(settings.STAGES[stage], file, flags | ({"view": "quiet"} if quiet else {}))
    try:
        result = _run(stage, config)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the same command with --resume goes on") from None
    if result and as_json:
        typer.echo(json.dumps(result))
    elif result:
        typer.echo(_in_words(result), err=True)


def _run(stage: Literal["sft", "dpo"], config: Any) -> dict[str, Any]:
    from rich.console import Console

    from i2a.errors import I2AError, UsageError

    try:
        from i2a.report.cards.model import model_card
        from training import ranks
        from training.dpo import dpo
        from training.sft import sft
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        raise UsageError(f"training needs the package {error.name}: pip install 'i2a[train]'") from None
    try:
        return (sft if stage == "sft" else dpo)(config, Console(stderr=True), model_card)
    except I2AError:
        if not ranks.is_first():
            time.sleep(WORD)
        raise


def _in_words(result: dict[str, Any]) -> str:
    """The finishing lines: what came of it, and what to do with it."""
    first, last, folder = result["first"], result["last"], result["model"]
    lines = [f"{result['steps']} steps on {result['rows']:,} rows, loss {first['loss']:.4g} -> {last['loss']:.4g}"]
    if "rewards/margins" in last:
        lines.append(
            f"reward margin {first['rewards/margins']:.4g} -> {last['rewards/margins']:.4g}, the chosen reply ahead in "
            f"{last['rewards/accuracies']:.1%} of the pairs"
        )
    if result["tokens_saved"]:
        lines.append(f"packed as trees, with {result['tokens_saved']:.1f} times fewer tokens than its rows have")
    if result["validation"]:
        lines.append(f"held-out loss {result['validation']['loss']:.4g}")
    kind = "an adapter" if result["adapter"] else "the model"
    lines.append(f"{folder} holds {kind}. Use it as hf:{folder}, e.g.  i2a evaluate hf:{folder} --out runs/evaluation")
    return "\n".join(lines)
