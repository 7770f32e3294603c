"""`i2a demo`: from personas to a report, step by step. Each step is a command that is shown before it runs."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from i2a.cli.command import command

if TYPE_CHECKING:
    from i2a.cli.settings import DemoOptions

# All candidates write with the same settings. DRY: without it, late replies of so small a model repeat earlier ones.
DRY = "dry_multiplier=1.5&dry_base=1&dry_allowed_length=1"
SAMPLING = f"temperature=0.4&top_p=0.8&{DRY}&max_new_tokens=60"
BOUNDS = ("generic=offline:generic", "oracle=offline:oracle")
SFT = ("--learning-rate", "2e-4", "--batch", "20")
DPO = ("--learning-rate", "1e-4", "--sft-weight", "1", "--batch", "24")
STDERR = 2
STARTING = 8.0  # seconds that a step takes however small it is: most import torch


class Step(NamedTuple):
    """A command of `i2a`, why it is run, and about how many seconds of two cores without bf16 it takes in all."""

    title: str
    seconds: float
    args: Sequence[str]


TOML = """\
seed = 2
cases = 30
"""


@command("i2a.cli.settings:DemoOptions", example="i2a demo --small", toml=TOML, extra="train")
def demo(config: "DemoOptions", as_json: bool) -> None:
    """Train a small model on simulated conversations and measure what it has learnt, on this machine alone.

    The model `small`, which comes with i2a, is trained by SFT and by DPO on conversations of the offline engine, and
    compared with itself, with bounds and with controls. Takes up to ten minutes on two cores; with --small one minute,
    and its numbers mean nothing. After an interruption, the same command continues. Exit code 130: interrupted.
    """
    report = config.folder / ("splits.html" if config.splits else "report.html")
    if not (config.folder / "report.html").exists():
        run(steps(config), err=as_json)
    if config.splits and not report.exists():
        run(splits(config), err=as_json)
    if as_json:
        typer.echo(json.dumps({"report": str(report), "small": config.small}))
        return
    for result in ("unseen", "benchmark") if config.splits else ("choice", "reward", "evaluation"):
        typer.echo()
        call(["compare", str(config.folder / result)])
    if config.small:
        typer.echo("\nThese numbers mean nothing: --small only shows that everything runs.")
    typer.echo(f"\nThe report is {report}: open it in a browser. Three commands to try next:\n")
    for line in (
        f"i2a show {config.folder / 'evaluation'} dpo/{first_case(config.folder)}",
        f"i2a train sft {config.folder / 'pairs'} --model small --max-steps 20 --out runs/mine",
        "i2a simulate --scenario tutor --conversations 4 --out runs/tutor",
    ):
        typer.echo(f"  {line}")


def steps(config: "DemoOptions") -> list[Step]:
    """What leads to the report. Training and test personas share no text; all have values of the writer's `seen`."""
    personas = [
        grown(config, "profiles", 300),
        grown(config, "test-profiles", 20, unlike="profiles"),
        grown(config, "personalities", 120),
        grown(config, "test-personalities", 5, unlike="personalities"),
    ]
    return [*personas, *trained(config), *measured(config)]


def grown(config: "DemoOptions", name: str, count: int, *, unlike: str = "", values: str = "seen") -> Step:
    """Personas, or those to test with, which are unlike the ones to train with."""
    folder, profile = config.folder / "personas", name.endswith("profiles")
    model = ("--model", f"offline?values={values}") if profile else ()
    grow = ("personas", "grow", "--kind", "profile" if profile else "personality", *model, "--target", str(count))
    others = ("--seeds", f"{folder}/{unlike}.jsonl") if unlike else ()
    seed = f"10{config.seed}" if unlike else config.seed
    end = ("--encoder", "tfidf", "--without-seeds", "--resume", *others, *seeded(seed, folder / f"{name}.jsonl"))
    return Step(f"{count} {name.replace('-', ' ')}", 1, (*grow, *end))


def people(config: "DemoOptions", profiles: str, personalities: str) -> tuple[str, ...]:
    folder = config.folder / "personas"
    return "--profiles", f"{folder}/{profiles}.jsonl", "--personalities", f"{folder}/{personalities}.jsonl"


def trained(config: "DemoOptions") -> list[Step]:
    """Two corpora, and a training on each."""
    out, seed = config.folder, config.seed
    conversations, pairs, turns, _ = config.sizes
    simulate = ("simulate", *people(config, "profiles", "personalities"), "--turns", str(turns), "--resume")
    return [
        Step(
            f"{conversations:,} conversations to fine-tune on",
            conversations / 18,
            (*simulate, "--conversations", str(conversations), *seeded(seed, out / "corpus")),
        ),
        Step(
            f"{pairs:,} conversations with pairs of replies to prefer",
            pairs / 18,
            (*simulate, "--conversations", str(pairs), *seeded(f"20{seed}", out / "pairs")),
        ),
        Step(
            "supervised fine-tuning (SFT) of the model `small`",
            conversations * turns / 100,
            ("train", "sft", f"{out}/corpus", "--model", "small", *SFT, *seeded(seed, out / "sft"), "--resume"),
        ),
        Step(
            "direct preference optimisation (DPO) of that",
            pairs * turns / 60,
            ("train", "dpo", f"{out}/pairs", "--model", f"{out}/sft", *DPO, *seeded(seed, out / "dpo"), "--resume"),
        ),
    ]


def measured(config: "DemoOptions") -> list[Step]:
    """By choice, by the rewards of DPO, and by a judge; then the report, with choice first."""
    out = config.folder
    sft, dpo = f"hf:{out}/sft", f"hf:{out}/dpo"
    some = ("--cases", "10") if config.small else ()
    return [
        Step(
            "which of four replies suits the person? asked without any judge",
            2 if config.small else 45,
            (
                *("choice", "base=hf:small", f"sft={sft}", f"dpo={dpo}", f"shuffled=shuffled:{dpo}"),
                *(f"last=last:{dpo}", *some, "--out", f"{out}/choice", "--resume"),
            ),
        ),
        Step(
            "the same by the reward that DPO has taught",
            1 if config.small else 20,
            ("choice", f"dpo={dpo}", "--reference", sft, *some, "--out", f"{out}/reward", "--resume"),
        ),
        rated(config, "evaluation", candidates(config), people(config, "test-profiles", "test-personalities")),
        reported(config, "report.html", "choice", "reward", "evaluation", "sft", "dpo", "pairs"),
    ]


def splits(config: "DemoOptions") -> list[Step]:
    """Two more test sets: personas with values that no training text contains, and the benchmark."""
    few = candidates(config)[:5]
    return [
        grown(config, "unseen-profiles", 20, unlike="profiles", values="unseen"),
        rated(config, "unseen", few, people(config, "unseen-profiles", "test-personalities")),
        rated(config, "benchmark", few, ()),
        reported(config, "splits.html", "unseen", "benchmark"),
    ]


def rated(config: "DemoOptions", name: str, some: Sequence[str], whom: Sequence[str]) -> Step:
    """Several candidates at once: the replies of one are judged while another one writes."""
    cases, turns = config.sizes.cases, config.sizes.turns
    size = ("--cases", str(cases), "--turns", str(turns), "--concurrency", "300", "--resume")
    return Step(
        f"{cases} people talk with each of {len(some)} candidates, and a judge rates the replies",
        cases * turns * len(some) / 70,
        ("evaluate", *some, *whom, *size, *seeded(f"10{config.seed}", config.folder / name)),
    )


def reported(config: "DemoOptions", file: str, *runs: str) -> Step:
    out = config.folder
    return Step("the report", 3, ("report", *(f"{out}/{run}" for run in runs), "--out", f"{out}/{file}"))


def candidates(config: "DemoOptions") -> list[str]:
    """The model before and after its trainings, bounds, and controls: of what the dialogue gives, and of the judge."""
    from i2a.simulator.parts.controls import CONTROLS

    params = f"{SAMPLING}&max_batch={config.sizes.cases}"
    base, sft, dpo = (f"hf:{model}?{params}" for model in ("small", config.folder / "sft", config.folder / "dpo"))
    models = (f"base={base}", f"sft={sft}", f"dpo={dpo}")
    wrapped = (f"shuffled=shuffled:{dpo}", f"last=last:{dpo}", f"brief=brief:{base}")
    return [*models, *BOUNDS, *wrapped, *(f"{name}=offline:{name}" for name in CONTROLS if name != "generic")]


def seeded(seed: int | str, out: Path) -> tuple[str, ...]:
    return "--seed", str(seed), "--out", str(out)


def run(plan: Sequence[Step], *, err: bool) -> None:
    """Step after step, each with how long it and all that follows will take. Raises `typer.Exit` where one fails.

    `err`: all that is printed goes to standard error.
    """
    began, expected = time.monotonic(), 0.0
    for number, step in enumerate(plan, 1):
        pace = (time.monotonic() - began) / expected if expected > 2 * STARTING else 1.0
        here = pace * (STARTING + step.seconds)
        left = pace * sum(STARTING + later.seconds for later in plan[number - 1 :])
        times = f"about {spoken(here)}; until the report {spoken(left)}"
        typer.echo(f"\n[{number}/{len(plan)}] {step.title}: {times}", err=err)
        typer.echo(f"$ i2a {shlex.join(step.args)}", err=err)
        call(step.args, err=err)
        expected += STARTING + step.seconds
    typer.echo(f"\nDone in {spoken(time.monotonic() - began)}.", err=err)


def call(args: Sequence[str], *, err: bool = False) -> None:
    """Run a command of `i2a` to its end; Ctrl-C, which it gets too, and SIGTERM let it finish. Raises `typer.Exit`."""
    sys.stdout.flush()
    process = subprocess.Popen([sys.executable, "-P", "-m", "i2a.cli", *args], stdout=STDERR if err else None)
    code = 0

    def stopped(number: int, frame: object) -> None:
        nonlocal code
        code = 128 + number
        if number == signal.SIGTERM:
            process.send_signal(number)

    before = {number: signal.signal(number, stopped) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        returned = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code := code or (returned if returned >= 0 else 128 - returned):
        typer.echo(f"stopped at this step; {shlex.join(['i2a', *sys.argv[1:]])} continues here", err=True)
        raise typer.Exit(code)


def first_case(folder: Path) -> str:
    """The id of a case of the evaluation."""
    with (folder / "evaluation/trees.jsonl").open(encoding="utf-8") as trees:
        case: str = json.loads(trees.readline())["options"]["case"]
        return case


def spoken(seconds: float) -> str:
    """`40 s`, `3 min`."""
    return f"{max(5, 5 * round(seconds / 5))} s" if seconds < 90 else f"{round(seconds / 60)} min"
