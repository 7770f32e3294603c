"""The card of exported rows: Markdown with the YAML header of Hugging Face datasets.

It says how the rows were made and how other tools read them. What no manifest tells is said to be unknown.
"""

import json
from collections.abc import Mapping
from typing import Any

from i2a.trees.formats import Exported
from training.corpus import is_simulator, models_of, origin
from training.readers import readers

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
WHAT = {
    "sft": "Dialogues, each with the reply to learn.",
    "dpo": "Dialogues, each with the reply that a judge prefers for this very person, and with the other one.",
}
SIMULATED = """
> **Simulated.** i2a's offline engine, a rule-based simulator and no language model, took these parts: {roles}. What is
> measured with such rows is about the simulator: never mix it with the numbers of a language model.
"""
COLUMNS = {
    "tree": "id of the conversation; its rows stand together",
    "profile": "id of what is so about the user; split by this",
    "personality": "id of how the user talks; split by this too",
    "turn": "which reply of the conversation it is, from 1",
}


def dataset_card(done: Exported) -> str:
    simulators = [role for role, model in models_of(done.manifest).items() if is_simulator(model)]
    return f"""---
pretty_name: {json.dumps(f"{done.format.upper()} rows of i2a")}
task_categories: [text-generation]
tags: [i2a, synthetic, conversational, {done.format}{", simulated" if simulators else ""}]
size_categories: [{next((name for limit, name in SIZES.items() if done.rows < limit), "n>10M")}]
configs:
- config_name: default
  data_files: {json.dumps(done.file)}
---
# {done.rows:,} rows for {done.format.upper()}

{WHAT[done.format]}
A dialogue is the path that was really taken to the reply, without a system prompt that would say who the user is: that
is for the model to find out and to adapt to. Made with i2a ([arXiv 2410.03642](https://arxiv.org/abs/2410.03642)) from
{done.trees:,} conversation trees.
{SIMULATED.format(roles=", ".join(simulators)) if simulators else ""}
## How the trees were grown

{_table(_told(origin(done.manifest)))}

## How the rows were chosen

{_table({name: value for name, value in done.options.items() if value is not None})}

A row is left out, never guessed, where the judge's verdict is unknown or disputed. Left out:
{"; ".join(done.told_left_out) or "nothing"}.

## Columns

Beside the messages (`role`, `content`):

{_table(COLUMNS)}

Split by `profile` and by `personality`, never by row: rows of one persona on both sides of a split are a leak.

## How to read it

{readers(done.format, done.options["layout"], done.file)}
"""


def _told(made: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the trees came about, flat: `models.judge`."""
    if not made:
        return {"origin": "unknown: the file of trees lay in no folder of a run"}
    flat: dict[str, Any] = {}
    for name, value in made.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": told for inner, told in value.items()}
        else:
            flat[name] = value
    if "imported" in made:
        flat["models"] = "unknown: a published record does not tell who wrote it"
    return flat


def _table(values: Mapping[str, Any]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in values.items())])


def _cell(value: object) -> str:
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(told.replace("|", "\\|").split())
