"""The model card: what a model was made of and how, so that somebody else can judge it and make it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

TITLES = {"sft": "supervised fine-tuning", "dpo": "direct preference optimisation"}


def card(result: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """The card as Markdown, with the metadata that the hub reads."""
    identity, corpus = manifest["identity"], manifest["corpus"]
    stage, source = identity["stage"], identity["model"]["source"]
    simulator = (
        "\nThe corpus comes from i2a's offline engine, a rule-based simulator: what is measured with such data is "
        "about the simulator, not about people.\n"
        if corpus["simulated"]
        else ""
    )
    return f"""---
{_metadata(stage, source, adapter=result["adapter"])}
---

# {Path(result["model"]).name}

`{_named(source)}` after {TITLES[stage]} with [i2a](https://arxiv.org/abs/2410.03642) on conversation trees: it is to
infer the unspoken persona of whoever it talks to from the dialogue so far, and to adapt to it turn by turn.
{"This is a LoRA adapter for the model that its `adapter_config.json` names." if result["adapter"] else ""}
{simulator}
## Data

{_table(_data(corpus, result))}

Personas of i2a's benchmark are refused as training data. The fingerprints are of the trees and of the personas' texts,
whatever the order of files and lines.

## Training

{_table(_settings(identity["settings"], result))}

## How it went

{_table(_course(result))}

## Versions

{_table(manifest["versions"])}
"""


def _metadata(stage: str, source: str, *, adapter: bool) -> str:
    lines = [f"library_name: {'peft' if adapter else 'transformers'}", f"tags: [i2a, trl, {stage}]"]
    if not Path(source).is_absolute():  # a model of the hub
        lines.append(f"base_model: {source}")
    return "\n".join(lines)


def _named(source: str) -> str:
    return Path(source).name if Path(source).is_absolute() else source


def _data(corpus: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    part = corpus["parts"]["train"]
    runs = "; ".join(_of_run(run) for run in corpus["sources"])
    return {
        "runs": runs,
        "corpus fingerprint": corpus["fingerprint"],
        "persona fingerprint": corpus["personas"],
        "trees": part["trees"],
        "rows": result["rows"],
        "left out": "; ".join(result["notes"]) or "nothing",
    }


def _settings(given: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """What was set and what came of it, less what had no part in it."""
    without = set() if result["adapter"] else {"lora_rank", "lora_alpha"}
    if given.get("mix") is None:
        without.add("mix_ratio")
    return {name: value for name, value in {**given, **result["settings"]}.items() if name not in without}


def _course(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "steps": result["steps"],
        "at first": result["first"],
        "at last": result["last"],
        "held-out personas": result["validation"],
        "tokens of the rows / tokens computed": result["tokens_saved"],
    }


def _of_run(run: Mapping[str, Any]) -> str:
    models = sorted(set(run.get("models", {}).values()))
    return f"{run['run']} ({', '.join(models)})" if models else str(run["run"])


def _table(values: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {_cell(value)} |" for name, value in values.items() if value is not None]
    return "\n".join(["| | |", "|---|---|", *rows])


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(part)}" for name, part in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", r"\|").replace("\n", " ")
