"""`i2a evaluate`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command
from i2a.cli.dry_run import tell

if TYPE_CHECKING:
    from pathlib import Path

    from evaluation.settings import Evaluation

EXAMPLE = """\
i2a evaluate offline:generic offline:oracle --cases 4 --turns 3 \\
    --out runs/controls
i2a evaluate offline:generic offline:oracle --scenario drift \\
    --option change=3 --cases 4 --turns 4 --out runs/drift
i2a evaluate sft=hf:runs/sft dpo=hf:runs/dpo --out runs/eval \\
    --user openai:gpt-4o-mini --judge openai:gpt-4o"""
TOML = """\
out = "runs/eval"
candidates = ["sft=hf:runs/sft", "dpo=hf:runs/dpo"]
user = "openai:gpt-4o-mini"
judge = ["openai:gpt-4o"]"""


@command("evaluation.settings:Evaluation", example=EXAMPLE, toml=TOML, extra="evaluate")
def evaluate(config: "Evaluation", as_json: bool) -> None:
    """Measure how well candidates adapt to a person as the dialogue continues: the ALOE benchmark.

    Each candidate talks with the same simulated users, and a judge rates every reply. AL(k), the alignment level, is
    the mean score of the replies at turn k; AVG is the mean of AL(k) over the turns; IR, the improvement rate, is the
    slope of AL(k). The Inducer, who lists what a dialogue has revealed about its user, serves the audit of the users.

    With --scenario drift the person becomes somebody else on the way, and how fast candidates follow is measured; with
    --scenario sessions it comes back, and only a note is carried over.

    Controls: offline:generic (the floor), offline:oracle (knows the persona, the ceiling), and those that understand
    nothing and should stay near the floor: offline:parrot, offline:facts, offline:salad, offline:manner,
    offline:babble and offline:retrieval. The gain over the best of them stands beside that over the baseline. Writes
    trees.jsonl, scores.jsonl, summary.json, curves.png and curves.svg. With --rejudge SIMULATION, --ratings takes
    people's choices between two replies, and agreement.json says how far they agree with the verdicts there. Press
    Ctrl-C once to finish in-flight requests and stop; --resume continues, and on a complete run only recomputes the
    results. Exit code 3: some dialogues failed, or none was scored; 4: the budget is spent; 130: interrupted.
    """
    from rich.console import Console

    from evaluation.benchmark import evaluate as run
    from evaluation.benchmark import plan_of
    from evaluation.choices import holds_choices
    from i2a.report.evaluation_result import as_dict, print_result
    from i2a.report.plots import draw

    if config.rejudge is not None and config.ratings is not None and holds_choices(config.ratings):
        compare_choices(config.rejudge, config.ratings, config.out, as_json)
        return
    if config.dry_run:
        tell(plan_of(config).run, config, as_json)
        return
    result = run(config, console=Console(stderr=True), draw=draw)
    if as_json:
        typer.echo(json.dumps(as_dict(result)))
    else:
        print_result(result, Console(stderr=True))
    result.raise_for_status()


def compare_choices(run: "Path", file: "Path", out: "Path", as_json: bool) -> None:
    """Of people between two replies, with the verdicts that the run holds: no model is called."""
    from rich.console import Console

    from evaluation.choices import agreement_on_choices
    from i2a.files import atomic_write
    from i2a.report.tables import agreement_table

    agreed = agreement_on_choices(run, file)
    told = json.dumps({"run": str(run), "ratings": str(file), "agreement": agreed.as_json()})
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "agreement.json") as target:
        target.write(told.encode() + b"\n")
    if as_json:
        typer.echo(told)
        return
    console = Console(stderr=True)
    console.print(agreement_table(agreed))
    console.print(f"No model was called; written to {out / 'agreement.json'}", highlight=False, markup=False)
