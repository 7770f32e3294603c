"""`i2a train sft|dpo|grpo|base`, and the accelerate configurations that come with them."""

import json
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument

from i2a.cli.command import command
from i2a.jsonl import JsonObject

if TYPE_CHECKING:
    from i2a.simulator.model.settings import Base
    from training.settings import DPO, GRPO, SFT

# Once a process has failed, a launcher ends the others. So that an error they share is printed once, by the first one,
# the others wait for this many seconds.
WAIT = 5.0
SFT_EXAMPLE = """\
i2a train sft runs/first --model runs/base --out runs/sft
i2a train sft runs/server --model Qwen/Qwen2.5-7B-Instruct --lora \\
    --out runs/qwen-sft
accelerate launch --config_file "$(i2a train accelerate ddp)" \\
    -m i2a.cli train sft runs/first ..."""
SFT_TOML = """\
runs = ["runs/server"]
model = "Qwen/Qwen2.5-7B-Instruct"
lora = true
out = "runs/qwen-sft"
"""
DPO_EXAMPLE = "i2a train dpo runs/first --model runs/sft --out runs/dpo"
DPO_TOML = """\
runs = ["runs/first"]
model = "runs/sft"
out = "runs/dpo"
"""
GRPO_EXAMPLE = """\
i2a train grpo --model small --turns 3 --iterations 2 --out runs/grpo
i2a train grpo --model runs/sft --out runs/grpo --reward judge=1 \\
    --reward length:40=-0.5 --others openai:qwen3@http://localhost:8000/v1"""
GRPO_TOML = """\
model = "runs/sft"
out = "runs/grpo"
others = "openai:qwen3@http://localhost:8000/v1"
reward = { judge = 1.0, "length:40" = -0.5 }
"""
BASE_TOML = """\
out = "runs/base"
tokens = 1_200_000"""
SHARDED = """\
i2a train accelerate ddp
accelerate launch --config_file "$(i2a train accelerate fsdp)" \\
    -m i2a.cli train sft runs/first ..."""

train = typer.Typer(help="Turn trees into a trained model.", no_args_is_help=True, rich_markup_mode=None)


@train.command()
@command("training.settings:SFT", example=SFT_EXAMPLE, toml=SFT_TOML, extra="train")
def sft(config: "SFT", as_json: bool) -> None:
    """Fine-tune a model on the preferred replies of a corpus, each with the dialogue before it.

    The loss is on the reply alone. On Ctrl-C a checkpoint is saved, and the same command with --resume continues. Exit
    code 130: interrupted.
    """
    from training.sft import sft as run

    _train(run, config, as_json)


@train.command()
@command("training.settings:DPO", example=DPO_EXAMPLE, toml=DPO_TOML, extra="train")
def dpo(config: "DPO", as_json: bool) -> None:
    """Train a model, best one from `i2a train sft`, to prefer the chosen reply of each pair to the rejected one.

    The reference is the model that training starts from. With tree packing its log-probabilities are computed once,
    before the first step; on rows it is the base under the LoRA adapter, or else a second copy in memory. On Ctrl-C a
    checkpoint is saved, and the same command with --resume continues. Exit code 130: interrupted.
    """
    from training.dpo import dpo as run

    _train(run, config, as_json)


@train.command()
@command("training.settings:GRPO", example=GRPO_EXAMPLE, toml=GRPO_TOML, extra="train")
def grpo(config: "GRPO", as_json: bool) -> None:
    """Train a model by interaction, best one from `i2a train sft`: it talks, is judged, and learns from that.

    In each iteration it has conversations with the simulated person, in which it gives several replies to the same
    words; each is given its rewards, and one goes on. It learns which were better than their siblings (GRPO). The
    conversations are runs in OUT/rollouts, to look at with `i2a show`. On Ctrl-C the iteration is finished or, while
    it talks, kept as far as it is, and the same command with --resume continues. Exit code 130: interrupted.
    """
    from training.grpo import grpo as run

    _train(run, config, as_json)


@train.command()
@command("i2a.simulator.model.settings:Base", example="i2a train base --out runs/base", toml=BASE_TOML, extra="train")
def base(config: "Base", as_json: bool) -> None:
    """Train a small model from scratch that can chat and recall what was said, but does not adapt to the user.

    The model `small`, which comes with i2a, was made by this command: minutes on two CPU cores, no download. It learns
    to copy, then reads dialogues of the offline engine with generic replies. On Ctrl-C seconds of work are lost, and
    the same command with --resume continues. Exit code 130: interrupted.
    """
    from rich.console import Console

    from i2a.report.cards.base import base_card
    from i2a.simulator.model.loop import train_base

    result = train_base(config, Console(stderr=True), base_card)
    typer.echo(json.dumps(result)) if as_json else typer.echo(_base_in_words(result), err=True)


@train.command()
@command(example=SHARDED)
def accelerate(name: Annotated[str, Argument(metavar="NAME", help="single, ddp or fsdp.")]) -> None:
    """Print the path of a configuration for `accelerate launch`.

    single: one GPU. ddp: a copy of the model on each GPU. fsdp: one model, sharded over all GPUs.
    """
    from i2a.errors import UsageError

    folder = Path(str(files("training") / "accelerate"))
    if not (folder / f"{name}.yaml").exists():
        names = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise UsageError(f"there is no configuration {name!r}; there are: {names}")
    typer.echo(folder / f"{name}.yaml")


def _train(run: Callable[..., JsonObject], config: "SFT | DPO | GRPO", as_json: bool) -> None:
    from rich.console import Console

    from i2a.errors import I2AError
    from i2a.report.cards.model import model_card
    from training import ranks

    try:
        result = run(config, Console(stderr=True), model_card)
    except I2AError:
        if not ranks.is_first():
            time.sleep(WAIT)
        raise
    if result and as_json:
        typer.echo(json.dumps(result))
    elif result:
        typer.echo(_in_words(result), err=True)


def _in_words(result: JsonObject) -> str:
    """The finishing lines: what came of it, and what to do with it."""
    first, last, folder = result["first"], result["last"], result["model"]
    lines = [f"{result['steps']} steps on {result['rows']:,} rows, loss {first['loss']:.4g} -> {last['loss']:.4g}"]
    if "reward" in last:
        lines.append(
            f"reward {first['reward']:.4g} -> {last['reward']:.4g} of what it trained on; measure with another"
        )
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


def _base_in_words(result: JsonObject) -> str:
    """The finishing lines: what came of it, and what to do with it."""
    last = list(result["stages"].values())[-1]
    recalled = ", ".join(f"{name} {found['tokens']:.1%}" for name, found in last["recall"].items())
    return (
        f"{result['parameters']:,} parameters, {result['tokens']:,} tokens in {result['steps']:,} steps, "
        f"loss {last['loss']:.3f}; tokens recalled: {recalled}\n"
        f"{result['model']} holds the model. Go on:  i2a train sft RUN --model {result['model']} --out runs/sft"
    )
