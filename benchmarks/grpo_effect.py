"""Does interaction teach more than pairs do? GRPO against DPO from the same SFT model, each measured on what it was not
trained on.

Needs the folder of a finished `i2a demo` (one for each seed), whose models, personas and people to test with it takes.
From its SFT model it trains on the judge's score (`judge`) and on a reward that asks no judge (`recognised`: how surely
a reply is for this person and not for one of three others, as the SFT model reads it), on the personas of training, for
about as long as the demo spent on pairs and DPO. Then `i2a choice` and `i2a evaluate`, with controls. What rises only
on the reward that was trained on is hacking. Nothing here looks at the people of the test before the end.

Run: python benchmarks/grpo_effect.py runs/demo [--seed 1] [--iterations 5]; half an hour on two cores.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from i2a.cli.demo import BOUNDS, SAMPLING

REWARDS = ("judge", "recognised")
TRAINING = ["--turns", "10", "--conversations", "16", "--replies", "4", "--updates", "2", "--max-new-tokens", "48"]


def i2a(*words: str) -> None:
    print("$ i2a", *words, flush=True)
    subprocess.run([sys.executable, "-m", "i2a.cli", *words], check=True)


def people(demo: Path, prefix: str = "") -> list[str]:
    folder = demo / "personas"
    halves = (("--profiles", "profiles"), ("--personalities", "personalities"))
    return [word for flag, name in halves for word in (flag, f"{folder}/{prefix}{name}.jsonl")]


def train(demo: Path, out: Path, name: str, options: argparse.Namespace) -> None:
    reader = ["--role-model", f"reader=hf:{demo}/sft"] if name == "recognised" else []
    pace = ["--iterations", str(options.iterations), "--learning-rate", str(options.learning_rate)]
    i2a(
        *("train", "grpo", "--model", f"{demo}/sft", *people(demo), "--reward", f"{name}=1", *reader),
        *(*TRAINING, *pace, "--dtype", "fp32", "--seed", str(options.seed), "--out", f"{out}/{name}"),
        *(["--resume"] if (out / name).exists() else []),
    )


def measure(demo: Path, out: Path, options: argparse.Namespace) -> None:
    models = {"sft": demo / "sft", "dpo": demo / "dpo", **{f"grpo-{name}": out / name for name in REWARDS}}
    plain = [f"{name}=hf:{model}" for name, model in models.items()]
    last = f"hf:{out}/judge"
    controls = [f"shuffled=shuffled:{last}", f"last=last:{last}"]
    i2a("choice", "base=hf:small", *plain, *controls, "--out", f"{out}/choice", "--resume")
    spoken = [f"{name}=hf:{model}?{SAMPLING}&max_batch={options.cases}" for name, model in models.items()]
    controls = [f"{name}={kind}:{last}?{SAMPLING}" for name, kind in (("shuffled", "shuffled"), ("last", "last"))]
    bounds = [f"base=hf:small?{SAMPLING}", *BOUNDS, "parrot=offline:parrot", "retrieval=offline:retrieval"]
    i2a(
        *("evaluate", *bounds, *spoken, *controls, *people(demo, "test-"), "--cases", str(options.cases)),
        *("--turns", "10", "--concurrency", "300", "--seed", f"10{options.seed}", "--out", f"{out}/evaluation"),
        "--resume",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/effect"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--cases", type=int, default=60)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in REWARDS:
        train(options.demo, options.out, name, options)
    measure(options.demo, options.out, options)
    for name in REWARDS:
        result = json.loads((options.out / name / "result.json").read_text("utf-8"))
        first, last = result["first"], result["last"]
        print(f"{name}: reward {first['reward']:.3f} -> {last['reward']:.3f} in {result['session']['seconds']:.0f} s")
    dpo = json.loads((options.demo / "dpo/result.json").read_text("utf-8"))["session"]["seconds"]
    print(f"DPO took {dpo:.0f} s, without its pairs")
    for run in ("choice", "evaluation"):
        i2a("compare", str(options.out / run))


if __name__ == "__main__":
    main()
