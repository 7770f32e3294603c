"""The cards of exported datasets: how they were made and, of training rows, how TRL, Axolotl and others read them.

What the manifest of the run does not say is called unknown.
"""

import json
from collections.abc import Mapping

from i2a.jsonl import JsonMapping, JsonObject
from i2a.report.cards.markdown import fill, simulated, table
from i2a.runs.simulated import is_simulated, simulated_roles
from i2a.text import counted
from i2a.trees.formats import Exported

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
# The formats of `i2a export` that get this card, and what a row of each is.
WHAT = {
    "sft": "Each row is a dialogue with the reply to learn.",
    "dpo": "Each row is a dialogue with the reply that a judge prefers for this very person, and the other reply.",
}
WHAT_ROLE = {
    "sft": "Each row is a dialogue with what the role `{role}` says or answers next, under the prompt it was sent.",
    "dpo": "Each row is a dialogue, under the prompt of the role `{role}`, with a better and a worse reply of it.",
}
COLUMNS = {
    "tree": "id of the conversation; its rows stand together",
    "profile": "id of the facts about the user; split by this",
    "personality": "id of how the user talks; split by this too",
    "turn": "which reply of the conversation it is, from 1",
}


def dataset_card(exported: Exported) -> str:
    """The card of rows to train on."""
    format, role = exported.format, exported.options.get("role")
    return fill(
        "dataset",
        **_described(exported),
        pretty_name=json.dumps(f"{format.upper()} rows of i2a"),
        title=f"{exported.rows:,} rows for {format.upper()}",
        what=WHAT_ROLE[format].format(role=role) if role else WHAT[format],
        columns=table(COLUMNS),
        readers=readers(format, exported.options["layout"], exported.file),
    )


def conversations_card(exported: Exported) -> str:
    """The card of conversations in any other format."""
    return fill(
        "conversations",
        **_described(exported),
        pretty_name=json.dumps(f"Conversations of i2a, format {exported.format}"),
        title=f"{exported.trees:,} conversations",
        rows=counted(exported.rows, "rows"),
        format=exported.format,
    )


def _described(exported: Exported) -> JsonObject:
    """What all cards of datasets say."""
    manifest, warning = exported.manifest, is_simulated(exported.manifest)
    roles = ", ".join(simulated_roles(manifest))
    tags = ["i2a", *([] if "imported" in manifest.get("identity", {}) else ["synthetic"]), "conversational"]
    return {
        "tags": ", ".join([*tags, exported.format, *(["simulated"] if warning else [])]),
        "size": next((name for limit, name in SIZES.items() if exported.rows < limit), "n>10M"),
        "data_files": json.dumps(exported.file),
        "trees": counted(exported.trees, "trees"),
        "simulated": simulated(f"played these roles: {roles}" if roles else "took part") if warning else "",
        "origin": table(origin(manifest)),
        "options": table(exported.options),
        "left_out": "; ".join(exported.left_out_in_words) or "nothing",
    }


def origin(manifest: JsonMapping) -> JsonObject:
    """How the trees came about, flat: `models.judge`."""
    identity = manifest.get("identity", {})
    if not identity:
        return {"origin": "unknown: the file of trees was not in the folder of a run"}
    flat: JsonObject = {}
    for name, value in identity.items():
        flat |= {f"{name}.{key}": part for key, part in value.items()} if isinstance(value, Mapping) else {name: value}
    if "imported" in identity:
        flat["models"] = "unknown: a published record does not say who wrote it"
    return flat


def readers(format: str, layout: str, file: str) -> str:
    """How other tools read a `file` of rows, as Markdown. Not every tool reads every layout."""
    values = {"file": json.dumps(file), "kind": "parquet" if file.endswith(".parquet") else "json"}
    trl = fill("reader_trl", trainer=format.upper(), **values)
    axolotl = fill(f"reader_axolotl_{format}", messages="prompt" if layout == "trl" else "messages", **values)
    llama_factory = fill(f"reader_llama_factory_{format}", **values)
    elsewhere = f"LLaMA-Factory reads `i2a export --format {format} --option layout=messages`"
    if layout == "messages":
        return f"{llama_factory}\n{axolotl}"
    if format == "sft":
        return f"{trl}\n{elsewhere}, and so does Axolotl.\n"
    return f"{trl}\n{axolotl}\n{elsewhere}.\n"
